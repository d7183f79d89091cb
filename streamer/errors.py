"""Errors that the user can correct: shown as one line, without a traceback."""

from models.errors import OneLineError


class InputError(OneLineError):
    """Bad usage or input (exit code 2). The message says what is wrong and what to do, in one line."""


class RunError(OneLineError):
    """A failure while running (exit code 1). The message says what failed and what to do, in one line."""


def described(error: BaseException) -> str:
    """Any error in one line: its message, and its type unless it is one of ours."""
    said = " ".join(str(error).split())
    if isinstance(error, InputError | RunError) and said:
        return said
    kind = type(error).__name__
    return f"{kind}: {said}" if said else kind


def as_exception(error: BaseException) -> Exception:
    """Convert any error of a thread to one that a waiting task can raise.

    A task cannot raise `StopIteration`, and `SystemExit` and the like would end the event loop.
    """
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    told = RunError(f"it failed: {described(error)}")
    told.__cause__ = error
    return told
