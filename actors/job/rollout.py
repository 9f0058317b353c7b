"""How a workflow goes about its instances: what it changes, which come next, which have arrived.

1. An append takes at most `CHUNK` instances; the job sends itself a command for the next ones.
2. Instances beyond `batch_size` wait until one in flight ends. Pods made for a job that is not to
   run are made killed: they are never in flight, so the batch does not bound them.
3. An instance has failed only by runs of the configuration that the workflow brings.
"""

from actors.job.commands import ReportPod
from actors.job.difference import difference, restarted, surely_specs_of
from actors.job.fold import folded
from actors.job.state import JobState, Workflow
from actors.job.waiting import ranges_of
from actors.kernel.decider import Opening
from actors.pod.commands import ReconfigurePod
from events.goal import Goal
from events.job import (
    JobEvent,
    WorkflowAdvanced,
    WorkflowInstanceEnded,
    WorkflowKind,
    WorkflowPhase,
    WorkflowPhaseChanged,
    WorkflowPlanned,
    WorkflowTurnedBack,
)
from events.pod import EndReason, PodCreated, PodPhase, PodSpec
from events.ranges import numbers

CHUNK = 500
"""Most instances that one append takes."""

_TAKING = (WorkflowPhase.INITIALIZED, WorkflowPhase.ROLLING_FORWARD, WorkflowPhase.ROLLING_BACKWARD)
_ROLLING = (WorkflowPhase.ROLLING_FORWARD, WorkflowPhase.ROLLING_BACKWARD)


def has_next(state: JobState) -> bool:
    """Return whether instances may now be taken."""
    workflow = state.workflow
    if workflow is None or not workflow.waiting.is_ready:
        return False
    to_add, others = _room(state)
    return others > 0 or (to_add > 0 and bool(workflow.waiting.adding))


def _room(state: JobState) -> tuple[int, int]:
    """Return how many instances may be taken to be added, and how many in all that are then in flight."""
    workflow = state.workflow
    if workflow is None or workflow.phase not in _TAKING:
        return 0, 0
    room = CHUNK
    if workflow.options.batch_size:
        room = max(0, min(CHUNK, workflow.options.batch_size - len(workflow.in_flight)))
    return (room if state.goal is Goal.RUNNING else CHUNK), room


def next_instances(state: JobState) -> tuple[int, ...]:
    """Return the instances to take now, in their order."""
    workflow = state.workflow
    if workflow is None or not workflow.waiting.is_ready:
        return ()
    to_add, room = _room(state)
    waiting = workflow.waiting
    added = waiting.first(to_add=to_add, others=0)
    if not (waiting.updating or waiting.removing):
        return added
    left = min(room - len(added) if state.goal is Goal.RUNNING else room, CHUNK - len(added))
    return waiting.first(to_add=to_add, others=left)


def has_arrived(state: JobState, workflow: Workflow, report: ReportPod) -> bool:
    """Return whether an instance is where the workflow wants it."""
    if report.instance >= state.spec.instance_count:
        return report.phase is PodPhase.DELETED
    if (report.desired_config or report.config) != workflow.config:
        return False
    if report.phase is PodPhase.RUNNING:
        return report.config == workflow.config
    return report.phase.is_terminal and report.goal is not Goal.RUNNING


def has_failed(workflow: Workflow, report: ReportPod) -> bool:
    """Return whether an instance has failed often enough to count as failed."""
    retries = workflow.options.max_instance_retries
    is_moved = report.config == workflow.config
    return is_moved and retries != 0 and report.failure_count >= retries


