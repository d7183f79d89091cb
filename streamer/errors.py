"""Errors that are the user's to mend: shown as one line, without a traceback."""


class InputError(Exception):
    """Bad usage or input (exit code 2). The message says what is wrong and what to do, in one line."""


class RunError(Exception):
    """A failure while running (exit code 1). The message says what failed and what to do, in one line."""
