"""What a command prints of an error, for functions that are called from Python."""

import sys
from collections.abc import Callable

from llmseg.errors import UserError, one_line


def told(function: Callable[[], object]) -> int:
    """The exit code that a command would have; a user error is printed as a command prints it."""
    try:
        function()
    except UserError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return error.exit_code
    return 0
