"""Laws of the read side over worlds that happen at random."""

from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from events.frozen import replace
from events.goal import Goal
from events.job import JobCreated, JobPhase, JobPhaseChanged, JobPodReported, JobSpec
from events.pod import EndReason, PodCreated, PodDeleted, PodEnded, PodPhase
from projections.hot import HotViews
from projections.jobs import JobView
from projections.listing import ColdViews, TableReader
from projections.owned import SILENT
from projections.pods import PodView
from projections.queries import JobQuery, PodQuery
from projections.rows import stored_form, with_instances
from projections.runner import Projector, replay
from projections.tables import Tables
from projections.view import View, fold, is_gone, is_over, stream_of
from tests.projections.world import NAMES, VIEWS, World, chance

SPOKEN = frozenset(PodPhase) - {PodPhase.INITIALIZED, *SILENT}
randoms = st.integers(0, 2**32).map(chance)


def folded(world: World) -> dict[str, View]:
    """Return the views of all live entities, by the shortest way there is."""
    views: dict[str, View | None] = {}
    for recorded in world.journal.reader().page(1, 100_000):
        views[recorded.stream] = fold(views.get(recorded.stream), recorded)
    return {stream: view for stream, view in views.items() if view is not None and not is_gone(view)}


def stored(reader: TableReader) -> dict[str, View]:
    jobs = reader.jobs(JobQuery(limit=1000)).rows
    pods = reader.pods(PodQuery(limit=1000)).rows
    views: list[View] = [*jobs, *pods]
    return {stream_of(view): view for view in views}


def named(world: World) -> dict[str, tuple[str, ...]]:
    """Return the ids of all jobs that ever had a name, newest first, by name."""
    jobs: dict[str, JobView] = {}
    ever: dict[str, dict[str, None]] = {name: {} for name in NAMES}
    for recorded in world.journal.reader().page(1, 100_000):
        view = fold(jobs.get(recorded.stream), recorded) if recorded.stream.startswith("job/") else None
        if isinstance(view, JobView):
            jobs[recorded.stream] = view
            ever[view.spec.name][view.id] = None
    return {name: tuple(sorted(ids, reverse=True)) for name, ids in ever.items()}


def named_in(rows: TableReader) -> dict[str, tuple[str, ...]]:
    return {name: rows.jobs_named(name) for name in NAMES}


def as_rows(views: dict[str, View]) -> dict[str, View]:
    """Return what tables keep of views."""
    kept: dict[str, View] = {}
    for stream, view in views.items():
        if isinstance(view, JobView):
            kept[stream] = stored_form(view)
        elif isinstance(view, PodView):
            kept[stream] = view
    return kept


@settings(max_examples=60, deadline=None)
@given(random=randoms, count=st.integers(0, 80), steps=st.integers(1, 9))
def test_rebuilt_tables_equal_live_views(random: Random, count: int, steps: int) -> None:
    """Tables followed step by step, tables made anew and hot views all tell the same."""
    world = World(random)
    with TemporaryDirectory() as folder:
        live_tables = Tables(Path(folder) / "live", identity=world.journal.identity, head=0, codec=VIEWS)
        hot, projector = HotViews(), Projector(live_tables)
        for number in range(count):
            projector.offer(hot.apply(world.happen()))
            if number % steps == 0:
                projector.step()
        projector.step()
        expected = folded(world)
        assert {stream_of(view): view for view in hot} == expected
        assert_pods_are_with_their_jobs(hot, expected)

        reader = world.journal.reader()
        anew = Tables(Path(folder) / "anew", identity=world.journal.identity, head=reader.head(), codec=VIEWS)
        again = HotViews()
        replay(reader, again, Projector(anew))
        assert {stream_of(view): view for view in again} == expected
        for tables in (live_tables, anew):
            assert tables.checkpoint == reader.head()
            rows = TableReader(tables)
            found = stored(rows)
            assert found == as_rows(expected)
            assert named_in(rows) == named(world)
            for stream, row in found.items():
                known = expected[stream]
                if isinstance(row, JobView) and isinstance(known, JobView):
                    assert with_instances(row, known) == known
            rows.close()
            tables.close()


def assert_pods_are_with_their_jobs(hot: HotViews, expected: dict[str, View]) -> None:
    """All pods of a job that is live are in memory, and pods are counted where they are."""
    pods = [view for view in expected.values() if isinstance(view, PodView)]
    for job in (view for view in expected.values() if isinstance(view, JobView)):
        own = [pod for pod in pods if pod.owner == stream_of(job)]
        if not is_over(job):
            assert hot.pods_of(stream_of(job)) == sorted(own, key=lambda pod: pod.instance)
        assert_counted(hot.counted(job), job, own)


