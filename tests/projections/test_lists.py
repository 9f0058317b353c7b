"""Lists: the same answers as Python's own filter and sort over the views; waiting; making anew."""

import asyncio
import sqlite3
from collections.abc import Iterator
from functools import cmp_to_key
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.goal import Goal
from events.job import JobCreated, JobPhase, JobSpec, WorkflowStarted, WorkflowTurnedBack
from events.pod import PodPhase
from events.record import Recorded, id_of
from projections.cursor import BadCursor
from projections.history import History
from projections.hot import HotViews
from projections.jobs import JobView
from projections.listing import TableReader, job_ordering, pod_ordering
from projections.lists import Lagging, Lists
from projections.pods import PodView
from projections.queries import JobOrder, JobQuery, PodOrder, PodQuery
from projections.reading import InlineReaders, ReaderThreads
from projections.rows import keywords_of, reason_of
from projections.runner import Projector, ProjectorThread, replay
from projections.tables import NO_TEXTS, Tables
from projections.view import View, fold, stream_of
from tests.projections.world import LABELS, NAMES, START, VIEWS, World, chance

V = TypeVar("V", JobView, PodView)


class Stand:
    """A world of some size with its tables."""

    def __init__(self, folder: Path, *, seed: int = 11, count: int = 600) -> None:
        self.world = World(chance(seed))
        self.tables = Tables(folder / "views", identity=self.world.journal.identity, head=0, codec=VIEWS)
        self.hot = HotViews()
        self.projector = Projector(self.tables)
        for _ in range(count):
            self.projector.offer(self.hot.apply(self.world.happen()))
        self.projector.step()
        self.reader = TableReader(self.tables)

    def close(self) -> None:
        self.reader.close()
        self.tables.close()


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    made = Stand(tmp_path_factory.mktemp("stand"))
    yield made
    made.close()


moments = st.integers(START, START + 600 * 1_000_000)
ranges = st.none() | st.tuples(st.sampled_from([-1, 0, 1]) | moments, st.just(2**62) | moments)
job_queries = st.builds(
    JobQuery,
    phases=st.lists(st.sampled_from(JobPhase), max_size=3).map(tuple),
    name_contains=st.sampled_from(["", "", "b", "we", "W", "ö"]),
    owner=st.sampled_from(["", "", "ada", "bo"]),
    labels=st.lists(st.sampled_from(LABELS), max_size=2).map(tuple),
    keywords=st.lists(st.sampled_from(["ALPHA", "beta", "böse", "Web", "1", "none"]), max_size=2).map(tuple),
    pool=st.sampled_from(["", "", "spare"]),
    created=ranges,
    ended=ranges,
    order=st.lists(st.tuples(st.sampled_from(JobOrder), st.booleans()), max_size=3).map(tuple),
    limit=st.integers(1, 50),
    offset=st.integers(0, 5),
    count_limit=st.integers(0, 5),
)
pod_queries = st.builds(
    PodQuery,
    owner=st.sampled_from(["", "job/job000", "job/job003"]),
    phases=st.lists(st.sampled_from(PodPhase), max_size=3).map(tuple),
    goals=st.lists(st.sampled_from(Goal), max_size=2).map(tuple),
    ids=st.just(()) | st.just(("job003-0", "job003-1", "job004-0")),
    hosts=st.just(()) | st.just(("host-1",)),
    instances=st.none() | st.just((1, 3)),
    order=st.lists(st.tuples(st.sampled_from(PodOrder), st.booleans()), max_size=3).map(tuple),
    limit=st.integers(1, 50),
    offset=st.integers(0, 5),
)


def is_between(value: int, bounds: tuple[int, int] | None) -> bool:
    return bounds is None or bounds[0] <= value < bounds[1]


def is_during(moment: int, bounds: tuple[int, int] | None) -> bool:
    return bounds is None or (moment > 0 and is_between(moment, bounds))


def job_matches(query: JobQuery, view: JobView) -> bool:
    return (
        (not query.phases or view.phase in query.phases)
        and query.name_contains in view.spec.name
        and query.owner in ("", view.spec.owner)
        and all(label in view.spec.labels for label in query.labels)
        and all(word.casefold() in keywords_of(view.spec, NO_TEXTS) for word in query.keywords)
        and query.pool in ("", view.spec.pool)
        and is_during(view.created_at, query.created)
        and is_during(view.ended_at, query.ended)
    )


def pod_matches(query: PodQuery, view: PodView) -> bool:
    return (
        query.owner in ("", view.owner)
        and (not query.phases or view.phase in query.phases)
        and (not query.goals or view.goal in query.goals)
        and (not query.ids or view.id in query.ids)
        and (not query.hosts or view.host in query.hosts)
        and is_between(view.instance, query.instances)
    )


