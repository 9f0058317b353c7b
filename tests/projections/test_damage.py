"""Tables that are damaged, or are made anew, are missed by nobody: the journal stands in for them."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from events.goal import Goal
from events.job import JobCreated, JobPhase, JobPhaseChanged, JobSpec
from events.journal import Reader
from events.pod import EndReason, PodCreated, PodEnded, PodPhase, PodRunStarted
from events.receipt import CommandReceived
from events.record import Recorded
from projections.hot import Advance, HotViews
from projections.jobs import JobView
from projections.listing import ColdViews, TableReader, TablesUnreadable
from projections.lists import Lists, Unreadable
from projections.pods import PodView
from projections.queries import JobQuery, PodQuery
from projections.reading import InlineReaders
from projections.runner import Projector, ProjectorThread
from projections.tables import Tables
from projections.view import View, fold, is_gone, is_over
from tests.projections.world import VIEWS, World, chance

POD = "pod/dead-7"


@dataclass(slots=True)
class Stand:
    """A world, its tables and hot views that keep next to nothing that is over."""

    world: World
    path: Path
    max_over: int = 0
    tables: Tables = field(init=False)
    cold: ColdViews = field(init=False)
    hot: HotViews = field(init=False)
    projector: Projector = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self, *, is_begun: bool = False) -> None:
        """Start over the journal and whatever stands in the file."""
        journal = self.world.journal
        head = journal.reader().head()
        self.tables = Tables(self.path, identity=journal.identity, head=head, codec=VIEWS)
        self.projector = Projector(self.tables)
        self.projector.read_meanwhile(journal.reader)
        self.cold = ColdViews(self.tables)
        self.hot = HotViews(cold=self.cold, max_over=self.max_over)
        if is_begun:
            with suppress(sqlite3.Error):
                self.hot.begin()
        reader = journal.reader()
        while records := reader.page(self.hot.revision + 1, 50):
            self.projector.offer((self.hot.replay(records),))

    def show(self, records: list[Recorded]) -> list[Advance]:
        advances = self.hot.apply(records)
        self.projector.offer(advances)
        return advances

    def step(self, reader: Reader | None = None) -> None:
        """Do as the projector's thread does."""
        try:
            self.projector.step()
        except sqlite3.DatabaseError:
            self.projector.rebuild(reader or self.world.journal.reader())

    def close(self) -> None:
        self.cold.close()
        self.tables.close()

    def expected(self) -> dict[str, View]:
        views: dict[str, View | None] = {}
        for recorded in self.world.journal.reader().page(1, 100_000):
            views[recorded.stream] = fold(views.get(recorded.stream), recorded)
        return {stream: view for stream, view in views.items() if view is not None and not is_gone(view)}


class BadDisk(Reader):
    """A reader of the journal that reads nothing, so that a rebuild ends soon after it has begun."""

    def __init__(self) -> None:
        pass

    def page(self, *_: object, **__: object) -> list[Recorded]:
        raise OSError("no disk")


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """A stand with dead pods that are in the tables alone."""
    stand = Stand(World(chance(3)), tmp_path / "views")
    spec = stand.world.pod_spec()
    for number in range(300):
        created = PodCreated(
            owner="worker/x", instance=number, config=1, spec=spec, goal=Goal.RUNNING, name="x"
        )
        ended = PodEnded(run=1, phase=PodPhase.FAILED, reason=EndReason.FAILED)
        stream = f"pod/dead-{number}"
        stand.show(stand.world.append((stream, created), (stream, ended)))
    stand.step()
    stand.show(stand.world.create_job())
    stand.step()
    assert stand.hot.get(POD) is None
    yield stand
    stand.close()


