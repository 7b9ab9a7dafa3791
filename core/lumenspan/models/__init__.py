"""Model definitions: which model a name means, what its units cost, how its tokens are counted."""
