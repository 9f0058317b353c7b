"""One watcher: first the past, at its own pace, then what happens, from a bounded queue.

1. Everything but reading the past happens on the event loop; one consumer at a time asks.
2. The past is read when it is asked for, so a slow consumer of it holds nothing back and loses
   nothing. With nothing read left, it joins the live ones as soon as the hub remembers the rest.
3. A live watcher that is more than `max_behind` messages behind has them joined to one; beyond its
   byte bound it is ended. A single message that nothing was joined into is never too long.
4. Who stops waiting for a read finds its answer with the next call.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from projections.reading import JournalReader, Readers
from projections.watch.entry import Entry, joined
from projections.watch.past import Past, Told
from projections.watch.selector import Selector
from projections.watch.subscription import Encoder, EndOfWatch, Message, WatchEnded


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a watcher may hold."""

    max_behind: int = 100
    """Messages that wait before they are joined."""
    buffer_bytes: int = 4_096 * 1_024
    view_bytes: int = 1_024
    """What one view counts for in the buffer."""


class Live(Protocol):
    """What a watcher asks of the hub."""

    @property
    def revision(self) -> int:
        """Revision of the last append that the hub was told."""

    def join(self, watcher: "Watcher", position: int) -> list[Entry] | None:
        """Put the watcher among the live ones.

        Returns what was told from the position on; None when the hub does not remember that far,
        and then the watcher has not joined.
        """

    def leave(self, watcher: "Watcher") -> None:
        """Free the watcher's place; does nothing the second time."""


class Watcher:
    """The hub's side and the façade's side of one watch (projections/watch/subscription.py)."""

    def __init__(
        self,
        id: int,  # noqa: A002 - the name of the thing
        selector: Selector,
        start: int,
        *,
        hub: Live,
        readers: Readers[JournalReader],
        bounds: Bounds,
    ) -> None:
        self.id = id
        self.selector = selector
        self.revision = hub.revision
        self._hub = hub
        self._readers = readers
        self._bounds = bounds
        self._past: Past | None = Past(selector, start)
        self._position = start
        """While there is a past: everything below has been read."""
        self._reading: asyncio.Future[Told] | None = None
        self._read: deque[Entry] = deque()
        self._live: deque[Entry] = deque()
        self._size = 0
        """Estimated bytes of `_live`."""
        self._waiter: asyncio.Future[None] | None = None
        self._end: WatchEnded | None = None

    async def next(self) -> Message:
        """Wait for the next message; raises WatchEnded."""
        return (await self._next()).message

    async def next_encoded(self, encoder: Encoder) -> bytes:
        """Wait for the next message in its wire form; raises WatchEnded."""
        return (await self._next()).encoded(encoder)

    def close(self) -> None:
        """Leave: frees the watcher's place at once."""
        self.end(EndOfWatch.CANCELLED)

    # ------------------------------------------------------------ for the hub

    def join(self) -> bool:
        """Join the live ones if the hub remembers everything that is still to be told."""
        if self._past is not None:
            missed = self._hub.join(self, self._position)
            if missed is None:
                return False
            self._read.extend(missed)
            self._past = None
        return True

    def push(self, entry: Entry) -> None:
        """Take a message of what has just happened."""
        live = self._live
        live.append(entry)
        self._size += self._size_of(entry)
        if len(live) > self._bounds.max_behind:
            whole = joined(live)
            live.clear()
            live.append(whole)
            self._size = self._size_of(whole)
        if self._size > self._bounds.buffer_bytes and (len(live) > 1 or live[0].is_joined):
            self.end(EndOfWatch.OVERFLOW)
        self._wake()

    def end(self, reason: EndOfWatch) -> None:
        """Let no more messages come; the first reason counts."""
        if self._end is not None:
            return
        self._end = WatchEnded(reason, self._resume_revision)
        self._hub.leave(self)
        self._read.clear()
        self._live.clear()
        if self._reading is not None:
            self._reading.add_done_callback(_ignored)
        self._wake()

    # ------------------------------------------------------------ for the consumer

    async def _next(self) -> Entry:
        while True:
            if self._end is not None:
                raise WatchEnded(self._end.reason, self._end.resume_revision)
            if self._read:
                return self._read.popleft()
            if self._past is not None:
                if not self.join():
                    await self._read_past(self._past)
            elif self._live:
                entry = self._live.popleft()
                self._size -= self._size_of(entry)
                return entry
            else:
                await self._wait()

    async def _read_past(self, past: Past) -> None:
        if self._reading is None:
            until = self._hub.revision
            self._reading = asyncio.ensure_future(self._readers.run(_reads(past, until)))
        reading = self._reading
        try:
            told = await asyncio.shield(reading)
        except BaseException:
            if reading.done() and (reading.cancelled() or reading.exception() is not None):
                self._reading = None
            raise
        self._reading = None
        if self._end is None:
            self._position = told.position
            self._read.extend(Entry(message) for message in told.messages)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _size_of(self, entry: Entry) -> int:
        return len(entry.message.views) * self._bounds.view_bytes

    @property
    def _resume_revision(self) -> int:
        """The lowest revision that the consumer has not been told of."""
        if self._read:
            return self._read[0].first
        if self._past is not None:
            return self._position
        return self._live[0].first if self._live else self._hub.revision + 1


def _reads(past: Past, until: int) -> Callable[[JournalReader], Told]:
    return lambda reader: past.read(reader, until)


def _ignored(reading: "asyncio.Future[Told]") -> None:
    """Look at how a read ended that nobody waits for any more, so that nothing complains."""
    if not reading.cancelled():
        reading.exception()
