"""Peak memory of single commands, each run in a process of its own."""