def ending(state: JobState) -> tuple[JobEvent, ...]:
    """Return the end of a workflow that rolls, if it has come, or its way back."""
    workflow = state.workflow
    if workflow is None or workflow.phase not in _ROLLING:
        return ()
    is_forward = workflow.phase is WorkflowPhase.ROLLING_FORWARD
    tolerable = workflow.options.max_tolerable_failures
    if tolerable != 0 and workflow.failed >= tolerable:
        before = state.specs.get(workflow.previous_config)
        if not is_forward or not workflow.options.roll_back_on_failure or before is None:
            return (WorkflowPhaseChanged(phase=WorkflowPhase.FAILED),)
        turned = WorkflowTurnedBack(config=state.config + 1, spec=before)
        back = folded(state, (turned,))
        told: tuple[JobEvent, ...] = (turned, plan(back))
        return told + ending(folded(back, told[1:]))
    if workflow.done + workflow.failed == workflow.total:
        end = WorkflowPhase.SUCCEEDED if is_forward else WorkflowPhase.ROLLED_BACK
        return (WorkflowPhaseChanged(phase=end),)
    return ()


def plan(state: JobState) -> WorkflowPlanned:
    """Return what the workflow changes in the pods that there are now."""
    workflow = state.workflow
    if workflow is not None and workflow.kind is WorkflowKind.RESTART:
        return WorkflowPlanned(updated=restarted(state, workflow.asked))
    changed = difference(state, state.spec)
    return WorkflowPlanned(added=changed.added, updated=changed.updated, removed=changed.removed)


def taking(state: JobState) -> tuple[tuple[JobEvent, ...], tuple[Opening, ...]]:
    """Return the events and new pods that bring the next instances into flight."""
    workflow = state.workflow
    planned: tuple[JobEvent, ...] = ()
    if workflow is not None and workflow.phase is WorkflowPhase.INITIALIZED and not workflow.is_planned:
        planned = (plan(state),)
        state = folded(state, planned)
        workflow = state.workflow
    instances = next_instances(state)
    if workflow is None or not instances:
        is_void = workflow is not None and workflow.phase is WorkflowPhase.INITIALIZED
        return ((WorkflowPhaseChanged(phase=WorkflowPhase.ROLLING_FORWARD),) if is_void else planned), ()
    first, *more = ranges_of(instances)
    ended: tuple[JobEvent, ...] = ()
    if state.goal is not Goal.RUNNING:
        made = [each for each in instances if each not in state.pods]
        ended = tuple(WorkflowInstanceEnded(instance=each, has_failed=False) for each in made)
    advanced = WorkflowAdvanced(instances=first, more=tuple(more))
    return (*planned, advanced, *ended), _openings(state, workflow, instances)


def _openings(state: JobState, workflow: Workflow, instances: tuple[int, ...]) -> tuple[Opening, ...]:
    """Return the pods among these instances that never were."""
    spec_of = surely_specs_of(state.spec)
    opened = []
    for number in instances:
        if number in state.pods or number in state.gone:
            continue
        created = PodCreated(
            owner=state.stream,
            instance=number,
            config=workflow.config,
            spec=spec_of(number),
            goal=Goal.RUNNING if state.goal is Goal.RUNNING else Goal.KILLED,
            name=state.spec.name,
        )
        opened.append(Opening(state.pod_stream(number), (created,)))
    return tuple(opened)


def untouched(state: JobState) -> tuple[int, ...]:
    """Return the instances that have the new configuration at once: the plan has just been made.

    A restart leaves those alone that an update given up before has not reached: they run something
    else than the new configuration says.
    """
    workflow = state.workflow
    if workflow is None:
        return ()
    unchanged = numbers(difference(state, state.spec).unchanged)
    return tuple(each for each in unchanged if each not in workflow.waiting.updating)


def goal_of_pods(state: JobState) -> Goal | None:
    """Return the goal that the workflow gives to pods, None when they keep theirs."""
    workflow = state.workflow
    if workflow is None or state.goal is not Goal.RUNNING:
        return None
    return Goal.RUNNING if workflow.options.start_pods else None


def move_of(state: JobState, workflow: Workflow, spec: PodSpec) -> ReconfigurePod:
    """Return what a pod that is updated is told. One that is not to run only takes the number."""
    is_restart = workflow.kind is WorkflowKind.RESTART
    return ReconfigurePod(
        config=workflow.config,
        spec=spec,
        restart=True,
        goal=Goal.RUNNING if is_restart and state.goal is Goal.RUNNING else goal_of_pods(state),
        reason=EndReason.FOR_RESTART if is_restart else EndReason.FOR_UPDATE,
    )
