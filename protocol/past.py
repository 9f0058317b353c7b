"""The past of entities: their states at any revision, their events, and which revision a time was.

1. A state is the fold of the entity's own stream by today's `evolve`, never a projection's.
2. Reads run where they keep nobody waiting, in pages; nothing is held between two of them but one
   state.
3. A time is brought to the last revision that is not later, in the order of the journal. Times may
   fall where the machine's clock was set back: exact is then what lies less than a page apart.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from actors.kernel.decider import Entity
from events.receipt import CommandReceived
from events.record import Recorded, entity_of
from projections.reading import PAGE, JournalReader, Readers


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An entity as it was at a revision."""

    stream: str
    state: object
    """What its actor remembered: an instance of the entity's state class."""
    version: int
    """Version of the last event in it."""
    revision: int
    """Revision of that event."""
    at: int
    """When it was decided: microseconds since the epoch, UTC."""


class Past:
    """Reads the past.

    Args:
        readers: Run reads of the journal.
        entities: The kinds of entities that have a state.
        page: Records of one read.
    """

    def __init__(
        self, readers: Readers[JournalReader], entities: Iterable[Entity[Any]], *, page: int = PAGE
    ) -> None:
        self._readers = readers
        self._entities: Mapping[str, Entity[Any]] = {entity.name: entity for entity in entities}
        self._page = page

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of entities that have a state, sorted."""
        return tuple(sorted(self._entities))

    async def at(self, stream: str, revision: int) -> Standing | None:
        """Return an entity as it was at a revision, None when it had no event yet."""
        entity = self._entities[entity_of(stream)]
        standing: Standing | None = None
        while True:
            after = 0 if standing is None else standing.version
            page = _page_of(stream, after, self._page, revision)
            count, standing = await self._readers.run(_folds(entity, standing, page))
            if count < self._page:
                return standing

    async def events(self, stream: str, *, before: int | None, limit: int) -> list[Recorded]:
        """Return events of a stream, newest first.

        Args:
            stream: Its id.
            before: A version; events below it. None for the newest ones.
            limit: How many at most.
        """
        return await self._readers.run(lambda reader: _events(reader, stream, before, limit))

    async def time_of(self, revision: int) -> int:
        """Return when a revision was decided, in microseconds since the epoch; 0 when there is none."""
        records = await self._readers.run(lambda reader: reader.page(revision, 1, revision))
        return records[0].envelope.at if records else 0

    async def revision_at(self, time: int, head: int) -> int:
        """Return the last revision up to `head` that was decided at a time or before, 0 for none."""
        found = await self._readers.run(lambda reader: _search(reader, time, head))
        while True:
            later = await self._readers.run(_pages(found + 1, self._page, head))
            earlier = [recorded.revision for recorded in later if recorded.envelope.at <= time]
            if not earlier:
                return found
            found = earlier[-1]


def fold(entity: Entity[Any], standing: Standing | None, recorded: Recorded) -> Standing:
    """Return how an entity stands after its next event."""
    state = None if standing is None else standing.state
    if type(recorded.event) is not CommandReceived:
        state = entity.evolve(state, recorded.stream, recorded.event)
    return Standing(
        stream=recorded.stream,
        state=state,
        version=recorded.version,
        revision=recorded.revision,
        at=recorded.envelope.at,
    )


def _page_of(stream: str, after: int, limit: int, until: int) -> Callable[[JournalReader], list[Recorded]]:
    return lambda reader: reader.stream(stream, after=after, limit=limit, until_revision=until)


def _folds(
    entity: Entity[Any], standing: Standing | None, page: Callable[[JournalReader], list[Recorded]]
) -> Callable[[JournalReader], tuple[int, Standing | None]]:
    def read(reader: JournalReader) -> tuple[int, Standing | None]:
        folded, records = standing, page(reader)
        for recorded in records:
            folded = fold(entity, folded, recorded)
        return len(records), folded

    return read


def _events(reader: JournalReader, stream: str, before: int | None, limit: int) -> list[Recorded]:
    if before is None:
        return reader.stream(stream, limit=limit, descending=True)
    # Versions are contiguous: so the page is found by its lower end, without skipping what is newer.
    after = max(0, before - 1 - limit)
    return reader.stream(stream, after=after, limit=before - 1 - after)[::-1]


def _pages(start: int, limit: int, until: int) -> Callable[[JournalReader], list[Recorded]]:
    return lambda reader: reader.page(start, limit, until)


def _search(reader: JournalReader, time: int, head: int) -> int:
    """Return a revision that is not later than a time, and the next one is; 0 when the first is."""
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        found = reader.page(middle, 1, high)
        if found and found[0].envelope.at <= time:
            low = found[0].revision
        else:
            high = middle - 1
    return low
