"""What following events guarantees, by the names that etcd gives the guarantees.

1. The truth is told by `truth`: the events that have to come from a revision on, made of the whole
   journal, without hub, pages or memory.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codec import UnreadableEvent
from events.receipt import ReceiptRecorded
from events.record import Recorded, entity_of
from projections.hot import HotViews
from projections.reading import InlineReaders, JournalReader
from projections.tail.hub import Tails, TooManyTails
from projections.tail.part import Part
from projections.tail.selector import EventSelector, may_match
from projections.tail.tail import Tail
from projections.view import View, fold, labels_of
from projections.watch.hub import BadStart, Compacted
from projections.watch.subscription import EndOfWatch, WatchEnded
from tests.projections.test_watch import StepReaders
from tests.projections.world import World, chance

ALL = EventSelector()
WEB = (("app", "web"),)

seeds = st.integers(0, 2**32)
selectors = st.sampled_from(
    [
        ALL,
        EventSelector(kinds=frozenset({"pod"})),
        EventSelector(kinds=frozenset({"job", "receipt"})),
        EventSelector(streams=frozenset({"job/job000", "pod/job000-1"})),
        EventSelector(labels=WEB),
        EventSelector(labels=WEB, kinds=frozenset({"pod"}), origins=frozenset({""})),
        EventSelector(origins=frozenset({"nobody"})),
    ]
)
bounds = st.sampled_from([(1, 1), (2, 3), (3, 2), (1000, 100)])
"""Records of one read, and events that are told at once."""


def truth(records: Sequence[Recorded], selector: EventSelector, start: int) -> list[Recorded]:
    """Return the events that have to be told; of an append that the start is in, all."""
    views: dict[str, View | None] = {}
    found: list[Recorded] = []
    append: list[Recorded] = []
    for recorded in records:
        view = views[recorded.stream] = fold(views.get(recorded.stream), recorded)
        labels = set() if view is None else set(labels_of(view))
        if (
            (not selector.kinds or entity_of(recorded.stream) in selector.kinds)
            and (not selector.streams or recorded.stream in selector.streams)
            and (not selector.origins or recorded.envelope.origin in selector.origins)
            and set(selector.labels) <= labels
        ):
            append.append(recorded)
        if recorded.is_last:
            found += append if recorded.revision >= start else []
            append = []
    return found


class Bench:
    """A world, hot views and tails."""

    def __init__(
        self,
        seed: int,
        *,
        before: int = 0,
        is_stepped: bool = False,
        page: int = 1000,
        part: int = 100,
        remembered: int = 4,
        compact: int = 1,
    ) -> None:
        self.world = World(chance(seed))
        self.hot = HotViews()
        for _ in range(before):
            self.hot.apply(self.world.happen())
        reader: JournalReader = self.world.journal.reader()
        self.steps = StepReaders(reader)
        self.tails = Tails(
            revision=self.hot.revision,
            readers=self.steps if is_stepped else InlineReaders(reader),
            compact_revision=lambda: compact,
            max_tails=2,
            remembered_appends=remembered,
            page=page,
            part=part,
        )

    def happen(self, times: int = 1) -> None:
        for _ in range(times):
            records = self.world.happen()
            self.hot.apply(records)
            self.tails.publish(records)

    def truth(self, selector: EventSelector, start: int) -> list[Recorded]:
        return truth(self.world.journal.reader().page(1, 100_000), selector, start)


async def drained(tail: Tail) -> list[Part]:
    """Return the parts that come without anything further happening."""
    parts: list[Part] = []
    while True:
        waiting = asyncio.ensure_future(tail.next())
        # A page of one record takes a few turns, and nothing of a long append may be selected.
        for _ in range(1_000):
            if waiting.done():
                break
            await asyncio.sleep(0)
        else:
            waiting.cancel()
            return parts
        parts.append(await waiting)


async def until_unreadable(tail: Tail) -> list[Part]:
    """Return the parts that come before what cannot be read, which has to come."""
    parts: list[Part] = []
    while True:
        try:
            parts.append(await tail.next())
        except UnreadableEvent:
            return parts


def told(parts: Sequence[Part]) -> list[Recorded]:
    return [recorded for part in parts for recorded in part.records]


@given(seed=seeds, selector=selectors, sizes=bounds, before=st.integers(0, 30), back=st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_resumable_at_any_revision(
    seed: int, selector: EventSelector, sizes: tuple[int, int], before: int, back: int
) -> None:
    """A tail from any revision brings exactly the suffix, appends whole."""

    async def follow() -> None:
        bench = Bench(seed, before=before, page=sizes[0], part=sizes[1])
        start = max(1, bench.tails.revision + 1 - back)
        tail = bench.tails.open(selector, start)
        bench.happen(6)
        parts = await drained(tail)
        bench.happen(6)
        parts += await drained(tail)
        assert told(parts) == bench.truth(selector, start)
        assert all(len(part.records) <= sizes[1] for part in parts)
        ends = [part.revision for part in parts if not part.is_fragment]
        assert ends == sorted(set(ends))

    asyncio.run(follow())


class Damaged:
    """A reader of a journal with one event that cannot be read."""

    def __init__(self, reader: JournalReader, revision: int) -> None:
        self._reader = reader
        self._revision = revision

    def page(
        self, start: int, limit: int, until: int | None = None, *, is_lenient: bool = False
    ) -> list[Recorded]:
        records = self._reader.page(start, limit, until)
        return [self._seen(record, is_lenient=is_lenient) for record in records]

    def stream(self, stream: str, **bounds: Any) -> list[Recorded]:
        return [self._seen(record) for record in self._reader.stream(stream, **bounds)]

    def head(self) -> int:
        return self._reader.head()

    def close(self) -> None:
        self._reader.close()

    def _seen(self, record: Recorded, *, is_lenient: bool = False) -> Recorded:
        if record.revision != self._revision:
            return record
        error = UnreadableEvent("a.topic:1", "damaged")
        if not is_lenient:
            raise error
        return record._replace(event=error)


@given(seed=seeds, selector=selectors, sizes=bounds, place=st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_what_cannot_be_read_ends_those_alone_who_want_it(
    seed: int, selector: EventSelector, sizes: tuple[int, int], place: float
) -> None:
    """They are told of all appends before; whoever wants other entities' events misses nothing."""

    async def follow() -> None:
        bench = Bench(seed, before=30)
        reader = bench.world.journal.reader()
        records = reader.page(1, 100_000)
        bad = records[round(place * (len(records) - 1))]
        tails = Tails(
            revision=bench.hot.revision,
            readers=InlineReaders[JournalReader](Damaged(reader, bad.revision)),
            max_tails=1,
            page=sizes[0],
            part=sizes[1],
        )
        tail, expected = tails.open(selector, 1), bench.truth(selector, 1)
        if not may_match(selector, bad):
            assert told(await drained(tail)) == expected
            return
        parts = await until_unreadable(tail)
        while parts and parts[-1].is_fragment:  # of its own append, which no part ends
            parts.pop()
        ends = [each.revision for each in records if each.is_last and each.revision < bad.revision]
        assert told(parts) == [each for each in expected if each.revision <= max(ends, default=0)]

    asyncio.run(follow())


