"""Measurements of the whole system: `make bench`, or `python -m bench ROW...`."""
