"""Who follows events, and telling them that something was appended.

1. Everything here runs on the event loop and never waits; without tails a commit costs nothing.
2. Start revisions are as for watches (projections/watch/hub.py, rule 2), and so are the refusals.
3. `publish` is called after the hot views, with whole appends, in order and without gaps.
4. The newest appends are remembered, up to a bound, for all tails at once; what equal selectors
   select of them is one object.
"""

from collections import deque
from collections.abc import Callable, Sequence

from events.record import Recorded
from projections.reading import PAGE, JournalReader, Readers
from projections.tail.part import PART, Cutter, Part
from projections.tail.selector import EventSelector, may_match
from projections.tail.tail import Tail
from projections.watch.hub import BadStart, Compacted
from projections.watch.subscription import EndOfWatch, WatchEnded

REMEMBERED_APPENDS = 256
REMEMBERED_RECORDS = 4_096


class TooManyTails(Exception):  # noqa: N818 - a refusal is named for what is wrong
    """There are as many tails as there may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"there are {limit} watchers of events, no more are taken")


class Remembered:
    """One append, and what selectors select of it. It is not for selectors with labels."""

    __slots__ = ("_part", "_parts", "records")

    def __init__(self, records: tuple[Recorded, ...], part: int) -> None:
        self.records = records
        self._part = part
        self._parts: dict[EventSelector, list[Part]] = {}

    @property
    def revision(self) -> int:
        """Revision of the append's last event."""
        return self.records[-1].revision

    def parts(self, selector: EventSelector) -> list[Part]:
        """Return what is selected."""
        parts = self._parts.get(selector)
        if parts is None:
            parts = self._parts[selector] = list(
                Cutter(may_match, part=self._part).cut(selector, self.records)
            )
        return parts


class Tails:
    """All tails.

    Args:
        revision: Revision that the hot views have seen.
        readers: Run reads of the journal.
        compact_revision: Tells the lowest readable revision.
        max_tails: How many there may be.
        remembered_appends: How many appends are remembered.
        remembered_records: How many records they may have together.
        page: Records of one read.
        part: Events that are told at once.
    """

    def __init__(
        self,
        *,
        revision: int,
        readers: Readers[JournalReader],
        compact_revision: Callable[[], int] = lambda: 1,
        max_tails: int = 1_000,
        remembered_appends: int = REMEMBERED_APPENDS,
        remembered_records: int = REMEMBERED_RECORDS,
        page: int = PAGE,
        part: int = PART,
    ) -> None:
        self._revision = revision
        self._readers = readers
        self._compact_revision = compact_revision
        self._max_tails = max_tails
        self._remembered_appends = remembered_appends
        self._remembered_records = remembered_records
        self._page = page
        self._part = part
        self._recent: deque[Remembered] = deque()
        self._recent_records = 0
        self._forgotten = revision
        """Everything above this revision is in `_recent`."""
        self._tails: dict[Tail, None] = {}
        self._is_shut = False

    @property
    def revision(self) -> int:
        """Revision of the last append that was published."""
        return self._revision

    @property
    def compact_revision(self) -> int:
        """The lowest revision that is still readable."""
        return self._compact_revision()

    def __len__(self) -> int:
        return len(self._tails)

    def open(self, selector: EventSelector, start: int) -> Tail:
        """Begin to follow from a revision, inclusive; 0 is from now.

        Raises BadStart, Compacted, TooManyTails; WatchEnded after the shutdown.
        """
        current = self._revision
        if self._is_shut:
            raise WatchEnded(EndOfWatch.SHUTDOWN, start or current + 1)
        if not 0 <= start <= current + 1:
            raise BadStart(current)
        compact = self._compact_revision()
        if start and start < compact:
            raise Compacted(compact, current)
        if len(self._tails) >= self._max_tails:
            raise TooManyTails(self._max_tails)
        tail = Tail(
            selector, start or current + 1, hub=self, readers=self._readers, page=self._page, part=self._part
        )
        self._tails[tail] = None
        return tail

    def publish(self, records: Sequence[Recorded]) -> None:
        """Take in what was committed, and wake the tails."""
        if not records:
            return
        self._revision = records[-1].revision
        if not self._tails:
            self._recent.clear()
            self._recent_records = 0
            self._forgotten = self._revision
            return
        self._remember(records)
        for tail in self._tails:
            tail.wake()

    def shutdown(self) -> None:
        """End all tails and take no more."""
        self._is_shut = True
        for tail in list(self._tails):
            tail.end(EndOfWatch.SHUTDOWN)

    # ------------------------------------------------------------ for tails

    def remembered(self, selector: EventSelector, position: int) -> Sequence[Part] | None:
        """Return what is selected from a position on, None when it is not remembered that far back."""
        if position <= self._forgotten:
            return None
        return [part for append in self._since(position) for part in append.parts(selector)]

    def leave(self, tail: Tail) -> None:
        """Free the tail's place; does nothing the second time."""
        self._tails.pop(tail, None)

    # ------------------------------------------------------------ inside

    def _since(self, position: int) -> list[Remembered]:
        found: list[Remembered] = []
        for append in reversed(self._recent):
            if append.revision < position:
                break
            found.append(append)
        found.reverse()
        return found

    def _remember(self, records: Sequence[Recorded]) -> None:
        first = 0
        for place, recorded in enumerate(records, 1):
            if recorded.is_last:
                self._recent.append(Remembered(tuple(records[first:place]), self._part))
                first = place
        self._recent_records += len(records)
        while self._recent and (
            len(self._recent) > self._remembered_appends or self._recent_records > self._remembered_records
        ):
            oldest = self._recent.popleft()
            self._recent_records -= len(oldest.records)
            self._forgotten = oldest.revision
