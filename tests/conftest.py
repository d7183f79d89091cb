"""Fixtures that any test may ask for, and what CI does not let pass."""

import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.logged import warnings_logged
from tests.mosquitto import mosquitto as mosquitto


def pytest_sessionstart() -> None:
    """Programs that tests start can be interrupted, even where the tests run in the background.

    What they leave undelivered stays out of the user's outbox.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["MERITS_OUTBOX__PATH"] = str(Path(tempfile.mkdtemp(prefix="merits-tests-")) / "outbox.sqlite")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips for want of a system package has failed where CI should have installed it."""
    report = yield
    if report.skipped and os.environ.get("CI") and "is not installed" in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the program warns its user of during the test, a line each."""
    with warnings_logged() as said:
        yield said