def damage(stand: Stand) -> None:
    """Overwrite the pages of pods."""
    connection = sqlite3.connect(stand.path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'pods'")
    ((size,),) = connection.execute("PRAGMA page_size")
    connection.close()
    with stand.path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xee" * 200)


def remove(stand: Stand) -> None:
    """Take the file away, and let nobody have it open."""
    stand.path.unlink()
    stand.cold._reader.close()


def vanish(stand: Stand) -> None:
    """Let a rebuild begin, and come to nothing."""
    stand.tables.doubt(stand.tables.generation)
    with pytest.raises(OSError, match="no disk"):
        stand.step(BadDisk())


@pytest.mark.parametrize("harm", [damage, remove, vanish])
def test_what_is_in_the_tables_alone_is_found_and_goes_on(
    stand: Stand, harm: Callable[[Stand], None]
) -> None:
    harm(stand)
    expected = stand.expected()
    assert stand.hot.find(POD) == expected[POD]
    assert stand.hot.find("pod/nobody") is None
    begun = PodRunStarted(run=2, config=1, spec=stand.world.pod_spec(), failure_count=1)
    (advance,) = stand.show(stand.world.append((POD, begun)))
    assert advance.views == {POD: stand.hot.get(POD)}
    assert stand.hot.get(POD) == stand.expected()[POD]
    stand.step()
    assert stand.tables.is_whole
    rows = TableReader(stand.tables)
    assert rows.pod("dead-7") == stand.hot.get(POD)
    assert rows.pods(PodQuery(limit=1)).total == len(stand.world.pods) + 300
    rows.close()


@pytest.mark.parametrize("harm", [damage, remove, vanish])
@pytest.mark.parametrize("is_begun", [False, True])
def test_a_start_over_damaged_tables_knows_everything(
    stand: Stand, harm: Callable[[Stand], None], *, is_begun: bool
) -> None:
    harm(stand)
    stand.close()
    stand.start(is_begun=is_begun)
    expected = stand.expected()
    assert {stream: stand.hot.find(stream) for stream in expected} == expected
    stand.step()
    assert stand.tables.checkpoint == stand.hot.revision


@pytest.mark.asyncio
@pytest.mark.parametrize("harm", [damage, remove, vanish])
async def test_a_list_that_cannot_be_read_may_be_asked_for_again(
    stand: Stand, harm: Callable[[Stand], None]
) -> None:
    harm(stand)
    told: list[int] = []
    thread = ProjectorThread(
        stand.projector, journal_reader=stand.world.journal.reader, on_checkpoint=told.append
    )
    rows = TableReader(stand.tables)
    lists = Lists(stand.hot, InlineReaders(rows), thread)
    if harm is not vanish:
        with pytest.raises(Unreadable, match="cannot be read now"):
            await lists.pods(PodQuery(), stand.hot.revision)
    thread.start()
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, thread.stop)
    page = await lists.pods(PodQuery(limit=1), stand.hot.revision)
    assert page.total == len(stand.world.pods) + 300
    assert told == [stand.hot.revision]
    rows.close()


@pytest.mark.parametrize("is_started", [False, True])
@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_job_that_lives_again_has_its_pods_or_the_server_ends(
    tmp_path: Path, *, is_started: bool, is_damaged: bool
) -> None:
    """Pods that left memory come back with it; while nobody can tell which they are, it is not shown."""
    stand = Stand(World(chance(1)), tmp_path / "views")
    spec = JobSpec(name="web", instance_count=1, default=stand.world.pod_spec())
    created = PodCreated(
        owner="job/1", instance=0, config=1, spec=stand.world.pod_spec(), goal=Goal.RUNNING, name="web"
    )
    for stream, event in (
        ("job/1", JobCreated(spec=spec)),
        ("pod/1-0", created),
        ("pod/1-0", PodEnded(run=1, phase=PodPhase.FAILED, reason=EndReason.FAILED)),
        ("job/1", JobPhaseChanged(phase=JobPhase.KILLED)),
    ):
        stand.show(stand.world.append((stream, event)))
    stand.step()
    stand.show(stand.world.append(("receipt/1", CommandReceived())))
    assert stand.hot.get("pod/1-0") is None
    if is_started:
        stand.max_over = 10  # nothing leaves, but a start takes no pods of a job that is over
        stand.close()
        stand.start(is_begun=True)
    if is_damaged:
        stand.tables.doubt(stand.tables.generation)
    again = stand.world.append(("job/1", JobPhaseChanged(phase=JobPhase.RUNNING)))
    if is_damaged:
        with pytest.raises(TablesUnreadable):
            stand.show(again)
        stand.close()
        stand.start(is_begun=True)
    else:
        stand.show(again)
    assert stand.hot.pods_of("job/1") == [stand.expected()["pod/1-0"]]
    stand.close()


