"""Reports: what was found, and what a reader wrote about it."""
