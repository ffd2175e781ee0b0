"""Scores of boxes, and the simple rules that a model has to beat."""
