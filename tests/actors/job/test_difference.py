"""What makes another pod, and what a workflow makes of pods and events it does not know."""

from collections.abc import Sequence

import pytest

from actors.job import ENTITY, evolve
from actors.job.commands import (
    CompareJob,
    JobDifference,
    PauseWorkflow,
)
from actors.job.difference import runs_alike, surely_specs_of
from actors.job.waiting import Waiting
from actors.kernel.decider import Code, Decision
from events.capacity import Resources
from events.frozen import replace
from events.goal import Goal
from events.job import (
    JobCreated,
    JobEvent,
    JobPodReported,
    WorkflowAdvanced,
    WorkflowInstanceEnded,
    WorkflowPhase,
    WorkflowPhaseChanged,
    WorkflowPlanned,
    WorkflowTouched,
    WorkflowTurnedBack,
)
from events.pod import PodPhase, PodSpec, PortSpec, Restart
from tests.actors.job.rolling import spec, started
from tests.actors.job.test_decider import running, workflow
from tests.actors.pod.machine import ONE, TWO
from tests.actors.subject import Subject

P = PodPhase
W = WorkflowPhase


def test_a_comparison_stores_nothing() -> None:
    subject = running(3)
    compared = subject.decided(CompareJob(expected_version="1-1-1", spec=spec(2, ONE, i1=TWO)))
    assert compared == Decision(
        result=JobDifference(updated=((1, 1),), removed=((2, 2),), unchanged=((0, 0),))
    )
    more = subject.decided(CompareJob(expected_version="1-1-1", spec=spec(5, ONE)))
    assert more.result == JobDifference(added=((3, 4),), unchanged=((0, 2),))


BASE = replace(
    ONE,
    containers=(replace(ONE.containers[0], ports=(PortSpec(name="a"), PortSpec(name="b"))),),
    labels=(("a", "1"), ("job", "web")),
    environment=(("JOB", "web"),),
    inherited=(("job", "web"), ("JOB", "web")),
)
MAIN = BASE.containers[0]
ALIKE: list[tuple[PodSpec, bool]] = [
    (replace(BASE, containers=(replace(MAIN, name="other"),)), True),
    (replace(BASE, containers=(replace(MAIN, ports=MAIN.ports[::-1]),)), True),
    (replace(BASE, labels=BASE.labels[::-1]), True),
    (replace(BASE, priority=3, preemptible=True, backoff_s=1.0, backoff_max_s=2.0), True),
    (
        replace(
            BASE,
            labels=(("a", "1"), ("job", "web2")),
            environment=(("JOB", "web2"),),
            inherited=(("job", "web2"), ("JOB", "web2")),
        ),
        True,
    ),
    (replace(BASE, containers=(replace(MAIN, command=("false",)),)), False),
    (replace(BASE, containers=(replace(MAIN, environment=(("a", "b"),)),)), False),
    (replace(BASE, containers=(replace(MAIN, image="x"),)), False),
    (replace(BASE, containers=(replace(MAIN, resources=Resources(cpu=1)),)), False),
    (replace(BASE, containers=(replace(MAIN, open_files=9),)), False),
    (replace(BASE, containers=(replace(MAIN, ports=MAIN.ports[:1]),)), False),
    (replace(BASE, init_containers=(MAIN,)), False),
    (replace(BASE, labels=(("a", "2"), ("job", "web"))), False),
    (replace(BASE, environment=(("JOB", "web"), ("more", ""))), False),
    (replace(BASE, kill_grace_s=1), False),
    (replace(BASE, restart=Restart.NEVER), False),
    (replace(BASE, revocable=True), False),
    (replace(BASE, survives_server=False), False),
    (replace(BASE, beyond="x"), False),
]


@pytest.mark.parametrize(("other", "alike"), ALIKE)
def test_what_makes_another_pod(other: PodSpec, alike: bool) -> None:  # noqa: FBT001
    assert runs_alike(BASE, other) is alike


def test_an_instance_without_a_spec_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="instance 3 has no spec"):
        surely_specs_of(replace(spec(4), default=None))(3)


CREATED = JobCreated(spec=spec(2, ONE))
UNKNOWN: list[tuple[JobEvent, ...]] = [
    (WorkflowPlanned(added=((0, 1),)), WorkflowTouched(), WorkflowPhaseChanged(phase=W.ABORTED)),
    (WorkflowTurnedBack(config=2, spec=spec(1)), WorkflowAdvanced(instances=(0, 1))),
    (
        JobPodReported(instance=0, run=1, phase=P.DELETED, goal=Goal.DELETED, config=1, failure_count=0),
        WorkflowInstanceEnded(instance=0, has_failed=True),
    ),
]


@pytest.mark.parametrize("events", UNKNOWN)
def test_events_of_no_workflow_are_taken_in(events: Sequence[JobEvent]) -> None:
    state = evolve(None, "job/1", CREATED)
    for event in events:
        state = evolve(state, "job/1", event)
        assert not list(ENTITY.react(state, event))
    assert state.workflow is None
    assert state.pods == evolve(None, "job/1", CREATED).pods
    outcome = Subject(ENTITY, "job/1", lambda it: it.phase, {}, frozenset(), state).refused(
        PauseWorkflow(expected_version=state.version)
    )
    assert outcome.code is Code.NOT_FOUND


def test_pods_that_nobody_heard_of_are_planned_around() -> None:
    """A plan may name pods that the job does not know: old journals may hold anything."""
    state = evolve(evolve(None, "job/1", CREATED), "job/1", started(2, None))
    state = evolve(state, "job/1", WorkflowPlanned(updated=((0, 1),), removed=((4, 5),)))
    assert state.workflow is not None
    assert state.workflow.waiting.first(to_add=9, others=9) == (0, 1, 4, 5)
    state = evolve(state, "job/1", workflow(W.PAUSED))
    assert evolve(state, "job/1", WorkflowPlanned()).workflow is not None


def test_what_waits_is_taken_in_order() -> None:
    waiting = Waiting(adding=((7, 8),), removing=((20, 21), (30, 30)))
    assert waiting.first(to_add=1, others=2) == (7, 20, 21)
    assert waiting.without({7, 20, 21}) == Waiting(adding=((8, 8),), removing=((30, 30),))
    assert waiting.gone(3) is waiting
    assert waiting.ranked(3, 0) is waiting
    assert not Waiting().is_ready
