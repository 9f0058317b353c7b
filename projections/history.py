"""The past of one entity: each event of its stream, with the view after it.

1. Deleted entities have their history still; a view then has the phase `deleted`.
2. Pages are read where reads run; nothing is held between two of them but one view.
3. An event that changes nothing that is seen comes with the view that there was.
"""

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from events.record import Recorded
from projections.reading import JournalReader, Readers
from projections.view import View, fold

HISTORY_PAGE = 200
"""Events of one read: few enough that a consumer who stops early has not cost much."""


class Moment(NamedTuple):
    """One event and what was known after it."""

    recorded: Recorded
    view: View


class History:
    """Reads streams.

    Args:
        readers: Run reads of the journal.
        page: Events of one read.
    """

    def __init__(self, readers: Readers[JournalReader], *, page: int = HISTORY_PAGE) -> None:
        self._readers = readers
        self._page = page

    async def of(self, stream: str, *, until: int | None = None) -> AsyncIterator[Moment]:
        """Yield each event of a stream with the view after it, oldest first.

        Args:
            stream: Its id.
            until: A revision; events up to it.
        """
        view: View | None = None
        version = 0
        while True:
            records = await self._readers.run(_reads(stream, version, self._page, until))
            for recorded in records:
                view = fold(view, recorded)
                if view is not None:
                    yield Moment(recorded, view)
            if len(records) < self._page:
                return
            version = records[-1].version

    async def at(self, stream: str, revision: int) -> View | None:
        """Return the view of a stream as it was at a revision, None when there was none yet.

        The view of an entity that was deleted by then has the phase `deleted`.
        """
        view: View | None = None
        async for moment in self.of(stream, until=revision):
            view = moment.view
        return view


def _reads(
    stream: str, version: int, limit: int, until: int | None
) -> Callable[[JournalReader], list[Recorded]]:
    return lambda reader: reader.stream(stream, after=version, limit=limit, until_revision=until)
