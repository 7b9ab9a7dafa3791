"""REST routes of evaluators and evaluation rules."""
