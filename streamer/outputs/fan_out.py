"""Sends an event to all outputs, even if one of them fails."""

from collections.abc import Collection

from streamer.events import Event
from streamer.outputs.base import Output


async def fan_out(event: Event, outputs: Collection[Output], gone: set[Output]) -> None:
    """Send an event to every output; if one fails, the others still get the event.

    Those whose reader has gone get nothing more; they are put into `gone`.

    Raises:
        BrokenPipeError: the readers of all outputs have gone.
        Exception: the first error of an output, after all others got the event.
    """
    failure: Exception | None = None
    for output in outputs:
        if output in gone:
            continue
        try:
            await output.send(event)
        except BrokenPipeError:
            gone.add(output)
        except Exception as error:  # noqa: BLE001 - raised below
            failure = failure or error
    if failure is not None:
        raise failure
    if gone and gone.issuperset(outputs):
        raise BrokenPipeError
