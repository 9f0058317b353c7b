"""What clients wish of a job's workflow: another one, or that the one there is stops, goes on, ends.

1. A newer update takes the place of an unfinished one; a restart takes nobody's place.
2. Asked again for what is already rolling, the job makes no other workflow.
3. To pause, to resume and to abort is granted always; in vain, only the workflow's counter moves.
"""

from typing import assert_never

from actors.job.commands import (
    AbortWorkflow,
    CompareJob,
    JobAccepted,
    JobDifference,
    PauseWorkflow,
    ReplaceJob,
    RestartJob,
    ResumeWorkflow,
    WorkflowCommand,
)
from actors.job.conclude import conclude
from actors.job.difference import difference
from actors.job.state import JobState, Workflow
from actors.job.waiting import joined
from actors.kernel.decider import Code, Decision, Outcome, Rejection
from events.frozen import replace
from events.goal import Goal
from events.job import (
    InstanceRange,
    JobEvent,
    JobGoalChanged,
    JobPhase,
    JobSpec,
    WorkflowKind,
    WorkflowPhase,
    WorkflowPhaseChanged,
    WorkflowStarted,
    WorkflowTouched,
)

_ROLLING = (WorkflowPhase.ROLLING_FORWARD, WorkflowPhase.ROLLING_BACKWARD)
_AT_REST = (JobPhase.KILLED, JobPhase.SUCCEEDED, JobPhase.FAILED)


def decide_wish(state: JobState, workflow: Workflow, command: WorkflowCommand) -> Outcome:
    """Answer a wish about the workflow; the job may be changed, and its version was named."""
    match command:
        case ReplaceJob():
            return _replace(state, workflow, command)
        case CompareJob():
            return _compare(state, command.spec)
        case RestartJob():
            return _restart(state, workflow, command)
        case PauseWorkflow():
            is_idle = not workflow.is_active or workflow.phase is WorkflowPhase.PAUSED
            return _touch(state, command.opaque, None if is_idle else WorkflowPhase.PAUSED)
        case ResumeWorkflow():
            return _touch(state, command.opaque, workflow.previous_phase)
        case AbortWorkflow():
            return _touch(state, command.opaque, WorkflowPhase.ABORTED if workflow.is_active else None)
        case _:
            assert_never(command)


def _touch(state: JobState, opaque: str | None, phase: WorkflowPhase | None) -> Decision:
    told: tuple[JobEvent, ...] = (WorkflowTouched(opaque=opaque),)
    if phase is not None:
        told += (WorkflowPhaseChanged(phase=phase),)
    return conclude(state, told, is_next=True, is_wish=True)


def refusal_of(spec: JobSpec) -> Rejection | None:
    """Return why there can be no such job, None when there can."""
    numbers = range(spec.instance_count)
    if spec.instance_count < 0:
        return Rejection(Code.INVALID, "instance_count must not be negative", "instance_count")
    if spec.default is None and len({each for each, _ in spec.instances if each in numbers}) < len(numbers):
        return Rejection(Code.INVALID, "every instance needs a spec when there is no default", "default_spec")
    return None


def _refusal_of_change(state: JobState, spec: JobSpec) -> Rejection | None:
    if spec.pool != state.spec.pool:
        return Rejection(Code.INVALID, "the resource pool of a job cannot be changed", "pool")
    return refusal_of(spec)


def _compare(state: JobState, spec: JobSpec) -> Outcome:
    refusal = _refusal_of_change(state, spec)
    if refusal is not None:
        return refusal
    added, updated, removed, unchanged = difference(state, spec)
    told = JobDifference(added=added, updated=updated, removed=removed, unchanged=unchanged)
    return Decision(result=told)


def _replace(state: JobState, workflow: Workflow, command: ReplaceJob) -> Outcome:
    refusal = _refusal_of_change(state, command.spec)
    if refusal is not None:
        return refusal
    is_update = workflow.kind is WorkflowKind.UPDATE
    if workflow.is_active and not is_update:
        return Rejection(Code.INVALID, "an active workflow of another kind must end first")
    starts_pods = command.options.start_pods
    if starts_pods and state.goal is not Goal.RUNNING and state.phase not in _AT_REST:
        return Rejection(Code.WRONG_STATE, "the job is being stopped: its pods cannot be started now")
    is_same = command.spec == state.spec and command.options == workflow.options
    if is_update and is_same and workflow.phase in _ROLLING:
        return _again(state, workflow, command.opaque)
    told: tuple[JobEvent, ...] = ()
    if workflow.is_active:
        told = (WorkflowPhaseChanged(phase=WorkflowPhase.ABORTED),)
    if starts_pods:
        told += _running(state)
    started = WorkflowStarted(
        kind=WorkflowKind.UPDATE,
        config=state.config + 1,
        previous_config=state.config,
        options=command.options,
        opaque=command.opaque,
        spec=command.spec,
    )
    return conclude(state, (*told, started), is_next=True, is_wish=True)


def _restart(state: JobState, workflow: Workflow, command: RestartJob) -> Outcome:
    if workflow.is_active:
        is_restart = workflow.kind is WorkflowKind.RESTART
        if is_restart and workflow.phase in _ROLLING and _is_like(workflow, command):
            return _again(state, workflow, command.opaque)
        return Rejection(Code.INVALID, "an active workflow must end before a restart")
    started = WorkflowStarted(
        kind=WorkflowKind.RESTART,
        config=state.config + 1,
        previous_config=state.config,
        options=replace(command.options, start_paused=False),
        opaque=command.opaque,
        updated=_within(command.instances, state.spec.instance_count),
    )
    phase = None if state.goal is Goal.RUNNING else JobPhase.PENDING
    return conclude(state, (*_running(state), started), phase=phase, is_next=True, is_wish=True)


def _is_like(workflow: Workflow, command: RestartJob) -> bool:
    one, other = workflow.options, command.options
    return (one.batch_size, one.in_place) == (other.batch_size, other.in_place)


def _again(state: JobState, workflow: Workflow, opaque: str) -> Decision:
    if opaque == workflow.opaque:
        return Decision(result=JobAccepted(job=state.id, version=state.version))
    return _touch(state, opaque, None)


def _running(state: JobState) -> tuple[JobEvent, ...]:
    """Return what makes the job's goal to run, without a word to pods that nobody starts."""
    return () if state.goal is Goal.RUNNING else (JobGoalChanged(goal=Goal.RUNNING, is_counted=False),)


def _within(asked: tuple[InstanceRange, ...], count: int) -> tuple[InstanceRange, ...]:
    """Return the instances asked for that there are; all of them when none is."""
    cut = ((max(0, first), min(last, count - 1)) for first, last in asked)
    found = joined((first, last) for first, last in cut if first <= last)
    return found or (((0, count - 1),) if count else ())