def value_of(view: JobView | PodView, column: str) -> str | int:
    if column == "reason" and isinstance(view, PodView):
        return reason_of(view)
    place = view.spec if isinstance(view, JobView) and hasattr(view.spec, column) else view
    value: str | int = getattr(place, column)
    return value


def in_order(views: list[V], ordering: object) -> list[V]:
    assert isinstance(ordering, list)

    def compare(one: JobView | PodView, other: JobView | PodView) -> int:
        for column, is_descending in ordering:
            mine, theirs = value_of(one, column), value_of(other, column)
            if mine != theirs:
                is_less = str(mine) < str(theirs) if isinstance(mine, str) else int(mine) < int(theirs)
                return 1 if is_less == is_descending else -1
        return 0

    return sorted(views, key=cmp_to_key(compare))


@settings(max_examples=200, deadline=None)
@given(query=job_queries)
def test_jobs_are_those_that_match_in_order(stand: Stand, query: JobQuery) -> None:
    jobs = [view for view in stand.hot if isinstance(view, JobView)]
    due = in_order([view for view in jobs if job_matches(query, view)], job_ordering(query))
    page = stand.reader.jobs(query)
    assert page.total == (min(len(due), query.count_limit) if query.count_limit else len(due))
    expected = due[query.offset : query.offset + query.limit]
    assert [row.id for row in page.rows] == [view.id for view in expected]
    assert bool(page.next) == (query.offset + query.limit < len(due))


@settings(max_examples=200, deadline=None)
@given(query=pod_queries)
def test_pods_are_those_that_match_in_order(stand: Stand, query: PodQuery) -> None:
    pods = [view for view in stand.hot if isinstance(view, PodView)]
    due = in_order([view for view in pods if pod_matches(query, view)], pod_ordering(query))
    page = stand.reader.pods(query)
    assert page.total == len(due)
    assert list(page.rows) == due[query.offset : query.offset + query.limit]


@settings(max_examples=100, deadline=None)
@given(query=pod_queries, limit=st.integers(1, 7))
def test_cursors_lead_through_every_row_once(stand: Stand, query: PodQuery, limit: int) -> None:
    whole = stand.reader.pods(PodQuery(owner=query.owner, order=query.order, limit=1000))
    seen: list[PodView] = []
    after = ""
    while True:
        page = stand.reader.pods(PodQuery(owner=query.owner, order=query.order, limit=limit, after=after))
        seen += page.rows
        after = page.next
        if not after:
            break
    assert seen == list(whole.rows)


@pytest.mark.parametrize("cursor", ["x", "!!", "eyJh", "WzEsMl0=", "bnVsbA=="])
def test_a_cursor_that_was_not_handed_out_is_refused(stand: Stand, cursor: str) -> None:
    with pytest.raises(BadCursor):
        stand.reader.jobs(JobQuery(after=cursor))
    other = stand.reader.jobs(JobQuery(order=((JobOrder.NAME, False),), limit=1)).next
    with pytest.raises(BadCursor):
        stand.reader.jobs(JobQuery(after=other))


def test_names_remember_deleted_jobs_and_what_a_job_was_called_before(stand: Stand) -> None:
    due: dict[str, set[str]] = {name: set() for name in NAMES}
    for recorded in stand.world.journal.reader().page(1, 100_000):
        match recorded.event:
            case (
                JobCreated(spec=spec)
                | WorkflowStarted(spec=JobSpec() as spec)
                | WorkflowTurnedBack(spec=spec)
            ):
                due[spec.name].add(id_of(recorded.stream))
    for name in NAMES:  # their ids are in the order in which they were made
        assert stand.reader.jobs_named(name) == tuple(sorted(due[name], reverse=True))


# ---------------------------------------------------------------- waiting


class Behind:
    """A projector that is told by the test how far it is."""

    def __init__(self) -> None:
        self.checkpoint = 0
        self.hurried = asyncio.Event()

    def hurry(self) -> None:
        self.hurried.set()


@pytest.mark.asyncio
async def test_a_list_waits_for_the_revision_it_was_asked_at(stand: Stand) -> None:
    behind = Behind()
    lists = Lists(stand.hot, InlineReaders(stand.reader), behind)
    asked = asyncio.ensure_future(lists.jobs(JobQuery(limit=1000), 10))
    await behind.hurried.wait()
    lists.advanced(9)
    await asyncio.sleep(0)
    assert not asked.done()
    behind.checkpoint = 10
    lists.advanced(10)
    page = await asked
    jobs = [stand.hot.counted(view) for view in stand.hot if isinstance(view, JobView)]
    assert {row.id: row for row in page.rows} == {view.id: view for view in jobs}
    with pytest.raises(Lagging) as lagging:
        await lists.pods(PodQuery(), 11, timeout=0)
    assert (lagging.value.checkpoint, lagging.value.revision) == (10, 11)