def assert_counted(counted: JobView, job: JobView, pods: list[PodView]) -> None:
    """What was told counts as told; of those that are on their way it is known where they are."""
    assert replace(counted, counts=job.counts) == job
    actual = Counter((pod.config, pod.phase) for pod in pods)
    for config in {config for config, _ in (*actual, *job.counts)}:
        told, now, there = (
            {phase: counts.get((config, phase), 0) for phase in PodPhase}
            for counts in (job.counts, counted.counts, actual)
        )
        assert sum(now.values()) == sum(told.values())
        assert {phase: now[phase] for phase in SPOKEN} == {phase: told[phase] for phase in SPOKEN}
        on_their_way = sum(there[phase] for phase in SILENT)
        if on_their_way <= told[PodPhase.INITIALIZED] + sum(told[phase] for phase in SILENT):
            assert on_their_way == 0 or [now[phase] for phase in SILENT] == [there[phase] for phase in SILENT]


@settings(max_examples=60, deadline=None)
@given(random=randoms, count=st.integers(0, 200), max_over=st.integers(0, 2), page=st.integers(1, 50))
def test_what_left_memory_is_found_and_comes_back(
    random: Random, count: int, max_over: int, page: int
) -> None:
    """With any bound of memory a point read and a restart tell what unbounded memory tells."""
    world = World(random)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "views"
        tables = Tables(path, identity=world.journal.identity, head=0, codec=VIEWS)
        cold = ColdViews(tables)
        hot, projector = HotViews(cold=cold, max_over=max_over), Projector(tables)
        for _ in range(count):
            projector.offer(hot.apply(world.happen()))
            if random.random() < 0.3:
                projector.step()
        expected = folded(world)
        assert {stream: hot.find(stream) for stream in world.versions if hot.find(stream)} == expected
        live = {stream: view for stream, view in expected.items() if not is_over(view)}
        assert {stream: hot.get(stream) for stream in live} == live
        assert_pods_are_with_their_jobs(hot, expected)
        if random.random() < 0.5:  # else the tables are behind, in the middle of some part of the replay
            projector.step()
        cold.close()
        tables.close()

        reader = world.journal.reader()
        tables = Tables(path, identity=world.journal.identity, head=reader.head(), codec=VIEWS)
        cold = ColdViews(tables)
        again = HotViews(cold=cold, max_over=max_over)
        if random.random() < 0.5:  # else all is folded
            again.begin()
        replay(reader, again, Projector(tables), page=page)
        assert {stream: again.find(stream) for stream in world.versions if again.find(stream)} == expected
        assert {stream: again.get(stream) for stream in live} == live
        assert tables.checkpoint == reader.head()
        rows = TableReader(tables)
        assert stored(rows) == as_rows(expected)
        assert named_in(rows) == named(world)
        rows.close()
        assert_pods_are_with_their_jobs(again, expected)
        cold.close()
        tables.close()


@settings(max_examples=30, deadline=None)
@given(random=randoms)
def test_a_start_takes_the_pods_that_are_not_over_and_those_of_jobs_that_are_not(random: Random) -> None:
    """Tables and memory mean the same by "over", in any phase a pod and its job are in."""
    world, views = World(random), list[View]()
    for _ in range(60):
        world.happen()
    for view in folded(world).values():
        if isinstance(view, PodView):
            phase, due = random.choice([*PodPhase][:-1]), random.choice((0, 0, 1))
            views.append(replace(view, phase=phase, restart_at=due))
        elif isinstance(view, JobView):
            views.append(replace(view, phase=random.choice([*JobPhase][:-1])))
    live = {stream_of(view) for view in views if not is_over(view)}
    pods = [view for view in views if isinstance(view, PodView)]
    with TemporaryDirectory() as folder:
        tables = Tables(Path(folder) / "views", identity="it", head=1, codec=VIEWS)
        tables.write(views, 1)
        rows = TableReader(tables)
        kept = {stream_of(pod) for pod in rows.pods_to_keep()}
        assert kept == {stream_of(pod) for pod in pods if stream_of(pod) in live or pod.owner in live}
        rows.close()
        tables.close()


