"""Runs a replay: outputs, keys, and Ctrl-C."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from streamer.machine.interrupts import Interrupts
from streamer.outputs.base import Output, OutputStatus, output_statuses
from streamer.outputs.controls import Controls
from streamer.outputs.mqtt.publishing import publishing
from streamer.replay.clock import Clock
from streamer.replay.player import Player
from streamer.replay.recording import Recording

if TYPE_CHECKING:
    from streamer.outputs.mqtt.address import BrokerAddress
    from streamer.outputs.terminal.view import TerminalView
    from streamer.settings.outbox import OutboxSettings


async def play(
    recordings: Sequence[Recording],
    outputs: Sequence[Output],
    clock: Clock,
    *,
    words: bool = True,
    broker: "BrokerAddress | None" = None,
    outbox: "OutboxSettings",
    view: "TerminalView | None" = None,
) -> int:
    """Play events files, side by side, until their end or a request to end.

    Returns:
        The exit code: 0, or 128 plus the number of the signal that ended it.
    """
    async with AsyncExitStack() as stack:
        broker_outputs = await stack.enter_async_context(publishing(broker, outbox, words=words))
        for output in outputs:
            await stack.enter_async_context(output)
        reach = None if view is None else view.reach
        player = Player(recordings, outputs, clock, publish=broker_outputs.stream, reach=reach, words=words)
        playing = asyncio.create_task(player.run())

        def fare() -> list[OutputStatus]:
            return [*broker_outputs.statuses, *output_statuses(outputs)]

        def stop() -> None:
            playing.cancel()

        with Interrupts(stop) as interrupts:
            if view is not None:
                view.control(Controls(quit=interrupts.ask, hold=clock.hold, outputs=fare))
            try:
                await asyncio.wait([playing])
            finally:
                playing.cancel()
            if not interrupts.asked:
                playing.result()
    return interrupts.exit_code
