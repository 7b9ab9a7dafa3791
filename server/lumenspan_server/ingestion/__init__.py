"""The batch endpoint and the deprecated routes of single events."""
