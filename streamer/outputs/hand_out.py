"""An event to all outputs, whatever befalls one of them."""

from collections.abc import Collection

from streamer.events import Event
from streamer.outputs.base import Output


async def hand_out(event: Event, outputs: Collection[Output], gone: set[Output]) -> None:
    """Give an event to every output: one that fails keeps it from none of the others.

    Those whose reader has gone get nothing more; they are put into `gone`.

    Raises:
        BrokenPipeError: all of them have gone.
        Exception: what the first of those raised that failed, when all others have the event.
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
