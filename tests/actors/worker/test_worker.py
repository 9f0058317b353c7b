"""A worker has one task, or none; its pod comes and goes with it."""

from collections.abc import Hashable, Iterable

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from actors.job.commands import ReportPod
from actors.kernel.decider import Code, Decision, Opening, Send
from actors.pod.commands import DeletePod, ReconfigurePod, RestartPod, StartPod
from actors.worker import ALLOWED, TRANSITIONS, WorkerState, evolve
from actors.worker.commands import (
    CallWorker,
    DrainWorker,
    FreeWorker,
    LoseWorker,
    ReadyWorker,
    RegisterWorker,
    TakeTask,
)
from events.frozen import replace
from events.goal import Goal
from events.pod import PodCreated, PodPhase
from events.worker import (
    WorkerCalled,
    WorkerDied,
    WorkerFreed,
    WorkerLost,
    WorkerPhase,
    WorkerReady,
    WorkerRegistered,
    WorkerSpec,
)
from tests.actors.subject import Subject, edges_in, explore
from tests.actors.worker.machine import BARE, POD, PODDED, WorkerMachine, registered, subject

RELABELLED = WorkerSpec(kind="test", labels=(("l", "a"),), pod=POD)


def test_keeps_the_laws_in_every_story() -> None:
    run_state_machine_as_test(
        WorkerMachine, settings=settings(max_examples=150, stateful_step_count=15, deadline=None)
    )
    never = edges_in(TRANSITIONS) - WorkerMachine.taken
    print("edges never taken by the machine:", sorted(map(str, never)))  # noqa: T201 - the report


def commands(_state: WorkerState | None) -> Iterable[object]:
    yield from (RegisterWorker(name="w", spec=spec) for spec in (PODDED, RELABELLED))
    yield from (
        CallWorker(name="w"),
        ReadyWorker(),
        TakeTask(task="task/1"),
        FreeWorker(task="task/1"),
        DrainWorker(),
    )
    yield from (LoseWorker(reason="gone"), LoseWorker(reason="gone", task="task/1"))


def test_takes_exactly_the_edges_of_the_table() -> None:
    def look(state: WorkerState | None) -> Hashable:
        assert state is not None
        return replace(state, config=0)

    taken = explore(registered(PODDED), commands, look, limit=200)
    assert edges_in(TRANSITIONS) == taken
    for before, _, after in edges_in(TRANSITIONS):
        assert before is None or before == after or after in ALLOWED[before]


def called() -> Subject[WorkerState]:
    """Return a worker whose pod is there."""
    worker = registered(PODDED)
    worker.decided(CallWorker(name="w"))
    return worker


def test_a_worker_opens_its_pod_when_there_is_work() -> None:
    decision = registered(PODDED).decided(CallWorker(name="w"))
    assert decision.events == (WorkerCalled(pod="pod/id-0"),)
    created = PodCreated(owner="worker/w", instance=0, config=1, spec=POD, name="w")
    assert decision.opens == (Opening("pod/id-0", (created,)),)
    assert registered(BARE).decided(CallWorker(name="w")) == Decision()


def test_a_pod_that_is_there_is_started_again() -> None:
    """Somebody may have stopped it."""
    worker = called()
    again = WorkerCalled(pod="pod/id-0", again=True)
    assert worker.decided(CallWorker(name="w")).events == (again,)
    assert worker.effects == [Send("pod/id-0", StartPod())]
    worker.decided(ReadyWorker())
    assert worker.decided(CallWorker(name="w")) == Decision()


def test_a_worker_that_is_declared_otherwise_has_its_pod_follow() -> None:
    worker = called()
    worker.decided(RegisterWorker(name="w", spec=RELABELLED))
    again = ReconfigurePod(config=2, spec=POD, restart=True)
    assert worker.effects == [Send("pod/id-0", again)]
    worker.decided(ReadyWorker())
    assert worker.refused(RegisterWorker(name="w", spec=PODDED)).code is Code.WRONG_STATE


def test_a_worker_does_not_move_out_of_its_pod() -> None:
    assert called().refused(RegisterWorker(name="w", spec=BARE)).code is Code.WRONG_STATE
    worker = registered(PODDED)
    worker.decided(RegisterWorker(name="w", spec=BARE))
    assert worker.effects == []


def test_a_task_that_has_to_be_ended_takes_the_process_along() -> None:
    worker = called()
    worker.decided(ReadyWorker())
    worker.decided(TakeTask(task="task/1"))
    worker.decided(LoseWorker(reason="too long", task="task/1", restart=True))
    assert worker.effects == [Send("pod/id-0", RestartPod())]
    assert worker.state is not None
    assert (worker.state.phase, worker.state.reason) == (WorkerPhase.REGISTERED, "too long")


def test_a_process_that_ended_by_itself_is_left_to_its_pod() -> None:
    worker = called()
    worker.decided(ReadyWorker())
    assert worker.decided(LoseWorker(reason="gone")).events == (WorkerLost(reason="gone"),)
    assert worker.effects == []
    assert worker.decided(ReadyWorker()).events == (WorkerReady(),)


def test_a_worker_that_drains_ends_what_it_has() -> None:
    worker = called()
    worker.decided(ReadyWorker())
    worker.decided(TakeTask(task="task/1"))
    worker.decided(DrainWorker(reason="enough"))
    assert worker.refused(TakeTask(task="task/2")).code is Code.WRONG_STATE
    ended = worker.decided(FreeWorker(task="task/1"))
    assert ended.events == (WorkerFreed(task="task/1"), WorkerDied(reason="enough"))
    assert worker.effects == [Send("pod/id-0", DeletePod())]
    assert worker.decided(RegisterWorker(name="w", spec=BARE)).events == (WorkerRegistered(spec=BARE),)
    assert worker.state is not None
    assert worker.state.pod == ""


def test_a_worker_that_drains_dies_with_its_process() -> None:
    worker = registered()
    worker.decided(ReadyWorker())
    worker.decided(TakeTask(task="task/1"))
    worker.decided(DrainWorker(reason="enough"))
    ended = worker.decided(LoseWorker(reason="gone", task="task/1"))
    assert ended.events == (WorkerLost(reason="gone"), WorkerDied(reason="enough"))


def test_what_its_pod_reports_changes_nothing() -> None:
    report = ReportPod(
        instance=0, run=1, phase=PodPhase.RUNNING, goal=Goal.RUNNING, config=1, failure_count=0
    )
    assert registered(PODDED).decided(report) == Decision()


def test_a_worker_begins_with_its_registration() -> None:
    assert subject().refused(ReadyWorker()).code is Code.NOT_FOUND
    with pytest.raises(ValueError, match="begins with WorkerReady"):
        evolve(None, "worker/w", WorkerReady())
