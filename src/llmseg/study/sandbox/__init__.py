"""Runs code that nobody has read: without network, secrets, or more of the machine than it was given.

Interface: `run`, with `Box` (what the code sees), `Limits` and `Outcome`; `in_force` and `require_isolation` say what
this machine can do. Linux only.
"""

from llmseg.study.sandbox.box import Box, Limits, Outcome
from llmseg.study.sandbox.isolation import in_force, require_isolation, run

__all__ = ["Box", "Limits", "Outcome", "in_force", "require_isolation", "run"]
