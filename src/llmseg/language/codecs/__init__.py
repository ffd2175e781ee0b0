"""How vision-language models write boxes: one codec a dialect."""
