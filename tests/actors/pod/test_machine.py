"""The pod keeps the laws in every story, and its table is exactly what it does."""

from collections.abc import Hashable, Iterable

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from actors.pod import ALLOWED, TRANSITIONS, PodState
from actors.pod.commands import (
    BeginNextRun,
    DeletePod,
    PlacePod,
    QueuePod,
    RecordContainerExited,
    RecordContainerStarted,
    RecordLaunched,
    RecordRunEnded,
    RestartPod,
    StartPod,
    StopPod,
)
from events.goal import Goal
from events.pod import PodCreated
from tests.actors.pod.machine import ONE, TWO, PodMachine, subject
from tests.actors.subject import edges_in, explore


def test_keeps_the_laws_in_every_story() -> None:
    run_state_machine_as_test(
        PodMachine,
        settings=settings(
            max_examples=120,
            stateful_step_count=40,
            suppress_health_check=[HealthCheck.too_slow],
            deadline=None,
        ),
    )
    never = edges_in(TRANSITIONS) - PodMachine.taken
    print("edges never taken by the machine:", sorted(map(str, never)))  # noqa: T201 - the report


def commands(state: PodState | None) -> Iterable[object]:
    assert state is not None
    run = state.run
    yield from (StartPod(), StopPod(), RestartPod(), DeletePod())
    yield from (PlacePod(run=run, host="h"), BeginNextRun(run=run))
    yield from (QueuePod(run=run, reason="full"), QueuePod(run=run, reason="fuller"))
    yield from (RecordLaunched(run=run), RecordRunEnded(run=run), RecordRunEnded(run=run, is_lost=True))
    for each in (*state.spec.init_containers, *state.spec.containers):
        yield RecordContainerStarted(run=run, container=each.name, process=1, at=1)
        yield RecordContainerExited(run=run, container=each.name, exit_code=0, at=2)
        yield RecordContainerExited(run=run, container=each.name, exit_code=1, at=2)


def look(state: PodState | None) -> Hashable:
    """States that differ only in what counts up look alike."""
    assert state is not None
    ends = tuple((end.container, end.exit_code) for end in state.exits)
    return (
        state.phase,
        state.goal,
        state.is_wanted,
        state.stop_reason,
        frozenset(state.started),
        frozenset(ends),
        state.restart_at > 0,
    )


def test_takes_exactly_the_edges_of_the_table() -> None:
    taken = set()
    for spec in (ONE, TWO):
        for goal in (Goal.RUNNING, Goal.KILLED):
            pod = subject(spec, goal=goal)
            taken |= explore(pod, commands, look, limit=1200)
    for goal in (Goal.RUNNING, Goal.KILLED):
        pod = subject()
        pod.decided(DeletePod())
        pod.apply([PodCreated(owner="", instance=0, config=2, spec=ONE, run=2, goal=goal)])
        taken |= pod.edges
    assert edges_in(TRANSITIONS) - taken == set()


def test_every_edge_of_the_table_is_allowed() -> None:
    for before, _, after in edges_in(TRANSITIONS):
        assert before is None or before == after or after in ALLOWED[before], (before, after)
