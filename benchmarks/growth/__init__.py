"""How time and memory grow: points that are measured, a line through some, a check on the others, estimates."""
