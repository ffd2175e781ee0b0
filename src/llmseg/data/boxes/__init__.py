"""Boxes around what a mask shows, on slices with one image a sequence."""
