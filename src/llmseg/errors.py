"""Errors that a user can act on: one line each, printed without a stack trace."""


class UserError(Exception):
    """A mistake in what the user gave us; the message names the file or key and says what to do. Exit code 1."""

    exit_code = 1


class ConfigError(UserError):
    """A configuration that cannot be right: unknown key, wrong type, unknown choice. Exit code 2."""

    exit_code = 2


class DataError(UserError):
    """A data set, scan or label that cannot be used as it is. Exit code 1."""


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, or its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def one_line(error: BaseException) -> str:
    """Return an exception as one line: a user error's message, or else its type and message."""
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}".removesuffix(": ")
