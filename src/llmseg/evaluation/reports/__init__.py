"""How good a written report is: words, meaning, clinical agreement, and the rules beside it."""
