"""The tables of a job and its workflow hold exactly the edges that its decisions take."""

from collections.abc import Hashable, Iterable, Mapping
from types import MappingProxyType

import pytest

from actors.job import ENTITY, TRANSITIONS, JobState
from actors.job.commands import (
    AbortWorkflow,
    ContinueWorkflow,
    CreateJob,
    DeleteJob,
    PauseWorkflow,
    ReplaceJob,
    ReportPod,
    RestartJob,
    ResumeWorkflow,
    StartJob,
    StartJobPod,
    StopJob,
)
from actors.job.state import ALLOWED, STEADY, WORKFLOW_ALLOWED, WORKFLOW_TRANSITIONS, PodKnown
from events.goal import Goal
from events.job import (
    JobDeleted,
    JobEvent,
    JobPhase,
    JobPhaseChanged,
    JobPodReported,
    JobSpec,
    WorkflowOptions,
)
from events.pod import PodPhase
from tests.actors.job.machine import creation
from tests.actors.pod.machine import TWO
from tests.actors.subject import Edge, Subject, edges_in, explore

P = PodPhase
_NEXT_REPORTS: Mapping[PodPhase, tuple[PodPhase, ...]] = MappingProxyType(
    {
        P.INITIALIZED: (P.RUNNING, P.KILLING, P.KILLED, P.FAILED, P.SUCCEEDED),
        P.RUNNING: (P.KILLING, P.FAILED, P.SUCCEEDED, P.LOST),
        P.KILLING: (P.KILLED, P.FAILED),
        P.KILLED: (P.INITIALIZED, P.DELETED),
        P.FAILED: (P.INITIALIZED, P.DELETED),
        P.SUCCEEDED: (P.INITIALIZED, P.DELETED),
        P.LOST: (P.INITIALIZED, P.DELETED),
    }
)
"""What a pod may report after what it reported last."""

CREATIONS = (
    creation(0),
    creation(1),
    creation(2),
    creation(2, start_paused=True),
    creation(3, batch_size=1, max_tolerable_failures=1, max_instance_retries=1),
)


CAREFUL = WorkflowOptions(max_tolerable_failures=1, max_instance_retries=1, roll_back_on_failure=True)


def reports(instance: int, known: PodKnown, goal: Goal, *, is_leaving: bool) -> Iterable[ReportPod]:
    for phase in _NEXT_REPORTS[known.phase]:
        if phase is not P.DELETED or goal is Goal.DELETED or is_leaving:
            yield ReportPod(
                instance=instance,
                run=known.run + (phase is P.INITIALIZED),
                phase=phase,
                goal=Goal.KILLED if phase is P.KILLED else Goal.RUNNING,
                config=known.desired_config if phase is P.INITIALIZED else known.config,
                desired_config=known.desired_config,
                failure_count=int(phase is P.FAILED),
            )


def commands(state: JobState | None) -> Iterable[object]:
    if state is None or state.phase is JobPhase.DELETED:
        return
    yield StartJob(expected_version=state.version)
    yield StopJob(expected_version=state.version)
    yield DeleteJob(expected_version=state.version, force=True)
    yield StartJobPod(instance=0)
    yield ContinueWorkflow(workflow=1)
    for instance, known in sorted(state.pods.items()):
        yield from reports(instance, known, state.goal, is_leaving=instance in state.leaving)
    version = state.version
    for wish in (PauseWorkflow, ResumeWorkflow, AbortWorkflow, RestartJob):
        yield wish(expected_version=version)
    assert state.workflow is not None
    if state.workflow.ordinal < 3:
        for count in (0, 1, 2):
            for options in (CAREFUL, WorkflowOptions(start_paused=True)):
                spec = JobSpec(name="web", instance_count=count, default=TWO)
                yield ReplaceJob(expected_version=version, spec=spec, options=options)


def look(state: JobState | None) -> Hashable:
    """States that differ only in what counts up look alike."""
    assert state is not None
    workflow = state.workflow
    assert workflow is not None
    pods = tuple(sorted(known.phase for known in state.pods.values()))
    return (
        state.phase,
        state.goal,
        pods,
        workflow.phase,
        workflow.previous_phase,
        workflow.kind,
        workflow.failed,
        len(workflow.in_flight),
        state.spec.instance_count,
    )


def job_phase(state: JobState) -> object:
    return state.phase


def workflow_phase(state: JobState) -> object:
    return state.workflow.phase if state.workflow is not None else None


def created(command: CreateJob, *, is_workflow: bool) -> Subject[JobState]:
    phase = (
        (lambda state: state.workflow and state.workflow.phase)
        if is_workflow
        else (lambda state: state.phase)
    )
    table = WORKFLOW_TRANSITIONS if is_workflow else TRANSITIONS
    subject = Subject(ENTITY, "job/1", phase, table, STEADY)
    subject.decided(command)
    return subject


@pytest.mark.parametrize("is_workflow", [False, True])
def test_takes_exactly_the_edges_of_the_table(*, is_workflow: bool) -> None:
    taken: set[Edge] = set()
    limit = 500 if is_workflow else 1500
    for command in CREATIONS:
        taken |= explore(created(command, is_workflow=is_workflow), commands, look, limit=limit)
    assert edges_in(WORKFLOW_TRANSITIONS if is_workflow else TRANSITIONS) - taken == set()


def test_every_edge_is_allowed() -> None:
    for before, _, after in edges_in(TRANSITIONS):
        assert before is None or before == after or after in ALLOWED[before], (before, after)
    for before, _, after in edges_in(WORKFLOW_TRANSITIONS):
        assert before is None or before == after or after in WORKFLOW_ALLOWED[before], (before, after)


def test_a_deleted_job_has_no_way_out() -> None:
    final: tuple[type[JobEvent], ...] = (JobDeleted, JobPhaseChanged, JobPodReported)
    assert not any(kind in TRANSITIONS[JobPhase.DELETED] for kind in final)
