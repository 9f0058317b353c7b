"""Reading the journal: the global order, one stream, the head, snapshots.

1. A reader belongs to one thread at a time; any number of readers work at once.
2. Every read is a short transaction that sees whole appends only; a limit may still cut one, and
   `is_last` tells where it ends.
3. Limits are obeyed to the letter: a caller who must not block asks for little.
"""

from collections.abc import Iterator

from events.journal.row import Decoder
from events.journal.store import Rows, Snapshot
from events.record import Recorded

SCAN_PAGE = 5000
"""Rows that a scan reads at once: long enough to amortise the statement, short enough for the WAL."""


class Reader:
    """One thread's way to read; made by `Journal.reader()`."""

    def __init__(self, rows: Rows, decoder: Decoder) -> None:
        self._rows = rows
        self._decoder = decoder

    def page(
        self, start: int, limit: int, until: int | None = None, *, is_lenient: bool = False
    ) -> list[Recorded]:
        """Return at most `limit` records from revision `start` to `until`, both included.

        With `is_lenient` an event that cannot be read is what else would be raised.
        """
        return list(self._decoder.records(self._rows.page(start, limit, until), is_lenient=is_lenient))

    def stream(
        self,
        stream: str,
        *,
        after: int = 0,
        limit: int,
        until_revision: int | None = None,
        descending: bool = False,
    ) -> list[Recorded]:
        """Return at most `limit` records of a stream with versions above `after`.

        Args:
            stream: Its id.
            after: A version; records from the next one on.
            limit: How many at most.
            until_revision: A revision; records up to it.
            descending: Newest first.
        """
        return list(
            self._decoder.records(
                self._rows.stream(stream, after, limit, until_revision, descending=descending)
            )
        )

    def scan(self, start: int = 0, until: int | None = None) -> Iterator[Recorded]:
        """Yield all records from revision `start` on, to the head at the time of each page."""
        while page := self._rows.page(start, SCAN_PAGE, until):
            yield from self._decoder.records(page)
            start = page[-1][0] + 1

    def head(self) -> int:
        """Return the highest revision ever given, 0 for none."""
        return self._rows.head()

    def stream_version(self, stream: str) -> int:
        """Return the highest version of a stream, 0 for none."""
        return self._rows.version(stream)

    def snapshot(self, stream: str) -> Snapshot | None:
        """Return the newest snapshot of a stream, to be decoded by its schema, or not at all."""
        return self._rows.snapshot(stream)

    def close(self) -> None:
        """Give back what reading holds."""
        self._rows.close()
