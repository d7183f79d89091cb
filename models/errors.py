"""Errors of loading models; importable without torch. Their messages are one line that says what to do."""


class BaseEncoderError(Exception):
    """A base encoder is not on this machine and can't be fetched, or is not the one pinned."""


class BundleError(Exception):
    """A bundle is missing, broken or was changed."""
