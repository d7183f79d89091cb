"""An analyzer whose models are loaded in a thread, while sound is already taken."""

import asyncio
import gc
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from streamer.errors import as_exception
from streamer.machine.interrupts import LOADING
from streamer.transcribers.base import Transcriber
from streamer.turn_embedding.analyzer import Analyzer
from streamer.turn_embedding.running_sessions import Running

if TYPE_CHECKING:
    from models.bundle import Bundle


class LoadingAnalyzer(Analyzer):
    """An analyzer that begins to load its models.

    All loaded objects are exempted from garbage collection, which would stall the event loop.

    Args:
        load: loads the networks and the recogniser; runs in a thread.
    """

    def __init__(self, load: "Callable[[], tuple[Bundle, Transcriber]]") -> None:
        self.running = Running()
        self.is_ready = False
        self._loaded: Future[None] = Future()
        self._loaded.set_running_or_notify_cancel()  # nobody who no longer waits cancels it
        threading.Thread(target=self._load, args=[load], name=LOADING).start()

    async def ready(self) -> None:
        """Wait until the models are there.

        Raises:
            InputError: one of them is not available.
        """
        if not self.is_ready:
            await asyncio.wrap_future(self._loaded)

    def _load(self, load: "Callable[[], tuple[Bundle, Transcriber]]") -> None:
        gc.disable()  # it finds nothing among what is being loaded, and takes a seventh of the time
        try:
            self._take(*load())
        except BaseException as error:  # noqa: BLE001 - raised where the models are waited for
            self._loaded.set_exception(as_exception(error))
        else:
            self.is_ready = True
            self._loaded.set_result(None)
            self._workers.trace()
            gc.freeze()
        finally:
            gc.enable()
