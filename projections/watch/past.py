"""The past of one watch: messages made from the journal, page by page.

1. It is read by one thread at a time; a read is short and asks for at most `PAGE` records.
2. States come from folding the selected entities' own streams up to the append, never from what
   they are today. Folded views are remembered, up to a bound; the others are folded again.
3. An event that cannot be read stops the watches that select its entity, after all that comes before it.
4. An append of which only a part is at or above the start is told whole: a watch never begins
   inside an append.
"""

from collections import OrderedDict
from typing import NamedTuple

from events.record import Recorded, entity_of, id_of
from projections.reading import PAGE, JournalReader
from projections.view import View, fold
from projections.watch.selector import Selector, matches
from projections.watch.subscription import Message

REMEMBERED = 4_096
"""Folded views that one watch keeps while it reads the past."""

LOOKED_BACK = 64
"""Records that are looked at first for the beginning of an append: few appends are longer."""


class Told(NamedTuple):
    """What one read found."""

    messages: list[Message]
    position: int
    """Everything below this revision has been told with these messages."""


class Past:
    """What a watcher is told of before it joins the live ones.

    Args:
        selector: Of the watch.
        start: Revision to begin at, inclusive.
        page: Records of one read.
        remembered: Bound of the views that are kept.
    """

    def __init__(
        self, selector: Selector, start: int, *, page: int = PAGE, remembered: int = REMEMBERED
    ) -> None:
        self._selector = selector
        self._page = page
        self._remembered = remembered
        self._position = start
        self._is_placed = False
        self._views: OrderedDict[str, View] = OrderedDict()
        """By stream, least recently used first."""
        self._open: dict[str, View] = {}
        """What the append that is not yet whole has changed."""

    def read(self, reader: JournalReader, until: int) -> Told:
        """Return the messages of the next page, perhaps none.

        Args:
            reader: Of the journal.
            until: A revision at which an append ends, to read up to.
        """
        if not self._is_placed:
            self._position = beginning(reader, self._position)
            self._is_placed = True
        records = reader.page(self._position, self._page, until, is_lenient=True)
        messages: list[Message] = []
        for recorded in records:
            if self._may_match(recorded.stream):
                if isinstance(recorded.event, Exception):
                    return self._stopped(messages, recorded.event)
                self._fold(reader, recorded)
            if recorded.is_last and self._open:
                views = [self._open[stream] for stream in sorted(self._open)]
                self._open.clear()
                selected = tuple(view for view in views if matches(self._selector, view))
                if selected:
                    messages.append(Message(revision=recorded.revision, views=selected))
        reached = records[-1].revision if len(records) == self._page else until
        self._position = max(self._position, reached + 1)
        return Told(messages, self._position)

    def _stopped(self, messages: list[Message], error: Exception) -> Told:
        """Tell what comes before an event that cannot be read, which stops who watches its entity."""
        if not messages:
            raise error
        self._open.clear()
        self._views.clear()  # some are folded further than the position says
        self._position = messages[-1].revision + 1
        return Told(messages, self._position)

    def _may_match(self, stream: str) -> bool:
        ids = self._selector.ids
        return entity_of(stream) == self._selector.kind and (not ids or id_of(stream) in ids)

    def _fold(self, reader: JournalReader, recorded: Recorded) -> None:
        stream = recorded.stream
        before = self._views.get(stream)
        if before is None and recorded.version > 1:
            before = self._folded(reader, recorded)
        after = fold(before, recorded)
        if after is None:
            return
        self._views[stream] = after
        self._views.move_to_end(stream)
        if len(self._views) > self._remembered:
            self._views.popitem(last=False)
        if after is not before:
            self._open[stream] = after

    def _folded(self, reader: JournalReader, recorded: Recorded) -> View | None:
        """Return the view as it was before a record."""
        view: View | None = None
        version = 0
        while version + 1 < recorded.version:
            limit = min(self._page, recorded.version - 1 - version)
            records = reader.stream(recorded.stream, after=version, limit=limit)
            for earlier in records:
                view = fold(view, earlier)
            version += len(records)
            if not records:
                break
        return view


def beginning(reader: JournalReader, start: int) -> int:
    """Return a revision at which the append begins that `start` is in, or that follows `start`."""
    high, span = start - 1, LOOKED_BACK
    while high >= 1:
        low = max(1, high - span + 1)
        for recorded in reversed(reader.page(low, span, high, is_lenient=True)):
            if recorded.is_last:
                return recorded.revision + 1
        high, span = low - 1, PAGE
    return 1
