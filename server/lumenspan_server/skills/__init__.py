"""REST routes of skills."""
