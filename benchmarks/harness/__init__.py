"""What every benchmark shares: two sides timed in turn, one row for each comparison, a table and a JSON file."""

from harness.command import main
from harness.peers import left_out, package
from harness.rows import Row, Work
from harness.same import Same, close, equal
from harness.timing import Options, Side, compare

__all__ = ["Options", "Row", "Same", "Side", "Work", "close", "compare", "equal", "left_out", "main", "package"]
