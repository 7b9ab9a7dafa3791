"""Batch events: partial updates of traces, observations and scores, merged by id in any order."""
