"""How a workflow goes about its instances: which come next, and which are where it wants them.

1. An append opens at most `CHUNK` pods; the job sends itself a command for the next ones.
2. Instances beyond `batch_size` wait until one in flight ends. Pods made for a job that is not to
   run are made killed: they are never in flight, so the batch does not bound them.
"""

from actors.job.commands import ReportPod
from actors.job.state import JobState, Workflow
from actors.kernel.decider import Opening
from events.goal import Goal
from events.job import (
    InstanceRange,
    JobEvent,
    WorkflowAdvanced,
    WorkflowInstanceEnded,
    WorkflowPhase,
    WorkflowPhaseChanged,
)
from events.pod import PodCreated, PodPhase

CHUNK = 500
"""Most pods that one append opens."""

_TAKING = (WorkflowPhase.INITIALIZED, WorkflowPhase.ROLLING_FORWARD)


def next_instances(state: JobState) -> InstanceRange | None:
    """Return the instances that may now be taken, None when none may."""
    workflow = state.workflow
    if workflow is None or workflow.phase not in _TAKING or not workflow.waiting:
        return None
    first, last = workflow.waiting[0]
    bound = CHUNK
    if state.goal is Goal.RUNNING and workflow.options.batch_size:
        bound = min(bound, workflow.options.batch_size - len(workflow.in_flight))
    return (first, min(last, first + bound - 1)) if bound > 0 else None


def has_arrived(workflow: Workflow, report: ReportPod) -> bool:
    """Return whether an instance is where the workflow wants it."""
    if report.phase is PodPhase.RUNNING:
        return report.config == workflow.config
    return report.phase.is_terminal and report.goal is not Goal.RUNNING


def has_failed(workflow: Workflow, report: ReportPod) -> bool:
    """Return whether an instance has failed often enough to count as failed."""
    retries = workflow.options.max_instance_retries
    return retries != 0 and report.failure_count >= retries


def ending(state: JobState) -> tuple[JobEvent, ...]:
    """Return the end of a workflow that rolls forward, if it has come."""
    workflow = state.workflow
    if workflow is None or workflow.phase is not WorkflowPhase.ROLLING_FORWARD:
        return ()
    tolerable = workflow.options.max_tolerable_failures
    if tolerable != 0 and workflow.failed >= tolerable:
        return (WorkflowPhaseChanged(phase=WorkflowPhase.FAILED),)
    if workflow.done + workflow.failed == workflow.total:
        return (WorkflowPhaseChanged(phase=WorkflowPhase.SUCCEEDED),)
    return ()


def taking(state: JobState) -> tuple[tuple[JobEvent, ...], tuple[Opening, ...]]:
    """Return the events and new pods that bring the next instances into flight."""
    workflow, instances = state.workflow, next_instances(state)
    if workflow is None or instances is None:
        is_void = workflow is not None and workflow.phase is WorkflowPhase.INITIALIZED
        return ((WorkflowPhaseChanged(phase=WorkflowPhase.ROLLING_FORWARD),) if is_void else ()), ()
    first, last = instances
    ended: tuple[JobEvent, ...] = ()
    if state.goal is not Goal.RUNNING:
        ended = tuple(WorkflowInstanceEnded(instance=i, has_failed=False) for i in range(first, last + 1))
    return (WorkflowAdvanced(instances=instances), *ended), _openings(state, workflow, instances)


def _openings(state: JobState, workflow: Workflow, instances: InstanceRange) -> tuple[Opening, ...]:
    """Return the new pods of these instances."""
    first, last = instances
    own = {number: spec for number, spec in state.spec.instances if first <= number <= last}
    opened = []
    for number in range(first, last + 1):
        spec = own.get(number, state.spec.default)
        if spec is None:
            raise ValueError(f"instance {number} has no spec; the creation of its job refuses that")
        created = PodCreated(
            owner=state.stream,
            instance=number,
            config=workflow.config,
            spec=spec,
            goal=Goal.RUNNING if state.goal is Goal.RUNNING else Goal.KILLED,
            name=state.spec.name,
        )
        opened.append(Opening(state.pod_stream(number), (created,)))
    return tuple(opened)
