"""A task waits, holds its worker, and ends once."""

from collections.abc import Iterable

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from actors.kernel.decider import ArmTimer, Code, Opening
from actors.task import ALLOWED, ENTITY, TRANSITIONS, TaskState, evolve
from actors.task.commands import (
    AssignTask,
    BeginTask,
    CancelTask,
    DeleteTask,
    FailTask,
    ReleaseTask,
    StartTask,
    SubmitTasks,
    SucceedTask,
    TasksAccepted,
)
from actors.task.state import is_finished
from events.frozen import replace
from events.task import (
    FailureKind,
    TaskAssigned,
    TaskCancelled,
    TaskDeleted,
    TaskFailed,
    TaskQueued,
    TaskReleased,
    TaskStarted,
    TaskSucceeded,
)
from tests.actors.subject import edges_in, explore
from tests.actors.task.machine import (
    ARGUMENTS,
    KEEP_US,
    NOW,
    PROGRAM,
    WORKER,
    TaskMachine,
    group,
    queued,
    subject,
)


def test_keeps_the_laws_in_every_story() -> None:
    run_state_machine_as_test(
        TaskMachine, settings=settings(max_examples=150, stateful_step_count=15, deadline=None)
    )
    never = edges_in(TRANSITIONS) - TaskMachine.taken
    print("edges never taken by the machine:", sorted(map(str, never)))  # noqa: T201 - the report


def commands(_state: TaskState | None) -> Iterable[object]:
    yield from (CancelTask(), AssignTask(worker=WORKER), StartTask(worker=WORKER))
    yield from (ReleaseTask(worker=WORKER), SucceedTask(worker=WORKER, result=b""), DeleteTask())
    yield FailTask(worker=WORKER, kind=FailureKind.USER, message="")


def test_takes_exactly_the_edges_of_the_table() -> None:
    task = subject()
    task.decided(SubmitTasks(groups=(replace(group("1"), keep_us=0),)))
    taken = explore(task, commands, lambda state: state, limit=200)
    assert edges_in(TRANSITIONS) == taken
    for before, _, after in edges_in(TRANSITIONS):
        assert before is None or after in ALLOWED[before]


def test_a_request_makes_all_its_tasks_in_one_decision() -> None:
    """The first task makes the others; tasks of one group share the program of its first."""
    decision = subject().decided(SubmitTasks(groups=(group("1", "2"), group("3", worker="worker/v"))))
    assert decision.result == TasksAccepted(ids=(("1", "2"), ("3",)))
    assert [type(event) for event in decision.events] == [TaskQueued]
    common = {"principal": "system", "limit_us": 60_000_000, "keep_us": KEEP_US, "estimate_us": 7}
    first = TaskQueued(worker=WORKER, program=PROGRAM, arguments=ARGUMENTS, **common)  # type: ignore[arg-type]
    second = TaskQueued(worker=WORKER, program_of="task/1", arguments=ARGUMENTS, **common)  # type: ignore[arg-type]
    third = TaskQueued(worker="worker/v", program=PROGRAM, arguments=ARGUMENTS, **common)  # type: ignore[arg-type]
    assert decision.events == (first,)
    assert decision.opens == (Opening("task/2", (second,)), Opening("task/3", (third,)))


def test_an_id_is_used_once() -> None:
    assert queued().refused(SubmitTasks(groups=(group("1"),))).code is Code.ALREADY_EXISTS


def test_a_task_may_begin_as_it_is_made() -> None:
    """Who chose the worker before has both in one append."""
    task = subject()
    begins = BeginTask(worker=WORKER, limit_us=60_000_000, keep_us=KEEP_US, program=PROGRAM)
    queued = TaskQueued(
        worker=WORKER, principal="system", limit_us=60_000_000, keep_us=KEEP_US, program=PROGRAM
    )
    assert task.decided(begins).events == (queued, TaskStarted(worker=WORKER, at=NOW))
    assert task.refused(begins).code is Code.ALREADY_EXISTS
    assert task.decided(SucceedTask(worker=WORKER, result=b"")).events


def test_a_task_that_never_was_is_not_found() -> None:
    assert subject().refused(CancelTask()).code is Code.NOT_FOUND


def test_a_task_goes_through_all_its_phases() -> None:
    task = queued()
    assert task.decided(AssignTask(worker=WORKER)).events == (TaskAssigned(worker=WORKER),)
    assert task.decided(StartTask(worker=WORKER)).events == (TaskStarted(worker=WORKER, at=NOW),)
    assert task.decided(ReleaseTask(worker=WORKER), now=NOW + 30).events == (TaskReleased(held_us=30),)
    ended = task.decided(SucceedTask(worker=WORKER, result=b"42"), now=NOW + 50)
    assert ended.events == (TaskSucceeded(result=b"42", held_us=30, at=NOW + 50),)
    assert task.effects == [ArmTimer("keep", NOW + 50 + KEEP_US, DeleteTask())]
    assert task.decided(DeleteTask(), now=NOW + 50 + KEEP_US).events == (TaskDeleted(),)
    assert task.state is not None
    assert is_finished(task.state)


def test_a_worker_that_measures_is_believed() -> None:
    task = queued()
    task.decided(StartTask(worker=WORKER))
    ended = task.decided(
        FailTask(worker=WORKER, kind=FailureKind.TIMEOUT, message="late", held_us=9), now=NOW + 50
    )
    failed = TaskFailed(kind=FailureKind.TIMEOUT, message="late", held_us=9, at=NOW + 50)
    assert ended.events == (failed,)


@pytest.mark.parametrize(("until", "held_us"), [(NOW + 20, 20), (NOW + 80, 50), (NOW - 5, 0)])
def test_a_worker_was_not_held_when_nobody_was_there(until: int, held_us: int) -> None:
    task = queued()
    task.decided(StartTask(worker=WORKER))
    gone = FailTask(worker=WORKER, kind=FailureKind.SERVICE, message="gone", until=until)
    (failed,) = task.decided(gone, now=NOW + 50).events
    assert failed == TaskFailed(kind=FailureKind.SERVICE, message="gone", held_us=held_us, at=NOW + 50)


def test_a_task_that_never_started_held_nothing() -> None:
    task = queued()
    task.decided(AssignTask(worker=WORKER))
    ended = task.decided(FailTask(worker=WORKER, kind=FailureKind.SERVICE, message="gone", held_us=9))
    assert ended.events == (TaskFailed(kind=FailureKind.SERVICE, message="gone", held_us=0, at=NOW),)


def test_a_cancelled_task_never_starts() -> None:
    task = queued()
    assert task.decided(CancelTask()).events == (TaskCancelled(at=NOW),)
    assert task.refused(StartTask(worker=WORKER)).code is Code.WRONG_STATE


def test_it_is_kept_as_long_as_it_was_made_with() -> None:
    task = queued()
    task.decided(CancelTask())
    assert task.decided(DeleteTask(), now=NOW + KEEP_US - 1).events == ()
    assert task.state is not None
    assert ENTITY.outstanding(task.state) == (ArmTimer("keep", NOW + KEEP_US, DeleteTask()),)


def test_a_stream_begins_with_its_queueing() -> None:
    with pytest.raises(ValueError, match="begins with TaskDeleted"):
        evolve(None, "task/1", TaskDeleted())
