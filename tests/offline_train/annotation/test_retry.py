"""When a request is sent again."""

import random
from datetime import UTC, datetime

import pytest

from offline_train.annotation.retry import LONGEST_BACKOFF_S, retry_after, wait_before_retry

NOW = datetime(2025, 4, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Tue, 01 Apr 2025 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Tue, 01 Apr 2025 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
    ],
)
def test_what_the_endpoint_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_waits_double_up_to_a_minute_with_jitter() -> None:
    chance = random.Random(0)
    for attempt in range(12):
        full = min(LONGEST_BACKOFF_S, 2.0**attempt)
        waits = [wait_before_retry(attempt, 1.0, None, chance) for _ in range(50)]
        assert all(full / 2 <= wait <= full for wait in waits)
        assert len(set(waits)) > 1


def test_never_sooner_than_asked() -> None:
    chance = random.Random(0)
    assert all(5.0 <= wait_before_retry(attempt, 1.0, 5.0, chance) <= 6.0 for attempt in range(12))
