"""The states that events of a job lead to.

1. Every function is total: an event that repeats or contradicts what is known raises nothing.
2. What events do to the workflow is in `fold_workflow.py`.
"""

from collections.abc import Iterable
from typing import assert_never

from immutables import Map

from actors.job import fold_workflow
from actors.job.state import JobState, PodKnown
from events.frozen import EMPTY, replace
from events.goal import Goal
from events.job import (
    JobCreated,
    JobDeleted,
    JobEvent,
    JobGoalChanged,
    JobPhase,
    JobPhaseChanged,
    JobPodReported,
    JobPodStartRequested,
    WorkflowAdvanced,
    WorkflowInstanceEnded,
    WorkflowPhaseChanged,
    WorkflowPlanned,
    WorkflowStarted,
    WorkflowTouched,
    WorkflowTurnedBack,
)
from events.pod import PodPhase
from events.record import id_of


def evolve(state: JobState | None, stream: str, event: JobEvent) -> JobState:
    """Return the state after an event."""
    if isinstance(event, JobCreated):
        return _created(stream, event)
    if state is None:
        raise ValueError(f"the stream of a job begins with {type(event).__name__}")
    match event:
        case WorkflowStarted():
            return fold_workflow.started(state, event)
        case WorkflowPlanned():
            return fold_workflow.planned(state, event)
        case WorkflowAdvanced():
            return fold_workflow.advanced(state, event)
        case WorkflowInstanceEnded():
            return fold_workflow.instance_ended(state, event)
        case WorkflowPhaseChanged():
            return fold_workflow.phase_changed(state, event)
        case WorkflowTouched():
            return fold_workflow.touched(state, event)
        case WorkflowTurnedBack():
            return fold_workflow.turned_back(state, event)
        case JobPodReported():
            return _pod_reported(state, event)
        case JobGoalChanged():
            return _goal_changed(state, event)
        case JobPhaseChanged():
            return replace(state, phase=event.phase)
        case JobPodStartRequested():
            return state
        case JobDeleted():
            return replace(state, phase=JobPhase.DELETED)
        case _:
            assert_never(event)


def folded(state: JobState, events: Iterable[JobEvent]) -> JobState:
    """Return the state after some events."""
    for event in events:
        state = evolve(state, state.stream, event)
    return state


def _created(stream: str, event: JobCreated) -> JobState:
    """Return the state of a job that exists."""
    state = JobState(
        id=id_of(stream),
        spec=event.spec,
        goal=Goal.RUNNING,
        phase=JobPhase.PENDING,
        config=1,
        goal_count=1,
        workflow_count=0 if event.workflow is None else 1,
        workflow=None if event.workflow is None else fold_workflow.begun(event.workflow, 1),
        pods=EMPTY,
        counts=EMPTY,
        specs=Map({1: event.spec}),
        leaving=EMPTY,
        gone=EMPTY,
    )
    return state if event.advanced is None else fold_workflow.advanced(state, event.advanced)


def _pod_reported(state: JobState, event: JobPodReported) -> JobState:
    """Return the state that knows how a pod is."""
    counts, known, instance = state.counts, state.pods.get(event.instance), event.instance
    if known is not None:
        counts = counts.set(known.phase, counts[known.phase] - 1)
    workflow = fold_workflow.told(state, event)
    if event.phase is PodPhase.DELETED:
        return replace(
            state,
            workflow=workflow,
            pods=state.pods if known is None else state.pods.delete(instance),
            counts=counts,
            leaving=state.leaving.delete(instance) if instance in state.leaving else state.leaving,
            gone=state.gone.set(instance, event.run),
        )
    fresh = heard(known, event)
    counts = counts.set(event.phase, counts.get(event.phase, 0) + 1)
    return replace(state, workflow=workflow, pods=state.pods.set(instance, fresh), counts=counts)


def heard(known: PodKnown | None, told: JobPodReported) -> PodKnown:
    """Return what is known of a pod after a report."""
    asked = 0 if known is None else known.desired_config
    desired = max(asked, told.desired_config or told.config)
    return PodKnown(told.run, told.phase, told.goal, told.config, told.failure_count, desired)


def _goal_changed(state: JobState, event: JobGoalChanged) -> JobState:
    """Return the state with the goal as set."""
    return replace(state, goal=event.goal, goal_count=state.goal_count + event.is_counted)
