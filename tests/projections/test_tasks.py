"""Views of tasks and workers, queues, and those who wait for an end."""

import asyncio

import pytest

from events.record import Envelope, Recorded
from events.task import (
    FailureKind,
    TaskAssigned,
    TaskCancelled,
    TaskDeleted,
    TaskFailed,
    TaskPhase,
    TaskQueued,
    TaskReleased,
    TaskStarted,
    TaskSucceeded,
)
from events.worker import (
    WorkerDied,
    WorkerDraining,
    WorkerFreed,
    WorkerLost,
    WorkerPhase,
    WorkerReady,
    WorkerRegistered,
    WorkerSpec,
    WorkerTook,
)
from projections.endings import Endings, NoMoreEndings
from projections.hot import Advance, HotViews
from projections.queues import Delay, Queues
from projections.stamp import OutOfPlace
from projections.tasks import SHORT_RESULT, TaskView
from projections.view import fold
from projections.workers import WorkerView

S = 1_000_000
WORKER = "worker/w"


def queued(*, limit_s: int = 10, estimate_s: int = 0) -> TaskQueued:
    return TaskQueued(
        worker=WORKER, principal="ann", limit_us=limit_s * S, keep_us=S, estimate_us=estimate_s * S
    )


class Journal:
    """Records, one append each."""

    def __init__(self) -> None:
        self.revision = 0
        self.versions: dict[str, int] = {}

    def record(self, stream: str, event: object) -> Recorded:
        self.revision += 1
        self.versions[stream] = self.versions.get(stream, 0) + 1
        envelope = Envelope(at=self.revision * S, principal="ann", origin="test")
        return Recorded(self.revision, stream, self.versions[stream], event, envelope, is_last=True)


def task_of(*events: object) -> TaskView:
    journal, view = Journal(), None
    for event in events:
        view = fold(view, journal.record("task/1", event))
    assert isinstance(view, TaskView)
    return view


def worker_of(*events: object) -> WorkerView:
    journal, view = Journal(), None
    for event in events:
        view = fold(view, journal.record(WORKER, event))
    assert isinstance(view, WorkerView)
    return view


STARTED = TaskStarted(worker=WORKER, at=2 * S)


def test_a_task_is_seen_in_each_of_its_phases() -> None:
    view = task_of(queued())
    assert (view.id, view.phase, view.origin, view.place, view.queued_at) == (
        "1",
        TaskPhase.QUEUED,
        "test",
        1,
        S,
    )
    assert task_of(queued(), TaskAssigned(worker=WORKER)).phase is TaskPhase.ASSIGNED
    assert task_of(queued(), STARTED).started_at == 2 * S
    released = task_of(queued(), STARTED, TaskReleased(held_us=5))
    assert (released.phase, released.held_us, released.released_at) == (TaskPhase.POST_PROCESSING, 5, 3 * S)
    failed = task_of(queued(), STARTED, TaskFailed(kind=FailureKind.USER, message="no", held_us=1, at=9))
    assert (failed.phase, failed.kind, failed.message) == (TaskPhase.FAILED, FailureKind.USER, "no")
    assert task_of(queued(), TaskCancelled(at=9)).ended_at == 9
    assert task_of(queued(), TaskCancelled(at=9), TaskDeleted()).phase is TaskPhase.DELETED


def test_a_short_result_is_kept_and_a_long_one_is_not() -> None:
    short, long = bytes(SHORT_RESULT), bytes(SHORT_RESULT + 1)
    assert task_of(queued(), STARTED, TaskSucceeded(result=short, held_us=1, at=3)).result == short
    assert task_of(queued(), STARTED, TaskSucceeded(result=long, held_us=1, at=3)).result is None