@settings(max_examples=30, deadline=None)
@given(random=randoms)
def test_a_fold_does_not_depend_on_pages(random: Random) -> None:
    """Hot views fed one record at a time tell each append once, whole, as when fed appends."""
    world = World(random)
    records = [recorded for _ in range(40) for recorded in world.happen()]
    whole, single = HotViews(), HotViews()
    assert whole.apply(records) == [advance for one in records for advance in single.apply([one])]


def test_counts_of_a_job_are_of_its_reports() -> None:
    world = World(chance(7))
    hot = HotViews()
    for _ in range(400):
        hot.apply(world.happen())
    jobs = [view for view in hot if isinstance(view, JobView)]
    assert any(view.reports for view in jobs)
    for view in jobs:
        counts: dict[tuple[int, str], int] = {}
        for report in view.reports.values():
            place = (report.config, report.phase)
            counts[place] = counts.get(place, 0) + 1
        assert dict(view.counts) == counts
        assert replace(view) == view


def test_a_job_that_was_killed_and_runs_again_survives_a_replay(tmp_path: Path) -> None:
    """A replay behind the tables keeps a job that is killed by then, and so its maps by instance."""
    world = World(chance(1))
    stream, reader = "job/1", world.journal.reader()
    spec = JobSpec(name="web", instance_count=1, default=world.pod_spec())
    report = JobPodReported(
        instance=0, run=1, phase=PodPhase.RUNNING, goal=Goal.RUNNING, config=1, failure_count=0
    )
    for event in (
        JobCreated(spec=spec),
        report,
        JobPhaseChanged(phase=JobPhase.KILLED),
        JobPhaseChanged(phase=JobPhase.RUNNING),
    ):
        world.append((stream, event))
    tables = Tables(tmp_path / "views", identity=world.journal.identity, head=0, codec=VIEWS)
    replay(reader, HotViews(), Projector(tables))
    cold = ColdViews(tables)
    again = HotViews(cold=cold, max_over=0)
    replay(reader, again, Projector(tables), page=1)
    assert again.get(stream) == folded(world)[stream]
    cold.close()
    tables.close()


def test_pods_of_a_job_that_was_killed_and_runs_again_survive_a_replay(tmp_path: Path) -> None:
    """A replay that began with the pods of the tables drops none because their job was over once."""
    world = World(chance(1))
    spec = JobSpec(name="web", instance_count=1, default=world.pod_spec())
    created = PodCreated(
        owner="job/1", instance=0, config=1, spec=world.pod_spec(), goal=Goal.RUNNING, name="web"
    )
    for stream, event in (
        ("job/1", JobCreated(spec=spec)),
        ("pod/1-0", created),
        ("pod/1-0", PodEnded(run=1, phase=PodPhase.FAILED, reason=EndReason.FAILED)),
        ("job/1", JobPhaseChanged(phase=JobPhase.KILLED)),
        ("job/1", JobPhaseChanged(phase=JobPhase.RUNNING)),
    ):
        world.append((stream, event))
    tables = Tables(tmp_path / "views", identity=world.journal.identity, head=0, codec=VIEWS)
    reader = world.journal.reader()
    replay(reader, HotViews(), Projector(tables))
    cold = ColdViews(tables)
    again = HotViews(cold=cold, max_over=0)
    again.begin()
    replay(reader, again, Projector(tables), page=1)
    assert again.pods_of("job/1") == [folded(world)["pod/1-0"]]
    cold.close()
    tables.close()


def test_a_pod_that_was_deleted_and_made_again_survives_a_replay(tmp_path: Path) -> None:
    """A replay that is behind the tables in its first half alone deletes nothing that they know."""
    world = World(chance(1))
    stream, reader = "pod/1-0", world.journal.reader()
    created = PodCreated(
        owner="job/1", instance=0, config=1, spec=world.pod_spec(), goal=Goal.RUNNING, name="web"
    )
    for event in (created, PodDeleted(run=1), replace(created, run=2)):
        world.append((stream, event))
    tables = Tables(tmp_path / "views", identity=world.journal.identity, head=0, codec=VIEWS)
    replay(reader, HotViews(), Projector(tables))
    world.append(("pod/1-1", replace(created, instance=1)))
    cold = ColdViews(tables)
    replay(reader, HotViews(cold=cold), Projector(tables))
    rows = TableReader(tables)
    assert stored(rows) == as_rows(folded(world))
    assert stored(rows).keys() == {stream, "pod/1-1"}
    rows.close()
    cold.close()
    tables.close()
