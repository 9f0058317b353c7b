"""Workers that are dead leave memory, as everything does that is over, and may live again."""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from events.record import Recorded
from events.worker import (
    WorkerDied,
    WorkerFreed,
    WorkerPhase,
    WorkerReady,
    WorkerRegistered,
    WorkerSpec,
    WorkerTook,
)
from projections.hot import HotViews
from projections.listing import ColdViews
from projections.runner import Projector
from projections.tables import Tables
from projections.view import fold
from projections.workers import WorkerView
from tests.projections.test_tasks import Journal

SPEC = WorkerSpec(kind="test")


def next_event(view: WorkerView | None, random: Random) -> object:
    """Return what may happen next."""
    match view.phase if view is not None else WorkerPhase.DEAD:
        case WorkerPhase.DEAD:
            return WorkerRegistered(spec=SPEC)
        case WorkerPhase.REGISTERED:
            return WorkerReady()
        case WorkerPhase.BUSY:
            return WorkerFreed(task="task/1")
        case _:
            return random.choice((WorkerTook(task="task/1"), WorkerDied(reason="enough")))


@settings(max_examples=60, deadline=None)
@given(
    random=st.randoms(use_true_random=False),
    count=st.integers(0, 120),
    max_over=st.integers(0, 2),
    page=st.integers(1, 50),
)
def test_the_dead_leave_memory_are_found_and_come_back(
    random: Random, count: int, max_over: int, page: int
) -> None:
    journal, records, expected = Journal(), list[Recorded](), dict[str, WorkerView]()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "views"
        tables = Tables(path, identity="it", head=0)
        cold = ColdViews(tables)
        hot, projector = HotViews(cold=cold, max_over=max_over), Projector(tables)
        for _ in range(count):
            stream = f"worker/{random.randrange(6)}"
            records.append(journal.record(stream, next_event(expected.get(stream), random)))
            view = fold(expected.get(stream), records[-1])
            assert isinstance(view, WorkerView)
            expected[stream] = view
            projector.offer(hot.apply(records[-1:]))
            if random.random() < 0.3:
                projector.step()
            assert hot.find(stream) == view
        projector.step()
        hot.apply([])
        assert {stream: hot.find(stream) for stream in expected} == expected
        assert (
            sum(isinstance(view, WorkerView) and view.phase is WorkerPhase.DEAD for view in hot) <= max_over
        )
        cold.close()
        tables.close()

        tables = Tables(path, identity="it", head=len(records))
        cold = ColdViews(tables)
        again, projector = HotViews(cold=cold, max_over=max_over), Projector(tables)
        again.begin()
        for start in range(0, len(records), page):
            projector.offer((again.replay(records[start : start + page]),))
            projector.step()
        assert {stream: again.find(stream) for stream in expected} == expected
        cold.close()
        tables.close()
