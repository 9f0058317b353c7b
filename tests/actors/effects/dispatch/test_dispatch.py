"""Queues, slots, limits and losses, on simulated time."""

import asyncio

import pytest

from actors.effects.dispatch import TaskDone, TaskOrder, WorkerUp
from actors.effects.dispatch.dispatcher import SERVER_ENDED
from actors.effects.dispatch.simulated import TaskPlan
from actors.task.commands import CancelTask
from actors.worker.commands import DrainWorker
from events.journal import Fault
from events.pod import ContainerSpec, PodPhase, PodSpec
from events.task import FailureKind, TaskQueued
from events.worker import WorkerPhase, WorkerSpec
from tests.actors.effects.dispatch.hall import PROGRAM, SECOND, Hall, W

LONG = TaskPlan(held_us=1_000 * SECOND)


def test_tasks_run_one_at_a_time_in_their_order() -> None:
    hall = Hall()
    hall.submit("b", "a")
    hall.submit("c")
    assert hall.phases("b", "a", "c") == ["running", "queued", "queued"]
    assert hall.dispatch.waiting == 2
    hall.wait(SECOND)
    assert hall.phases("b", "a", "c") == ["succeeded", "running", "queued"]
    hall.wait(2 * SECOND)
    assert hall.phases("b", "a", "c") == ["succeeded"] * 3
    assert hall.ran == ["b", "a", "c"]
    assert hall.programs == [PROGRAM] * 3
    assert hall.state("task/b").held_us == SECOND


def test_a_task_that_leaves_its_worker_lets_the_next_one_start() -> None:
    hall = Hall()
    hall.submit("a", plan=TaskPlan(held_us=SECOND, after_us=5 * SECOND, result=b"late"))
    hall.submit("b", plan=LONG)
    hall.wait(SECOND)
    assert hall.phases("a", "b") == ["post-processing", "running"]
    hall.wait(5 * SECOND)
    assert hall.phases("a", "b") == ["succeeded", "running"]


def test_a_limit_counts_from_the_start_and_frees_the_worker() -> None:
    hall = Hall()
    hall.submit("a", limit_us=3 * SECOND, plan=LONG)
    hall.submit("b", limit_us=3 * SECOND)
    hall.wait(3 * SECOND)
    late = hall.state("task/a")
    assert (late.kind, late.held_us) == (FailureKind.TIMEOUT, 3 * SECOND)
    assert "3 s" in late.message
    hall.wait(SECOND)
    assert hall.phases("b") == ["succeeded"]


def test_a_task_that_ends_in_time_is_not_evicted_later() -> None:
    hall = Hall()
    hall.submit("a", limit_us=2 * SECOND)
    hall.submit("b", plan=TaskPlan(held_us=3 * SECOND))
    hall.wait(10 * SECOND)
    assert hall.phases("a", "b") == ["succeeded", "succeeded"]
    assert hall.ran == ["a", "b"]


def test_a_crash_fails_what_the_worker_had_and_another_one_comes() -> None:
    hall = Hall()
    hall.submit("left", plan=TaskPlan(held_us=1, after_us=100 * SECOND))
    hall.submit("a", plan=TaskPlan(held_us=SECOND, is_crash=True))
    hall.submit("b")
    hall.wait(SECOND + 1)
    assert [hall.state(f"task/{each}").kind for each in ("left", "a")] == [FailureKind.SERVICE] * 2
    hall.wait(SECOND)
    assert hall.phases("left", "a", "b") == ["failed", "failed", "succeeded"]


def test_a_task_that_fails_by_itself_keeps_its_worker() -> None:
    hall = Hall()
    hall.submit("a", plan=TaskPlan(held_us=SECOND, result=None))
    hall.wait(SECOND)
    assert (hall.state("task/a").kind, hall.state(W).phase) == (FailureKind.USER, WorkerPhase.IDLE)


