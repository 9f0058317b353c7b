"""One follower of events: first the past, then what happens, always in the order of the journal.

1. It holds a position and at most one page: what was not asked for is not read, so a slow follower
   holds nothing back, loses nothing and is never ended for being slow.
2. Everything below its position has been told. The position moves only with what is told, so there
   is neither gap nor repetition, wherever a page or an append ends.
3. What the hub remembers is taken from there; anything older, and whatever needs labels, is read
   from the journal by a reader.
4. A tail never begins inside an append: one of which the start is a part is told whole.
5. Everything but reading happens on the event loop; one consumer at a time asks.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from events.record import Recorded
from projections.reading import PAGE, JournalReader, Readers
from projections.tail.labels import Labels
from projections.tail.part import PART, Cutter, Part
from projections.tail.selector import EventSelector, may_match
from projections.watch.past import beginning
from projections.watch.subscription import EndOfWatch, WatchEnded


class Live(Protocol):
    """What a tail asks of the hub."""

    @property
    def revision(self) -> int:
        """Revision of the last append that was published."""

    def remembered(self, selector: EventSelector, position: int) -> Sequence[Part] | None:
        """Return what is selected from a position on, None when it is not remembered that far back."""

    def leave(self, tail: "Tail") -> None:
        """Free the tail's place; does nothing the second time."""


class Told(NamedTuple):
    """What one read found."""

    parts: list[Part]
    position: int
    """Everything below this revision has been told with these parts."""


class Tail:
    """A subscription to events. Made by the hub (projections/tail/hub.py)."""

    def __init__(
        self,
        selector: EventSelector,
        start: int,
        *,
        hub: Live,
        readers: Readers[JournalReader],
        page: int = PAGE,
        part: int = PART,
    ) -> None:
        self.revision = hub.revision
        """Revision current when the tail began."""
        self._selector = selector
        self._hub = hub
        self._readers = readers
        self._page = page
        self._position = start
        self._is_placed = False
        self._cutter: Cutter[JournalReader] = Cutter(self._is_selected, part=part)
        self._labels = Labels()
        self._ready: deque[Part] = deque()
        self._reading: asyncio.Future[Told] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._end: WatchEnded | None = None

    async def next(self) -> Part:
        """Wait for the next part; raises WatchEnded."""
        while True:
            if self._end is not None:
                raise WatchEnded(self._end.reason, self._end.resume_revision)
            if self._ready:
                return self._ready.popleft()
            if self._position > self._hub.revision:
                await self._wait()
            elif self._reading is None and (parts := self._remembered()) is not None:
                self._position = self._hub.revision + 1
                self._ready.extend(parts)
            else:
                await self._read()

    def close(self) -> None:
        """Leave: frees the place at once."""
        self.end(EndOfWatch.CANCELLED)

    # ------------------------------------------------------------ for the hub

    def wake(self) -> None:
        """Look again: something was appended."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def end(self, reason: EndOfWatch) -> None:
        """Let nothing more come; the first reason counts."""
        if self._end is None:
            self._end = WatchEnded(reason, self._resume_revision)
            self._hub.leave(self)
            self._ready.clear()
            if self._reading is not None:
                self._reading.add_done_callback(_ignored)
            self.wake()

    # ------------------------------------------------------------ inside

    @property
    def _resume_revision(self) -> int:
        """A revision from which on everything comes that was not told."""
        # Of an append told in part, the next tail tells the whole: any revision inside it will do.
        return (
            self._ready[0].records[0].revision if self._ready and self._ready[0].records else self._position
        )

    def _remembered(self) -> Sequence[Part] | None:
        if self._selector.labels or not self._cutter.is_between:
            return None
        return self._hub.remembered(self._selector, self._position)

    async def _read(self) -> None:
        if self._reading is None:
            until = self._hub.revision
            self._reading = asyncio.ensure_future(
                self._readers.run(lambda reader: self._page_of(reader, until))
            )
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
            self._ready.extend(told.parts)

    def _page_of(self, reader: JournalReader, until: int) -> Told:
        position = self._position
        if not self._is_placed:
            position = beginning(reader, position)
            self._is_placed = True
        records = reader.page(position, self._page, until, is_lenient=True)
        for place, recorded in enumerate(records):
            if isinstance(recorded.event, Exception) and may_match(self._selector, recorded):
                return self._stopped(reader, records[:place], recorded.event)
        parts = list(self._cutter.cut(reader, records))
        reached = records[-1].revision if len(records) == self._page else until
        return Told(parts, reached + 1)

    def _stopped(self, reader: JournalReader, before: Sequence[Recorded], error: Exception) -> Told:
        """Tell the appends that are whole before an event that cannot be read, which ends the tail."""
        whole = len(before)
        while whole and not before[whole - 1].is_last:
            whole -= 1
        if not whole:
            raise error
        return Told(list(self._cutter.cut(reader, before[:whole])), before[whole - 1].revision + 1)

    def _is_selected(self, reader: JournalReader, recorded: Recorded) -> bool:
        selector = self._selector
        if not may_match(selector, recorded):
            return False
        return not selector.labels or set(selector.labels) <= self._labels.after(reader, recorded)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None


def _ignored(reading: "asyncio.Future[Told]") -> None:
    """Look at how a read ended that nobody waits for any more, so that nothing complains."""
    if not reading.cancelled():
        reading.exception()
