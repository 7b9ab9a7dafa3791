"""One trace: its tree, its timeline, its content."""
