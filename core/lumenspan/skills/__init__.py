"""Skills: versions of bundles of files that agents read."""