@pytest.mark.asyncio
async def test_a_long_answer_is_several_reads(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.lists.PAGE", 7)
    lists = Lists(stand.hot, InlineReaders(stand.reader), Behind())
    whole = stand.reader.pods(PodQuery(limit=1000))
    assert await lists.pods(PodQuery(limit=1000), 0) == whole
    part = await lists.pods(PodQuery(limit=20, offset=3), 0)
    assert part.rows == whole.rows[3:23]
    rest = await lists.pods(PodQuery(limit=1000, after=part.next), 0)
    assert part.rows + rest.rows == whole.rows[3:]
    assert part.total == rest.total == whole.total


@pytest.mark.asyncio
async def test_a_projector_on_its_thread_serves_lists_and_makes_damaged_tables_anew(tmp_path: Path) -> None:
    stand = Stand(tmp_path, count=100)
    loop = asyncio.get_running_loop()
    threads = ReaderThreads(lambda: TableReader(stand.tables))

    def told(checkpoint: int) -> None:
        loop.call_soon_threadsafe(lists.advanced, checkpoint)

    projector = ProjectorThread(
        stand.projector,
        journal_reader=stand.world.journal.reader,
        on_checkpoint=told,
    )

    class Thread:
        @property
        def checkpoint(self) -> int:
            return stand.tables.checkpoint

        def hurry(self) -> None:
            projector.hurry()

    lists = Lists(stand.hot, threads, Thread())
    projector.start()
    for is_damaged in (False, True):
        for _ in range(50):
            projector.offer(stand.hot.apply(stand.world.happen()))
        if is_damaged:
            damaging = sqlite3.connect(tmp_path / "views")
            damaging.execute("DROP TABLE pods")
            damaging.execute("CREATE TABLE pods (id TEXT)")
            damaging.close()
            stand.projector._tables._connection.set_authorizer(_refused)
        page = await lists.pods(PodQuery(limit=1000), stand.hot.revision)
        assert {row.id: row for row in page.rows} == {
            view.id: view for view in stand.hot if isinstance(view, PodView)
        }
    assert stand.tables.generation == 2  # made once at first, and once more
    projector.stop()
    threads.close()
    stand.close()


def _refused(*_: object) -> int:
    return sqlite3.SQLITE_DENY


# ---------------------------------------------------------------- the file


def test_a_file_of_something_else_is_made_anew(tmp_path: Path) -> None:
    stand = Stand(tmp_path, count=50)
    identity, head = stand.world.journal.identity, stand.tables.checkpoint
    stand.close()
    path = tmp_path / "views"

    def checkpoint(*, identity: str = identity, head: int = head) -> int:
        tables = Tables(path, identity=identity, head=head, codec=VIEWS)
        found = tables.checkpoint
        replay(stand.world.journal.reader(), HotViews(), Projector(tables))
        tables.close()
        return found

    assert checkpoint() == head
    assert checkpoint(head=head - 1) == 0
    assert checkpoint(identity="another") == 0
    assert checkpoint() == 0
    assert checkpoint() == head
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    assert checkpoint() == 0
    assert checkpoint() == head


def test_a_refused_write_waits_for_the_next_step(tmp_path: Path) -> None:
    stand = Stand(tmp_path, count=50)
    before = stand.tables.checkpoint
    stand.projector.offer(stand.hot.apply(stand.world.create_job()))
    stand.tables._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(sqlite3.OperationalError):
        stand.projector.step()
    assert stand.tables.checkpoint == before
    stand.tables._connection.execute("PRAGMA query_only = OFF")
    assert stand.projector.step()
    assert not stand.projector.step()
    assert stand.tables.checkpoint == stand.hot.revision
    found = stand.reader.jobs(JobQuery(limit=1000)).rows
    assert len(found) == sum(isinstance(view, JobView) for view in stand.hot)
    stand.close()


# ---------------------------------------------------------------- history


@pytest.mark.asyncio
async def test_history_tells_each_event_with_the_view_after_it(stand: Stand) -> None:
    history = History(InlineReaders(stand.world.journal.reader()), page=3)
    for stream in sorted(stand.world.versions):
        moments = [moment async for moment in history.of(stream)]
        records = stand.world.journal.reader().stream(stream, limit=1000)
        view: View | None = None
        due: list[tuple[Recorded, View]] = []
        for recorded in records:
            view = fold(view, recorded)
            if view is not None:
                due.append((recorded, view))
        assert [tuple(moment) for moment in moments] == due
        if moments:
            middle = moments[len(moments) // 2]
            assert await history.at(stream, middle.recorded.revision) == middle.view
            assert await history.at(stream, moments[0].recorded.revision - 1) is None
            assert stream_of(middle.view) == stream
