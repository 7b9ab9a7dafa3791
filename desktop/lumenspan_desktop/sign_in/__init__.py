"""Servers and sign-in."""
