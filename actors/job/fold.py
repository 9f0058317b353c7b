"""The states that single events of a job lead to; `evolve` chooses among them.

1. Every function is total: an event that repeats or contradicts what is known raises nothing.
"""

from dataclasses import replace

from immutables import Map

from actors.job.state import JobState, PodKnown, Workflow
from events.goal import Goal
from events.job import (
    InstanceRange,
    JobCreated,
    JobGoalChanged,
    JobPhase,
    JobPodReported,
    WorkflowAdvanced,
    WorkflowInstanceEnded,
    WorkflowPhase,
    WorkflowPhaseChanged,
    WorkflowStarted,
)
from events.pod import PodPhase
from events.record import id_of


def created(stream: str, event: JobCreated) -> JobState:
    """Return the state of a job that exists."""
    return JobState(
        id=id_of(stream),
        spec=event.spec,
        goal=Goal.RUNNING,
        phase=JobPhase.PENDING,
        config=1,
        goal_count=1,
        workflow_count=0,
        workflow=None,
        pods=Map(),
        counts=Map(),
    )


def workflow_started(state: JobState, event: WorkflowStarted) -> JobState:
    """Return the state with a new workflow; its number is the job's configuration now."""
    workflow = Workflow(
        ordinal=state.workflow.ordinal + 1 if state.workflow else 1,
        kind=event.kind,
        phase=WorkflowPhase.PAUSED if event.options.start_paused else WorkflowPhase.INITIALIZED,
        config=event.config,
        previous_config=event.previous_config,
        options=event.options,
        total=sum(last - first + 1 for first, last in (*event.added, *event.updated, *event.removed)),
        waiting=event.added,
        in_flight=Map(),
    )
    count = state.workflow_count + 1
    return replace(state, workflow=workflow, workflow_count=count, config=event.config)


def workflow_advanced(state: JobState, event: WorkflowAdvanced) -> JobState:
    """Return the state with more instances in flight, and pods for those that had none."""
    if state.workflow is None:
        return state
    first, last = event.instances
    phase = PodPhase.INITIALIZED if state.goal is Goal.RUNNING else PodPhase.KILLED
    goal = Goal.RUNNING if state.goal is Goal.RUNNING else Goal.KILLED
    opened = PodKnown(run=1, phase=phase, goal=goal, config=state.workflow.config, failure_count=0)
    fresh = [number for number in range(first, last + 1) if number not in state.pods]
    workflow = replace(
        state.workflow,
        phase=WorkflowPhase.ROLLING_FORWARD,
        waiting=tuple(part for each in state.workflow.waiting for part in _without(each, event.instances)),
        in_flight=state.workflow.in_flight.update(dict.fromkeys(range(first, last + 1))),
    )
    return replace(
        state,
        workflow=workflow,
        pods=state.pods.update(dict.fromkeys(fresh, opened)),
        counts=state.counts.set(phase, state.count(phase) + len(fresh)),
    )


def _without(whole: InstanceRange, part: InstanceRange) -> tuple[InstanceRange, ...]:
    rest = ((whole[0], min(whole[1], part[0] - 1)), (max(whole[0], part[1] + 1), whole[1]))
    return tuple(each for each in rest if each[0] <= each[1])


def workflow_instance_ended(state: JobState, event: WorkflowInstanceEnded) -> JobState:
    """Return the state with an instance less in flight."""
    workflow = state.workflow
    if workflow is None or event.instance not in workflow.in_flight:
        return state
    ended = replace(
        workflow,
        in_flight=workflow.in_flight.delete(event.instance),
        done=workflow.done + (not event.has_failed),
        failed=workflow.failed + event.has_failed,
    )
    return replace(state, workflow=ended)


def workflow_phase_changed(state: JobState, event: WorkflowPhaseChanged) -> JobState:
    """Return the state with the workflow elsewhere; an ended one keeps nothing in flight."""
    if state.workflow is None:
        return state
    workflow = replace(state.workflow, phase=event.phase)
    if event.phase.is_terminal:
        workflow = replace(workflow, in_flight=Map(), waiting=())
    return replace(state, workflow=workflow)


def pod_reported(state: JobState, event: JobPodReported) -> JobState:
    """Return the state that knows how a pod is."""
    counts, known = state.counts, state.pods.get(event.instance)
    if known is not None:
        counts = counts.set(known.phase, counts[known.phase] - 1)
    if event.phase is PodPhase.DELETED:
        pods = state.pods if known is None else state.pods.delete(event.instance)
        return replace(state, pods=pods, counts=counts)
    fresh = PodKnown(event.run, event.phase, event.goal, event.config, event.failure_count)
    counts = counts.set(event.phase, counts.get(event.phase, 0) + 1)
    return replace(state, pods=state.pods.set(event.instance, fresh), counts=counts)


def goal_changed(state: JobState, event: JobGoalChanged) -> JobState:
    """Return the state with the goal as set."""
    return replace(state, goal=event.goal, goal_count=state.goal_count + event.is_counted)
