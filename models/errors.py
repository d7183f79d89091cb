"""Errors of loading models; importable without torch. Their messages are one line that says what to do."""


class OneLineError(Exception):
    """An error with a message of one line: unprintable characters, as in quoted input, are escaped."""

    def __init__(self, message: str = "") -> None:
        super().__init__(
            "".join(
                each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
                for each in message
            )
        )


class BaseEncoderError(OneLineError):
    """A base encoder is not on this machine and can't be fetched, or does not have the pinned hash."""


class BundleError(OneLineError):
    """A bundle is missing, broken or was changed."""


class PackagedFilesError(OneLineError):
    """A file of an installed package is not the pinned one or is gone, or files can't be put together."""


class WhisperModelError(OneLineError):
    """A Whisper model is not on this machine and can't be fetched, is none, or is not the one pinned."""
