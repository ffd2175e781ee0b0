"""LLMs as authors of segmentation code: prompt, answer, sandbox, errors, rounds, score."""

from llmseg.study.collect import collect

__all__ = ["collect"]