def test_what_is_cancelled_is_never_run() -> None:
    hall = Hall()
    hall.submit("a", "b", "c")
    for each in "abc":
        hall.kernel.tell(f"task/{each}", CancelTask())
    hall.settle()
    hall.wait(10 * SECOND)
    assert hall.phases("a", "b", "c") == ["succeeded", "cancelled", "cancelled"]
    assert hall.ran == ["a"]


def test_a_cancellation_that_is_decided_before_the_start_wins() -> None:
    """The order of decisions decides; the loser's is left, and the next in line is started."""
    hall = Hall()
    hall.submit("a", "b", "c")
    hall.clock.advance(SECOND)  # a has ended; nothing of that is stored yet
    hall.kernel.tell("task/b", CancelTask())
    hall.settle()
    hall.wait(10 * SECOND)
    assert hall.phases("a", "b", "c") == ["succeeded", "cancelled", "succeeded"]
    assert hall.ran == ["a", "c"]


def test_after_a_restart_what_ran_has_failed_and_what_waited_runs() -> None:
    hall = Hall()
    hall.submit("left", plan=TaskPlan(held_us=1, after_us=100 * SECOND))
    hall.submit("a", plan=LONG)
    hall.wait(SECOND)
    hall.submit("b")
    hall.wait(SECOND)
    hall.start()
    assert [hall.state(f"task/{each}").message for each in ("left", "a")] == [SERVER_ENDED] * 2
    # Until when it ran nobody knows but by what was stored last.
    assert hall.state("task/a").held_us == SECOND - 1
    hall.wait(SECOND)
    assert hall.phases("b") == ["succeeded"]
    assert hall.ran == ["left", "a", "b"]


def test_what_the_journal_does_not_take_is_tried_again() -> None:
    hall = Hall()
    hall.recorder.plan(Fault.BEFORE_INSERT)
    with pytest.raises(AssertionError):
        hall.submit("a")
    hall.submit("b")
    hall.recorder.plan(Fault.BEFORE_INSERT)
    hall.wait(10 * SECOND)
    assert hall.phases("b") == ["succeeded"]
    assert hall.ran == ["b"]


@pytest.mark.parametrize("is_declared", [True, False])
def test_what_the_journal_does_not_take_at_start_is_tried_again(*, is_declared: bool) -> None:
    hall = Hall()
    hall.submit("a", plan=LONG)
    hall.submit("b")
    hall.spec = WorkerSpec(kind="other") if is_declared else None
    for _ in range(3):  # the loss, what is declared or not any more, and the loss once more
        hall.recorder.plan(Fault.BEFORE_INSERT)
    hall.start()
    assert hall.refused is None
    assert hall.phases("a", "b") == ["running", "queued"]
    hall.wait(10 * SECOND)
    assert hall.state("task/a").message == SERVER_ENDED
    assert hall.state(W).phase is (WorkerPhase.IDLE if is_declared else WorkerPhase.DEAD)
    assert hall.phases("b") == ["succeeded" if is_declared else "queued"]
    assert hall.ran == ["a", "b"][: 1 + is_declared]


def test_a_task_that_cannot_be_read_fails() -> None:
    hall = Hall()

    async def nothing(stream: str, after: int, limit: int) -> list[object]:
        del stream, after, limit
        return []

    hall.dispatch._orders._read_page = nothing  # type: ignore[assignment]
    hall.submit("a")
    assert hall.state("task/a").kind is FailureKind.SERVICE
    assert "not in the journal" in hall.state("task/a").message
    assert hall.state(W).phase is WorkerPhase.IDLE


def test_a_worker_that_is_no_longer_declared_ends_and_its_queue_stays() -> None:
    hall = Hall()
    hall.submit("a", "b", plan=LONG)
    hall.spec = None
    hall.start()
    assert hall.state(W).phase is WorkerPhase.DEAD
    assert hall.phases("a", "b") == ["failed", "queued"]
    hall.spec = WorkerSpec(kind="test")
    hall.plans.clear()
    hall.start()
    hall.wait(SECOND)
    assert hall.phases("b") == ["succeeded"]