def test_a_worker_is_seen_in_each_of_its_phases() -> None:
    spec = WorkerSpec(kind="test")
    begun = (WorkerRegistered(spec=spec), WorkerReady(), WorkerTook(task="task/1"))
    assert worker_of(*begun[:1]).phase is WorkerPhase.REGISTERED
    assert worker_of(*begun[:2]).phase is WorkerPhase.IDLE
    assert (worker_of(*begun).phase, worker_of(*begun).task) == (WorkerPhase.BUSY, "task/1")
    assert worker_of(*begun, WorkerFreed(task="task/1")).phase is WorkerPhase.IDLE
    lost = worker_of(*begun, WorkerLost(reason="gone"))
    assert (lost.phase, lost.task, lost.reason) == (WorkerPhase.REGISTERED, "", "gone")
    draining = (*begun, WorkerDraining(reason="enough"))
    assert worker_of(*draining, WorkerLost(reason="gone")).phase is WorkerPhase.DRAINING
    dead = worker_of(*draining, WorkerFreed(task="task/1"), WorkerDied(reason="enough"))
    assert (dead.phase, dead.reason) == (WorkerPhase.DEAD, "enough")


def test_streams_begin_with_their_entities() -> None:
    for stream, event in (("task/1", TaskDeleted()), (WORKER, WorkerReady())):
        with pytest.raises(OutOfPlace):
            fold(None, Journal().record(stream, event))


def test_a_queue_is_in_journal_order_and_closes_up() -> None:
    journal, hot = Journal(), HotViews()
    for name in ("c", "a", "b"):
        hot.apply([journal.record(f"task/{name}", queued())])
    assert list(hot.queues.of(WORKER)) == ["c", "a", "b"]
    hot.apply([journal.record("task/a", TaskCancelled(at=1))])
    assert list(hot.queues.of(WORKER)) == ["c", "b"]
    hot.apply([journal.record("task/c", TaskStarted(worker=WORKER, at=1))])
    hot.apply([journal.record("task/b", TaskStarted(worker=WORKER, at=1))])
    assert hot.queues.of(WORKER) == {}


def test_a_delay_goes_to_the_end_and_its_lower_end_is_never_above_the_higher() -> None:
    journal, queues = Journal(), Queues()

    def seen(stream: str, *events: object) -> TaskView:
        view = None
        for event in events:
            view = fold(view, journal.record(stream, event))
        assert isinstance(view, TaskView)
        queues.put(view)
        return view

    running = seen("task/r", queued(limit_s=10, estimate_s=4), TaskStarted(worker=WORKER, at=0))
    seen("task/1", queued(limit_s=3, estimate_s=9))
    last = seen("task/2", queued(limit_s=5))
    assert queues.delay(last, running, S) == Delay(3 * S + 3 * S, 9 * S + 3 * S + 5 * S)
    assert queues.delay(last, None, S) == Delay(3 * S, 8 * S)
    assert queues.delay(running, running, 20 * S) == Delay(0, 0)
    released = seen("task/p", queued(), STARTED, TaskReleased(held_us=1))
    assert queues.delay(last, released, S) == Delay(3 * S, 8 * S)
    assert queues.delay(released, None, S) == Delay(0, 0)
    assigned = seen("task/q", queued(limit_s=2, estimate_s=1), TaskAssigned(worker=WORKER))
    assert queues.delay(assigned, assigned, S) == Delay(S, 2 * S)
    assert queues.delay(last, assigned, S) == Delay(4 * S, 10 * S)


@pytest.mark.asyncio
async def test_all_who_wait_are_told_at_once() -> None:
    endings = Endings()
    waiting = [asyncio.ensure_future(endings.of("task/1", timeout_s=10)) for _ in range(3)]
    leaving = asyncio.ensure_future(endings.of("task/1", timeout_s=10))
    await asyncio.sleep(0)
    assert len(endings) == 1
    leaving.cancel()
    endings.publish([Advance(1, {"task/1": task_of(queued(), STARTED)})])
    ended = task_of(queued(), TaskCancelled(at=1))
    endings.publish([Advance(2, {"task/1": ended})])
    assert await asyncio.gather(*waiting) == [ended] * 3
    assert len(endings) == 0


@pytest.mark.asyncio
async def test_nobody_waits_longer_than_asked_nor_after_the_end() -> None:
    endings = Endings()
    with pytest.raises(TimeoutError):
        await endings.of("task/1", timeout_s=0.001)
    waiting = asyncio.ensure_future(endings.of("task/1", timeout_s=10))
    await asyncio.sleep(0)
    endings.shutdown()
    with pytest.raises(NoMoreEndings):
        await waiting
    with pytest.raises(NoMoreEndings):
        await endings.of("task/2", timeout_s=10)
