"""Errors that are the user's to mend: shown as one line, without a traceback."""


class _Complaint(Exception):
    """An error whose message stays one line, whatever it quotes: what is not printable is escaped."""

    def __init__(self, message: str) -> None:
        super().__init__(
            "".join(
                each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
                for each in message
            )
        )


class InputError(_Complaint):
    """Bad usage or input (exit code 2). The message says what is wrong and what to do, in one line."""


class RunError(_Complaint):
    """A failure while running (exit code 1). The message says what failed and what to do, in one line."""