def test_a_worker_that_drains_ends_what_it_has() -> None:
    hall = Hall()
    hall.submit("a", "b")
    hall.tell(W, DrainWorker())
    assert hall.state(W).phase is WorkerPhase.DRAINING
    hall.wait(SECOND)
    assert hall.state(W).phase is WorkerPhase.DEAD
    assert hall.phases("a", "b") == ["succeeded", "queued"]


def test_a_worker_in_a_pod_is_called_when_there_is_work() -> None:
    spec = PodSpec(containers=(ContainerSpec(name="main", command=("true",)),), survives_server=False)
    hall = Hall(WorkerSpec(kind="test", pod=spec))
    assert hall.state(W).pod == ""
    hall.engine.lose(W, "it is late")
    hall.settle()
    hall.submit("a")
    hall.wait(SECOND)
    assert hall.phases("a") == ["succeeded"]
    assert hall.state(W).pod in ("", "pod/id-0")


def test_the_pod_of_a_worker_that_never_came_up_is_opened_once() -> None:
    spec = PodSpec(containers=(ContainerSpec(name="main", command=("true",)),), survives_server=False)
    hall = Hall(WorkerSpec(kind="test", pod=spec))
    hall.engine._start_us = 100 * SECOND
    hall.engine.lose(W, "it is late")
    hall.submit("a")
    hall.submit("b")
    assert hall.state(W).pod == "pod/id-0"
    assert hall.state("pod/id-0").phase is PodPhase.INITIALIZED
    assert hall.dispatch.environment("id-0") == ()
    assert hall.dispatch.environment("other") == ()
    hall.wait(100 * SECOND)
    hall.wait(2 * SECOND)
    assert hall.phases("a", "b") == ["succeeded", "succeeded"]


def test_what_is_reported_too_late_changes_nothing() -> None:
    hall = Hall()
    hall.submit("a")
    hall.wait(SECOND)
    before = hall.state("task/a")
    hall.dispatch.report(TaskDone(worker=W, task="task/a", result=b"again"))
    hall.dispatch.report(WorkerUp(worker=W))
    hall.settle()
    assert hall.state("task/a") == before


def test_nothing_is_handed_out_after_the_close() -> None:
    hall = Hall()
    hall.submit("a", "b")
    asyncio.run(hall.dispatch.close())
    hall.wait(100 * SECOND)
    assert hall.phases("a", "b") == ["running", "queued"]


def test_the_engine_takes_one_task_at_a_time() -> None:
    hall = Hall()
    hall.submit("a")
    with pytest.raises(RuntimeError, match="cannot take"):
        hall.engine.run(TaskOrder(worker=W, task="task/b", program=None, arguments=None))
    assert hall.engine.environment(W) == ()


def test_the_first_task_has_the_program() -> None:
    hall = Hall()
    hall.submit("a", "b")
    first, second = (hall.reader.stream(f"task/{each}", limit=1)[0].event for each in "ab")
    assert isinstance(first, TaskQueued)
    assert isinstance(second, TaskQueued)
    assert (first.program, first.program_of) == (PROGRAM, "")
    assert (second.program, second.program_of) == (None, "task/a")


def test_of_a_worker_that_is_dead_nothing_is_kept() -> None:
    """Workers come and go, one for each process that is kept warm: their books must not grow for ever."""
    hall = Hall()
    hall.submit("a")
    hall.wait(2 * SECOND)
    assert list(hall.dispatch._ledger.places) == [W]
    hall.tell(W, DrainWorker())
    hall.tell(W, DrainWorker())
    assert hall.state(W).phase is WorkerPhase.DEAD
    assert hall.dispatch._ledger.places == {}
    assert hall.dispatch._ledger.worker_of == {}