def test_what_a_query_does_wrong_is_no_damage(stand: Stand) -> None:
    rows = TableReader(stand.tables)
    with pytest.raises(sqlite3.OperationalError, match="too large"):
        rows.jobs(JobQuery(keywords=("a",) * 2_000))
    assert stand.tables.is_whole
    rows.close()


@pytest.mark.parametrize(
    ("is_closed", "boot", "is_kept"), [(False, "one", True), (False, "two", False), (True, "two", True)]
)
def test_tables_are_trusted_after_the_machine_ended_only_if_they_were_closed(
    tmp_path: Path, *, is_closed: bool, boot: str, is_kept: bool
) -> None:
    """Nobody knows which of the pages that nobody waited for the disk has."""

    def opened(boot: str) -> Tables:
        return Tables(tmp_path / "views", identity="it", head=9, codec=VIEWS, boot=boot)

    first = opened("zero")
    first.write([], 9)
    first.close()
    second = opened("one")  # closed, so it is kept, but now it is written again
    assert second.checkpoint == 9
    second.write([], 9)
    if is_closed:
        second.close()
    third = opened(boot)
    assert third.checkpoint == (9 if is_kept else 0)
    third.close()
    second.close()


def test_a_damaged_file_is_gone_for_the_next_start(stand: Stand) -> None:
    damage(stand)
    stand.hot.find(POD)
    assert not stand.path.exists()
    assert stand.projector.has_work


def test_a_step_that_raises_what_nobody_expects_is_tried_again(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread goes on, and what waits is stored."""
    write, failed = stand.tables.write, 0

    def write_once_wrong(*args: object, **fields: object) -> None:
        nonlocal failed
        failed += 1
        if failed == 1:
            raise UnicodeError("a text that nobody can write")
        write(*args, **fields)  # type: ignore[arg-type]

    monkeypatch.setattr(stand.tables, "write", write_once_wrong)
    monkeypatch.setattr("projections.runner.PAUSE_S", 0.0)
    told: list[int] = []
    thread = ProjectorThread(
        stand.projector, journal_reader=stand.world.journal.reader, on_checkpoint=told.append
    )
    stand.show(stand.world.create_job())
    with capture_logs() as logs:
        thread.start()
        thread.hurry()
        while not failed:
            pass
        thread.stop()
    assert [log["event"] for log in logs] == ["tables.failed"]
    assert told == [stand.hot.revision]


@settings(max_examples=80, deadline=None)
@given(
    random=st.integers(0, 2**32).map(chance),
    harms=st.lists(st.sampled_from([None, None, None, "step", "doubt", "vanish", "start"]), max_size=150),
    max_over=st.integers(0, 2),
)
def test_damage_at_any_time_changes_nothing_that_is_told(
    random: Random, harms: list[str | None], max_over: int
) -> None:
    """Hot views and tables tell what the events say, whatever is damaged and made anew when."""
    with TemporaryDirectory() as folder:
        stand = Stand(World(random), Path(folder) / "views", max_over)
        unharmed = HotViews()
        for harm in harms:
            records = stand.world.happen()
            due = unharmed.apply(records)
            try:
                assert stand.show(records) == due
            except TablesUnreadable:  # the pods of a job that lives again: such a server ends
                stand.close()
                stand.start(is_begun=True)
            match harm:
                case "step":
                    stand.step()
                case "doubt":
                    stand.tables.doubt(stand.tables.generation)
                case "vanish":
                    vanish(stand)
                case "start":
                    stand.close()
                    stand.start(is_begun=random.random() < 0.5)
                case _:
                    pass
        expected = stand.expected()
        found = {stream: stand.hot.find(stream) for stream in stand.world.versions}
        assert {stream: view for stream, view in found.items() if view is not None} == expected
        live = {stream: view for stream, view in expected.items() if not is_over(view)}
        assert {stream: stand.hot.get(stream) for stream in live} == live
        stand.step()
        assert stand.tables.checkpoint == stand.hot.revision
        rows = TableReader(stand.tables)
        for view in expected.values():
            if isinstance(view, JobView):
                assert rows.job(view.id) is not None
            elif isinstance(view, PodView):
                assert rows.pod(view.id) == view
        rows.close()
        stand.close()
