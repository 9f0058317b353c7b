"""What a watch guarantees, by the names that etcd gives the guarantees.

1. The truth is told by `truth`: the messages that a watch from a revision has to bring, made by
   folding everything, without hub, pages or memory.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count as counter
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.record import Recorded
from projections.hot import HotViews
from projections.reading import InlineReaders, JournalReader, Readers
from projections.view import View, fold, stream_of
from projections.watch.hub import BadStart, Compacted, Hub, TooManyWatchers
from projections.watch.selector import Kind, Selector, matches
from projections.watch.subscription import EndOfWatch, Message, WatchEnded
from projections.watch.watcher import Bounds, Watcher
from tests.projections.world import World, chance

T = TypeVar("T")
ALL_PODS = Selector(kind=Kind.POD)

seeds = st.integers(0, 2**32)
selectors = st.sampled_from(
    [
        Selector(kind=Kind.POD),
        Selector(kind=Kind.JOB),
        Selector(kind=Kind.HOST),
        Selector(kind=Kind.POD, owner="job/job000"),
        Selector(kind=Kind.POD, ids=frozenset({"job000-0", "job001-1", "nothing"})),
        Selector(kind=Kind.JOB, ids=frozenset({"job000"})),
        Selector(kind=Kind.POD, labels=(("app", "web"),)),
        Selector(kind=Kind.POD, labels=(("app", "db"), ("tier", "1"))),
        Selector(kind=Kind.POD, owner="job/job000", labels=(("tier", "1"),)),
    ]
)


def truth(records: Sequence[Recorded], selector: Selector, start: int) -> list[Message]:
    """Return what a watch has to tell."""
    views: dict[str, View | None] = {}
    touched: dict[str, View] = {}
    messages: list[Message] = []
    for recorded in records:
        before = views.get(recorded.stream)
        after = views[recorded.stream] = fold(before, recorded)
        if after is not None and after is not before:
            touched[recorded.stream] = after
        if recorded.is_last:
            selected = tuple(view for _, view in sorted(touched.items()) if matches(selector, view))
            if selected and recorded.revision >= start:
                messages.append(Message(revision=recorded.revision, views=selected))
            touched = {}
    return messages


class StepReaders:
    """Reads that happen when the test says so."""

    def __init__(self, reader: JournalReader) -> None:
        self._reader = reader
        self._steps: deque[Callable[[], None]] = deque()

    async def run(self, read: Callable[[JournalReader], T]) -> T:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def step() -> None:
            answer = read(self._reader)
            if not done.done():
                done.set_result(answer)

        self._steps.append(step)
        return await done

    def step(self) -> bool:
        if self._steps:
            self._steps.popleft()()
            return True
        return False


class Bench:
    """A world, hot views and a hub."""

    def __init__(
        self,
        seed: int,
        *,
        readers: Callable[[JournalReader], Readers[JournalReader]] = InlineReaders,
        before: int = 0,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
        remembered: int = 4,
        max_watchers: int = 10,
        compact: int = 1,
    ) -> None:
        self.world = World(chance(seed))
        self.hot = HotViews()
        for _ in range(before):
            self.hot.apply(self.world.happen())
        self.readers = readers(self.world.journal.reader())
        ids = counter(0)  # the first is 0, which must not be given
        self.hub = Hub(
            revision=self.hot.revision,
            readers=self.readers,
            random_id=lambda: next(ids),
            compact_revision=lambda: compact,
            max_watchers=max_watchers,
            bounds=bounds,
            remembered_appends=remembered,
        )

    def happen(self, times: int = 1) -> None:
        for _ in range(times):
            self.hub.publish(self.hot.apply(self.world.happen()))

    def truth(self, selector: Selector, start: int) -> list[Message]:
        return truth(self.world.journal.reader().page(1, 100_000), selector, start)


async def drained(watcher: Watcher) -> list[Message]:
    """Return the messages that come without anything further happening."""
    messages: list[Message] = []
    while True:
        waiting = asyncio.ensure_future(watcher.next())
        for _ in range(30):
            await asyncio.sleep(0)
        if not waiting.done():
            waiting.cancel()
            return messages
        messages.append(await waiting)


def latest(messages: Sequence[Message]) -> dict[str, View]:
    return {stream_of(view): view for message in messages for view in message.views}


@settings(max_examples=80, deadline=None)
@given(
    seed=seeds, before=st.integers(0, 40), after=st.integers(0, 12), selector=selectors, part=st.floats(0, 1)
)
def test_filtered_ordered_unique_atomic(
    seed: int, before: int, after: int, selector: Selector, part: float
) -> None:
    """From any start revision, inside an append too, a watcher sees exactly the suffix."""

    async def scenario() -> None:
        bench = Bench(seed, before=before)
        start = 1 + int(part * bench.hub.revision)
        watcher = bench.hub.open(selector, start)
        bench.happen(after)
        seen = await drained(watcher)
        assert seen == bench.truth(selector, start)
        bench.happen(3)
        assert seen + await drained(watcher) == bench.truth(selector, start)

    asyncio.run(scenario())


@settings(max_examples=120, deadline=None)
@given(
    seed=seeds,
    before=st.integers(0, 40),
    selector=selectors,
    page=st.integers(1, 7),
    remembered=st.integers(0, 5),
    steps=st.lists(st.sampled_from(["append", "read", "consume"]), max_size=40),
)
def test_reliable_wherever_catching_up_and_appends_meet(  # noqa: PLR0917 - hypothesis gives them
    seed: int, before: int, selector: Selector, page: int, remembered: int, steps: list[str]
) -> None:
    """Live appends at every point of catching up: no gap, no repetition, nothing else."""

    async def scenario() -> None:
        bench = Bench(seed, readers=StepReaders, before=before, remembered=remembered)
        assert isinstance(bench.readers, StepReaders)
        watcher = bench.hub.open(selector, 1)
        assert watcher._past is not None or not before or remembered >= before
        if watcher._past is not None:
            watcher._past._page = page
            watcher._past._remembered = page
        seen: list[Message] = []

        async def consume() -> None:
            while True:
                seen.append(await watcher.next())

        consumer: asyncio.Task[None] | None = None
        for step in steps:
            match step:
                case "append":
                    bench.happen()
                case "read":
                    bench.readers.step()
                case _ if consumer is None:
                    consumer = asyncio.ensure_future(consume())
                case _:
                    consumer.cancel()  # who stops waiting loses nothing
                    await asyncio.gather(consumer, return_exceptions=True)
                    consumer = None
            await asyncio.sleep(0)
        if consumer is None:
            consumer = asyncio.ensure_future(consume())
        for _ in range(1_000):
            await asyncio.sleep(0)
            bench.readers.step()
            if watcher._past is None and watcher._waiter is not None:
                break
        consumer.cancel()
        await asyncio.gather(consumer, return_exceptions=True)
        assert seen == bench.truth(selector, 1)

    asyncio.run(scenario())


@settings(max_examples=60, deadline=None)
@given(seed=seeds, before=st.integers(1, 30), selector=selectors, taken=st.integers(0, 20))
def test_resumable(seed: int, before: int, selector: Selector, taken: int) -> None:
    """Whoever resumes after the last revision seen, sees what would have come."""

    async def scenario() -> None:
        bench = Bench(seed, before=before)
        seen = (await drained(bench.hub.open(selector, 1)))[:taken]
        last = seen[-1].revision if seen else 0
        seen += await drained(bench.hub.open(selector, last + 1))
        assert seen == bench.truth(selector, 1)

    asyncio.run(scenario())


@settings(max_examples=60, deadline=None)
@given(seed=seeds, after=st.integers(0, 60), max_behind=st.integers(1, 10), selector=selectors)
def test_joining_keeps_order_and_the_latest_states(
    seed: int, after: int, max_behind: int, selector: Selector
) -> None:
    async def scenario() -> None:
        bench = Bench(seed, before=5, bounds=Bounds(max_behind=max_behind))
        watcher = bench.hub.open(selector, 0)
        start = bench.hub.revision + 1
        bench.happen(after)
        seen, due = await drained(watcher), bench.truth(selector, start)
        assert len(seen) <= max_behind
        revisions = [message.revision for message in seen]
        assert revisions == sorted(set(revisions))
        assert latest(seen) == latest(due)
        for message in seen:
            told = latest([one for one in due if one.revision <= message.revision])
            assert all(told[stream_of(view)] == view for view in message.views)
        if len(due) <= max_behind:
            assert seen == due

    asyncio.run(scenario())


@settings(max_examples=60, deadline=None)
@given(
    seed=seeds, steps=st.lists(st.booleans(), max_size=60), room=st.integers(1, 8), joining=st.integers(1, 4)
)
def test_overflow_tells_where_to_resume(seed: int, steps: list[bool], room: int, joining: int) -> None:
    """What was seen before an overflow and what comes after resuming is everything."""

    async def scenario() -> None:
        bounds = Bounds(max_behind=joining, buffer_bytes=room, view_bytes=1)
        bench = Bench(seed, before=5, bounds=bounds)
        start = bench.hub.revision + 1
        watcher = bench.hub.open(ALL_PODS, 0)
        seen: list[Message] = []
        for is_append in steps:
            if is_append:
                bench.happen()
                continue
            try:
                seen += await drained(watcher)
            except WatchEnded as end:
                assert end.reason is EndOfWatch.OVERFLOW  # noqa: PT017 - it may also not end
                assert bench.hub.watchers(Kind.POD) == 0
                watcher = bench.hub.open(ALL_PODS, end.resume_revision)
        while True:
            try:
                seen += await drained(watcher)
                break
            except WatchEnded as end:
                watcher = bench.hub.open(ALL_PODS, end.resume_revision)
        assert latest(seen) == latest(bench.truth(ALL_PODS, start))
        revisions = [message.revision for message in seen]
        assert revisions == sorted(set(revisions))

    asyncio.run(scenario())


@pytest.mark.asyncio
async def test_a_long_single_message_never_overflows() -> None:
    bench = Bench(1, bounds=Bounds(max_behind=5, buffer_bytes=1, view_bytes=100))
    watcher = bench.hub.open(Selector(kind=Kind.JOB), 0)
    bench.hub.publish(bench.hot.apply(bench.world.create_job()))
    assert (await watcher.next()).views
    bench.hub.publish(bench.hot.apply(bench.world.create_job()))
    bench.hub.publish(bench.hot.apply(bench.world.create_job()))
    with pytest.raises(WatchEnded):
        await watcher.next()


@pytest.mark.asyncio
async def test_where_a_watch_may_start() -> None:
    bench = Bench(3, before=20, compact=5, remembered=2)
    head = bench.hub.revision
    assert bench.hub.open(ALL_PODS, 0).revision == head
    bench.hub.open(ALL_PODS, head + 1)
    bench.hub.open(ALL_PODS, 5)
    for start in (head + 2, -1):
        with pytest.raises(BadStart) as bad:
            bench.hub.open(ALL_PODS, start)
        assert bad.value.current == head
    with pytest.raises(Compacted) as compacted:
        bench.hub.open(ALL_PODS, 4)
    assert (compacted.value.compact, compacted.value.current) == (5, head)


@pytest.mark.asyncio
async def test_places_are_limited_by_kind_and_freed_at_once() -> None:
    bench = Bench(3, max_watchers=1)
    first = bench.hub.open(ALL_PODS, 0)
    bench.hub.open(Selector(kind=Kind.JOB), 0)
    with pytest.raises(TooManyWatchers):
        bench.hub.open(ALL_PODS, 0)
    first.close()
    first.close()
    second = bench.hub.open(ALL_PODS, 0)
    assert first.id
    assert second.id != first.id
    with pytest.raises(WatchEnded):
        await first.next()


@pytest.mark.asyncio
async def test_cancel_and_shutdown_end_who_waits() -> None:
    bench = Bench(3, before=10)
    cancelled, shut = bench.hub.open(ALL_PODS, 0), bench.hub.open(ALL_PODS, 0)
    waiting = [asyncio.ensure_future(one.next()) for one in (cancelled, shut)]
    await asyncio.sleep(0)
    assert bench.hub.cancel(cancelled.id)
    assert not bench.hub.cancel(cancelled.id)
    bench.hub.shutdown()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [end.reason for end in ends if isinstance(end, WatchEnded)] == [
        EndOfWatch.CANCELLED,
        EndOfWatch.SHUTDOWN,
    ]
    assert all(isinstance(end, WatchEnded) and end.resume_revision == bench.hub.revision + 1 for end in ends)
    with pytest.raises(WatchEnded):
        bench.hub.open(ALL_PODS, 0)


@pytest.mark.asyncio
async def test_equal_selections_are_encoded_once() -> None:
    bench = Bench(3, max_watchers=100)
    bench.hub.publish(bench.hot.apply(bench.world.create_job()))
    encoded: list[int] = []

    def encoder(revision: int, views: tuple[View, ...]) -> bytes:
        encoded.append(revision)
        return f"{revision}:{len(views)}".encode()

    jobs = Selector(kind=Kind.JOB)
    by_id = Selector(kind=Kind.JOB, ids=frozenset({"job001"}))
    watchers = [bench.hub.open(selector, 0) for selector in (jobs, by_id) for _ in range(10)]
    bench.hub.publish(bench.hot.apply(bench.world.create_job()))
    wires = {await watcher.next_encoded(encoder) for watcher in watchers}
    assert len(wires) == len(encoded) == 1
