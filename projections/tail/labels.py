"""The labels of entities as the journal is read: folded, remembered up to a bound.

1. Used by one thread at a time, with the records of a stream in order, though not all of them.
2. What lies between two records of a stream, and what was there before the first, is read from the
   stream itself.
"""

from collections import OrderedDict
from typing import NamedTuple

from events.record import Recorded
from projections.reading import PAGE, JournalReader
from projections.view import View, fold, labels_of

REMEMBERED = 4_096
"""Views that are kept."""


class Folded(NamedTuple):
    """A stream up to a version."""

    version: int
    view: View | None


NOTHING = Folded(0, None)


class Labels:
    """Knows the labels after each event."""

    def __init__(self, *, page: int = PAGE, remembered: int = REMEMBERED) -> None:
        self._page = page
        self._remembered = remembered
        self._streams: OrderedDict[str, Folded] = OrderedDict()
        """Least recently used first."""

    def after(self, reader: JournalReader, recorded: Recorded) -> frozenset[tuple[str, str]]:
        """Return the labels of a record's entity after it."""
        stream = recorded.stream
        known = self._streams.get(stream, NOTHING)
        if known.version >= recorded.version:
            known = NOTHING
        known = self._until(reader, recorded, known)
        view = fold(known.view, recorded)
        self._streams[stream] = Folded(recorded.version, view)
        self._streams.move_to_end(stream)
        if len(self._streams) > self._remembered:
            self._streams.popitem(last=False)
        return frozenset() if view is None else frozenset(labels_of(view))

    def _until(self, reader: JournalReader, recorded: Recorded, known: Folded) -> Folded:
        """Return the stream as it was before a record."""
        version, view = known
        while version < recorded.version - 1:
            limit = min(self._page, recorded.version - 1 - version)
            records = reader.stream(recorded.stream, after=version, limit=limit)
            if not records:
                break
            for earlier in records:
                view = fold(view, earlier)
            version = records[-1].version
        return Folded(version, view)