@given(data=st.data(), seed=seeds, selector=selectors, sizes=bounds)
@settings(max_examples=60, deadline=None)
def test_reliable_wherever_reads_and_appends_meet(
    data: st.DataObject, seed: int, selector: EventSelector, sizes: tuple[int, int]
) -> None:
    """Appends, reads, and a consumer who sometimes goes away: no gap, no repetition."""

    async def follow() -> None:
        bench = Bench(seed, before=8, is_stepped=True, page=sizes[0], part=sizes[1], remembered=2)
        tail = bench.tails.open(selector, 1)
        parts: list[Part] = []
        waiting: asyncio.Task[Part] | None = None
        for _ in range(data.draw(st.integers(0, 40))):
            match data.draw(st.sampled_from(["happen", "read", "leave", "ask"])):
                case "happen":
                    bench.happen()
                case "read":
                    bench.steps.step()
                case "leave" if waiting is not None and not waiting.done():
                    waiting.cancel()
                case _:
                    waiting = waiting or asyncio.ensure_future(tail.next())
            for _ in range(5):
                await asyncio.sleep(0)
            if waiting is not None and waiting.done():
                parts += [] if waiting.cancelled() else [waiting.result()]
                waiting = None
        while True:
            waiting = waiting or asyncio.ensure_future(tail.next())
            for _ in range(5):
                await asyncio.sleep(0)
            if waiting.done():
                parts.append(waiting.result())
                waiting = None
            elif not bench.steps.step():
                waiting.cancel()
                break
        assert told(parts) == bench.truth(selector, 1)

    asyncio.run(follow())


@pytest.mark.asyncio
async def test_atomic_a_long_append_comes_in_fragments() -> None:
    bench = Bench(1, part=2)
    tail = bench.tails.open(ALL, 0)
    records = bench.world.append(*[(f"receipt/{number}", _receipt()) for number in range(5)])
    bench.tails.publish(records)
    parts = await drained(tail)
    assert [(len(part.records), part.is_fragment) for part in parts] == [(2, True), (2, True), (1, False)]
    assert parts[-1].revision == records[-1].revision


@pytest.mark.asyncio
async def test_what_equal_selectors_select_is_one_object() -> None:
    bench = Bench(1)
    first, second = bench.tails.open(ALL, 0), bench.tails.open(replace(ALL), 0)
    bench.happen()
    one, other = await first.next(), await second.next()
    assert one is other
    made: list[Part] = []
    for part in (one, other):
        part.encoded(made.append)
    assert made == [one]


@pytest.mark.asyncio
async def test_bounds_of_the_start() -> None:
    bench = Bench(3, before=9, compact=4)
    head = bench.tails.revision
    bench.tails.open(ALL, head + 1).close()
    with pytest.raises(BadStart):
        bench.tails.open(ALL, head + 2)
    with pytest.raises(Compacted):
        bench.tails.open(ALL, 3)
    bench.tails.open(ALL, 4)
    bench.tails.open(ALL, 0)
    with pytest.raises(TooManyTails, match="2 watchers of events"):
        bench.tails.open(ALL, 0)


@pytest.mark.asyncio
async def test_shutdown_tells_where_to_resume() -> None:
    bench = Bench(5, before=5)
    tail = bench.tails.open(ALL, 1)
    first = await tail.next()
    bench.tails.shutdown()
    with pytest.raises(WatchEnded) as caught:
        await tail.next()
    assert caught.value.reason is EndOfWatch.SHUTDOWN
    rest = [it for it in bench.truth(ALL, caught.value.resume_revision) if it not in first.records]
    assert list(first.records) + rest == bench.truth(ALL, 1)
    assert len(bench.tails) == 0
    with pytest.raises(WatchEnded):
        bench.tails.open(ALL, 0)


def _receipt() -> ReceiptRecorded:
    return ReceiptRecorded(fingerprint="f", topic="", result=b"")
