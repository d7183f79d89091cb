"""Errors that are the user's to mend; importable without torch. Their messages are one line."""


class UsageError(Exception):
    """Bad usage. The message says what to do."""


class RunFolderError(Exception):
    """A run's folder can't be used. The message says why."""


class TrainingError(Exception):
    """Training went wrong while it ran. The message says what to try."""
