"""Brings the events of grpcio's core to the event loop.

1. The loop takes events itself, as long as there are some: a busy server hands nothing from thread to thread.
2. Only when `TURNS` turns of the loop have brought none does a thread wait for the next one, and wakes the
   loop: what is answered at once finds the loop awake. In between others have the core. So each event is
   handled on the loop, and in the order of the queue.
3. At most `AT_ONCE` are handled in a turn; whatever else the loop has to do comes between.
4. What an event's tag raises is told to the loop's exception handler, and harms no other event.
"""

import asyncio
import os
import threading

from protocol.transport import core

AT_ONCE = 64
TURNS = 4
NOW = 0.0
"""A time long past: polling until then does not wait."""


class Completions:
    """Hands every event of a queue to its tag, on the loop. Made and used on the loop's thread."""

    def __init__(self) -> None:
        self.queue = core.new_queue()
        self._loop = asyncio.get_running_loop()
        self._first: core.Event | None = None
        self._quiet = 0
        """Turns since the last event."""
        self._is_over = asyncio.Event()
        self._wait = threading.Lock()
        self._wait.acquire()
        self._thread = threading.Thread(target=self._watch, name="grpc-completions", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._wait.release()

    async def close(self) -> None:
        """Hand over what is left, and end. Nothing may be started any more."""
        self.queue.shutdown()
        await self._is_over.wait()
        self._thread.join()

    def _watch(self) -> None:
        """Wait for the events that come while the loop has nothing to do. Runs on its own thread."""
        while True:
            self._wait.acquire()
            if self._is_over.is_set():
                return
            self._first = self.queue.poll()
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop was closed with the server running
                return

    def _wake(self) -> None:
        first, self._first = self._first, None
        if first is not None and self._handle(first):
            # An event that is kept while its queue is polled keeps its call alive.
            del first
            self._quiet = 0
            self._drain()

    def _drain(self) -> None:
        poll, handle = self.queue.poll, self._handle
        for number in range(AT_ONCE):
            event = poll(NOW)
            if event.tag is None and event.completion_type != core.IS_SHUT_DOWN:
                self._quiet = 0 if number else self._quiet + 1
                break
            if not handle(event):
                return
        else:
            self._quiet = 0
        if self._quiet > TURNS:
            self._wait.release()
            return
        if self._quiet:
            os.sched_yield()
        self._loop.call_soon(self._drain)

    def _handle(self, event: core.Event) -> bool:
        """Hand over an event; False for the last one."""
        tag = event.tag
        if tag is None:
            self._is_over.set()
            self._wait.release()
            return False
        try:
            tag(event)
        except Exception as error:  # noqa: BLE001 - the next event is another call's
            self._loop.call_exception_handler({"message": "a gRPC event was not handled", "exception": error})
        return True
