"""The states that events of a job's workflow lead to.

1. Every function is total: an event that repeats or contradicts what is known raises nothing.
2. What the job asks of a pod counts as the pod's desired configuration from then on: a report that
   was on its way meanwhile does not take it back.
"""

from collections.abc import Iterable

from immutables import Map

from actors.job.state import JobState, PodKnown, Workflow
from actors.job.waiting import AVAILABLE, KILLED, UNAVAILABLE, Waiting, ranges_of
from events.frozen import EMPTY, replace
from events.goal import Goal
from events.job import (
    JobPodReported,
    JobSpec,
    WorkflowAdvanced,
    WorkflowInstanceEnded,
    WorkflowPhase,
    WorkflowPhaseChanged,
    WorkflowPlanned,
    WorkflowStarted,
    WorkflowTouched,
    WorkflowTurnedBack,
)
from events.pod import PodPhase
from events.ranges import numbers, size


def started(state: JobState, event: WorkflowStarted) -> JobState:
    """Return the state with a new workflow; its number is the job's configuration now."""
    spec = event.spec or state.spec
    return replace(
        _configured(state, event.config, event.previous_config, spec),
        workflow=begun(event, state.workflow.ordinal + 1 if state.workflow else 1),
        workflow_count=state.workflow_count + 1,
    )


def begun(event: WorkflowStarted, ordinal: int) -> Workflow:
    """Return a new workflow."""
    is_creation = event.previous_config == 0
    paused, initialized = WorkflowPhase.PAUSED, WorkflowPhase.INITIALIZED
    return Workflow(
        ordinal=ordinal,
        kind=event.kind,
        phase=paused if event.options.start_paused else initialized,
        previous_phase=initialized if event.options.start_paused else None,
        config=event.config,
        previous_config=event.previous_config,
        options=event.options,
        opaque=event.opaque,
        asked=event.updated,
        is_planned=is_creation,
        total=size(event.added) if is_creation else 0,
        waiting=Waiting(adding=event.added) if is_creation else Waiting(),
        in_flight=EMPTY,
    )


def _configured(state: JobState, config: int, previous: int, spec: JobSpec) -> JobState:
    """Return the state with another configuration; forgotten are those that nothing refers to."""
    kept = {previous, *(pod.config for pod in state.pods.values())}
    specs = Map({number: each for number, each in state.specs.items() if number in kept})
    return replace(state, spec=spec, config=config, specs=specs.set(config, spec))


def planned(state: JobState, event: WorkflowPlanned) -> JobState:
    """Return the state in which it is known what the workflow changes."""
    workflow = state.workflow
    if workflow is None:
        return state
    returning = [each for each in numbers(event.added) if each in state.leaving] if state.leaving else []
    adding = event.added
    if returning:
        adding = ranges_of(each for each in numbers(event.added) if each not in state.leaving)
    updating = list(numbers(event.updated))
    ranks = ((each, rank_of(state.pods[each])) for each in updating if each in state.pods)
    waiting = Waiting(
        adding=adding,
        returning=Map(dict.fromkeys(returning)),
        updating=Map(dict.fromkeys(updating)),
        urgent=Map({each: rank for each, rank in ranks if rank != AVAILABLE}),
        cursor=updating[0] if updating else 0,
        removing=event.removed,
    )
    is_first = workflow.phase is WorkflowPhase.INITIALIZED
    return replace(
        state,
        workflow=replace(
            workflow,
            phase=WorkflowPhase.ROLLING_FORWARD if is_first else workflow.phase,
            is_planned=True,
            total=size((*event.added, *event.updated, *event.removed)),
            waiting=waiting,
            in_flight=EMPTY,
            done=0,
            failed=0,
        ),
    )


def rank_of(pod: PodKnown) -> int:
    """Return in which group of instances a pod is updated."""
    if pod.goal is not Goal.RUNNING:
        return KILLED
    is_available = pod.phase is PodPhase.RUNNING and pod.config == pod.desired_config
    return AVAILABLE if is_available else UNAVAILABLE


