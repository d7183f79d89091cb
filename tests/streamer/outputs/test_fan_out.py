"""An event goes to all outputs that still take any."""

import pytest

from streamer.errors import RunError
from streamer.events import Event
from streamer.outputs.base import Output
from streamer.outputs.fan_out import fan_out
from tests.streamer.outputs.samples import Sample
from tests.streamer.session.test_pipeline import Collect


class Raises(Collect):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def send(self, event: Event) -> None:
        await super().send(event)
        raise self.error


async def test_one_that_fails_keeps_it_from_none_and_the_first_failure_is_told() -> None:
    outputs = [Collect(), Raises(RunError("full")), Collect(), Raises(ValueError()), Collect()]
    event = Sample().started()
    with pytest.raises(RunError, match="full"):
        await fan_out(event, outputs, set())
    assert [output.events for output in outputs] == [[event]] * 5


async def test_one_whose_reader_has_gone_gets_nothing_more() -> None:
    gone: set[Output] = set()
    left, stays = Raises(BrokenPipeError()), Collect()
    for _ in range(3):
        await fan_out(Sample().started(), [left, stays], gone)
    assert (len(left.events), len(stays.events), gone) == (1, 3, {left})


async def test_when_all_have_gone_that_is_said() -> None:
    with pytest.raises(BrokenPipeError):
        await fan_out(Sample().started(), [Raises(BrokenPipeError())], set())
    await fan_out(Sample().started(), [], set())
