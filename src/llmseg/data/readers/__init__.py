"""Readers: functions from a data root to its cases."""

from llmseg.data.files import require_folder

__all__ = ["require_folder"]
