"""Measure again: the commands behind each file of results/, and what is read from the runs that they leave."""
