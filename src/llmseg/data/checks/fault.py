"""One row of the table of faults."""

from dataclasses import dataclass
from pathlib import Path

FAULT, WARNING = "fault", "warning"


@dataclass(frozen=True)
class Fault:
    """Something wrong with a data set.

    Attributes:
        case: id of the case; empty for what concerns no single one.
        file: where it is; empty where no file is to blame.
        kind: what was checked: layout (what the reader finds), list (split), header, grid, flip, voxels, label, copy or
            class.
        fault: what is wrong.
        remedy: what to do.
        severity: `fault`, or `warning` where the data can be right as they are.
    """

    case: str
    file: str
    kind: str
    fault: str
    remedy: str
    severity: str = FAULT

    @classmethod
    def of(cls, message: object, kind: str, case: str = "", severity: str = FAULT) -> "Fault":
        """Take apart a message of this package, `file: what is wrong: what to do`; the last part may be missing."""
        head, _, rest = str(message).partition(": ")
        if not Path(head.partition(" and ")[0]).is_absolute():
            head, rest = "", str(message)
        what, _, remedy = rest.rpartition(": ")
        return cls(case, head, kind, what or remedy, remedy if what else "", severity)
