"""Evaluators, which say how to score, and the rules that say what is scored with them."""
