"""Errors for the user to fix, with messages of one line; importable without torch."""


class UsageError(Exception):
    """Invalid usage. The message says what to do."""


class RunFolderError(Exception):
    """A run's folder can't be used. The message says why."""


class TrainingError(Exception):
    """Training failed at run time. The message says what to try."""
