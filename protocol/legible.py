"""Reads the journal for those who ask of the past, and says as a refusal what cannot be read.

1. A refusal names the revision, the stream and the reason; whatever else a caller asks for is answered.
2. The log says once for each revision that it cannot be read.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from actors.kernel.decider import Code, Rejection
from events.codec import UnreadableEvent
from events.journal import Reader
from events.record import Recorded
from protocol.gateway import Refused


class LegibleReader:
    """A reader of the journal whose reads are answered or refused.

    Args:
        connect: Makes the reader that reads, and raises.
        reported: The places of which the log knows; shared by all readers.
    """

    def __init__(self, connect: Callable[[], Reader], reported: set[str]) -> None:
        self.plain = connect()
        self._reported = reported

    def page(
        self, start: int, limit: int, until: int | None = None, *, is_lenient: bool = False
    ) -> list[Recorded]:
        """Return records from revision `start` to `until`, both included."""
        with self._refusing():
            records = self.plain.page(start, limit, until, is_lenient=is_lenient)
        if not is_lenient:
            return records
        return [
            record._replace(event=self._refusal(record.event))
            if isinstance(record.event, UnreadableEvent)
            else record
            for record in records
        ]

    def stream(
        self,
        stream: str,
        *,
        after: int = 0,
        limit: int,
        until_revision: int | None = None,
        descending: bool = False,
    ) -> list[Recorded]:
        """Return records of one stream with versions above `after`."""
        with self._refusing():
            return self.plain.stream(
                stream, after=after, limit=limit, until_revision=until_revision, descending=descending
            )

    def head(self) -> int:
        """Return the highest revision ever given, 0 for none."""
        return self.plain.head()

    def close(self) -> None:
        """Give back what reading holds."""
        self.plain.close()

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except UnreadableEvent as error:
            raise self._refusal(error) from error

    def _refusal(self, error: UnreadableEvent) -> Refused:
        if error.place not in self._reported:
            self._reported.add(error.place)
            structlog.get_logger().error("past_unreadable", reason=str(error))
        return Refused(Rejection(Code.UNAVAILABLE, f"that part of the past cannot be read: {error}"))
