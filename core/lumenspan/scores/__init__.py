"""Scores: judgements of traces, observations, sessions and experiment runs, and the configs they follow."""