def told(state: JobState, event: JobPodReported) -> Workflow | None:
    """Return the workflow that knows how a pod is which it has yet to take."""
    workflow = state.workflow
    if workflow is None:
        return None
    if event.phase is PodPhase.DELETED:
        waiting = workflow.waiting.gone(event.instance)
    elif event.instance in workflow.waiting.updating:
        desired = event.desired_config or event.config
        pod = PodKnown(event.run, event.phase, event.goal, event.config, event.failure_count, desired)
        waiting = workflow.waiting.ranked(event.instance, rank_of(pod))
    else:
        return workflow
    return workflow if waiting is workflow.waiting else replace(workflow, waiting=waiting)


def advanced(state: JobState, event: WorkflowAdvanced) -> JobState:
    """Return the state with more instances in flight, and pods for those that had none."""
    workflow = state.workflow
    if workflow is None:
        return state
    taken: dict[int, None] = dict.fromkeys(numbers((event.instances, *event.more)))
    is_first = workflow.phase is WorkflowPhase.INITIALIZED
    moved = replace(
        workflow,
        phase=WorkflowPhase.ROLLING_FORWARD if is_first else workflow.phase,
        waiting=workflow.waiting.without(taken),
        in_flight=workflow.in_flight.update(taken),
    )
    is_running = state.goal is Goal.RUNNING
    phase, goal = (PodPhase.INITIALIZED, Goal.RUNNING) if is_running else (PodPhase.KILLED, Goal.KILLED)
    pods, gone, config = state.pods, state.gone, workflow.config
    first = PodKnown(1, phase, goal, config, 0, config)
    fresh: list[int] = []
    leaving: list[int] = []
    known: dict[int, PodKnown] = {}
    for each in taken:
        pod = pods.get(each)
        if pod is None:
            fresh.append(each)
            known[each] = first._replace(run=gone[each] + 1) if each in gone else first
        elif each >= state.spec.instance_count:
            leaving.append(each)
        else:
            known[each] = pod._replace(desired_config=config)
    return replace(
        state,
        workflow=moved,
        pods=pods.update(known),
        counts=state.counts.set(phase, state.counts.get(phase, 0) + len(fresh)) if fresh else state.counts,
        leaving=state.leaving.update(dict.fromkeys(leaving)) if leaving else state.leaving,
        gone=_without(gone, fresh) if gone else gone,
    )


def _without(gone: Map[int, int], made: Iterable[int]) -> Map[int, int]:
    for each in made:
        if each in gone:
            gone = gone.delete(each)
    return gone


def instance_ended(state: JobState, event: WorkflowInstanceEnded) -> JobState:
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


def phase_changed(state: JobState, event: WorkflowPhaseChanged) -> JobState:
    """Return the state with the workflow elsewhere; an ended one keeps nothing in flight."""
    if state.workflow is None:
        return state
    previous = state.workflow.phase if event.phase is WorkflowPhase.PAUSED else None
    workflow = replace(state.workflow, phase=event.phase, previous_phase=previous)
    if event.phase.is_terminal:
        workflow = replace(workflow, in_flight=EMPTY, waiting=Waiting())
    return replace(state, workflow=workflow)


def touched(state: JobState, event: WorkflowTouched) -> JobState:
    """Return the state with the workflow's counter moved."""
    workflow = state.workflow
    if workflow is not None and event.opaque is not None:
        workflow = replace(workflow, opaque=event.opaque)
    return replace(state, workflow=workflow, workflow_count=state.workflow_count + 1)


def turned_back(state: JobState, event: WorkflowTurnedBack) -> JobState:
    """Return the state with the workflow on its way back; what it changes is planned next."""
    workflow = state.workflow
    if workflow is None:
        return state
    back = replace(
        workflow,
        phase=WorkflowPhase.ROLLING_BACKWARD,
        config=event.config,
        previous_config=state.config,
    )
    return replace(_configured(state, event.config, state.config, event.spec), workflow=back)
