"""What a job decides: from wishes and its pods' reports to workflows, goals and derived phases.

1. `decide` makes facts of a command, `evolve` makes a state of facts, `react` and `outstanding`
   name what must be done in the world. All are pure.
2. A client's change is checked in this order: the job exists; it is not going to be deleted; the
   named version is the current one; the phase allows it.
3. What a decision changes is followed, in the same append, by what it means: the end of the
   workflow, the next instances, another derived phase.
4. A report of an older run than the last reported one is ignored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import assert_never

from actors.job import fold, rollout
from actors.job.broadcast import Broadcast
from actors.job.commands import (
    ContinueWorkflow,
    CreateJob,
    DeleteJob,
    JobAccepted,
    JobCommand,
    ReportPod,
    StartJob,
    StartJobPod,
    StopJob,
)
from actors.job.phases import derive
from actors.job.state import JobState, PodKnown
from actors.kernel.decider import Code, Context, Decision, Opening, Outcome, Rejection, Send
from actors.pod.commands import DeletePod, StartPod, StopPod
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
    WorkflowKind,
    WorkflowPhase,
    WorkflowPhaseChanged,
    WorkflowStarted,
)
from events.pod import PodPhase

Change = StartJob | StopJob | DeleteJob


def decide(state: JobState | None, command: JobCommand, _context: Context) -> Outcome:
    """Say whether the command may happen, and what is then true."""
    if isinstance(command, CreateJob):
        if state is not None:
            return Rejection(Code.ALREADY_EXISTS, "job id is in use, or was", "job_id")
        return _create(command)
    if state is None or state.phase is JobPhase.DELETED:
        return Rejection(Code.NOT_FOUND, "there is no such job")
    match command:
        case StartJob() | StopJob() | DeleteJob():
            return _change(state, command)
        case StartJobPod():
            return _start_pod(state, command.instance)
        case ReportPod():
            return _report(state, command)
        case ContinueWorkflow():
            if state.workflow is None or command.workflow != state.workflow.ordinal:
                return Decision()
            return _conclude(state, (), is_next=True)
        case _:
            assert_never(command)


def _create(command: CreateJob) -> Outcome:
    spec = command.spec
    numbers = range(spec.instance_count)
    if spec.instance_count < 0:
        return Rejection(Code.INVALID, "instance_count must not be negative", "instance_count")
    if spec.default is None and len({each for each, _ in spec.instances if each in numbers}) < len(numbers):
        return Rejection(Code.INVALID, "every instance needs a spec when there is no default", "default_spec")
    stream = f"job/{command.job}"
    started = WorkflowStarted(
        kind=WorkflowKind.UPDATE,
        config=1,
        previous_config=0,
        options=command.options,
        added=((0, spec.instance_count - 1),) if numbers else (),
        opaque=command.opaque,
    )
    created = JobCreated(spec=spec)
    state = evolve(None, stream, created)
    decision = _conclude(state, (started,), is_next=True, is_wish=True)
    return replace(decision, events=(created, *decision.events))


def _change(state: JobState, command: Change) -> Outcome:
    if state.goal is Goal.DELETED and not isinstance(command, DeleteJob):
        return Rejection(Code.BEING_DELETED, "job is going to be deleted")
    if command.expected_version != state.version:
        return Rejection(Code.STALE_VERSION, "unexpected entity version", "version")
    workflow = state.workflow
    is_active = workflow is not None and workflow.is_active
    told: tuple[JobEvent, ...]
    phase: JobPhase | None
    match command:
        case StartJob():
            told, phase = (JobGoalChanged(goal=Goal.RUNNING),), JobPhase.PENDING
        case StopJob():
            if workflow is not None and is_active and workflow.options.start_pods:
                return Rejection(Code.WRONG_STATE, "an active workflow is to start the pods of this job")
            told, phase = (JobGoalChanged(goal=Goal.KILLED),), JobPhase.KILLING
        case DeleteJob():
            if not command.force and state.phase is not JobPhase.KILLED:
                return Rejection(Code.WRONG_STATE, "only a killed job is deleted without force")
            told = (JobGoalChanged(goal=Goal.DELETED),)
            phase = None if state.goal is Goal.DELETED else JobPhase.KILLING
            if is_active:
                told += (WorkflowPhaseChanged(phase=WorkflowPhase.ABORTED),)
            if not state.pods:
                told += (JobDeleted(),)
        case _:
            assert_never(command)
    return _conclude(state, told, phase=phase, is_wish=True)


def _start_pod(state: JobState, instance: int) -> Outcome:
    if state.goal is Goal.DELETED:
        return Rejection(Code.BEING_DELETED, "job is going to be deleted")
    if not 0 <= instance < state.spec.instance_count:
        return Rejection(Code.INVALID, "instance must be below the job's instance_count", "instance")
    if instance not in state.pods:
        return Rejection(Code.NOT_FOUND, "there is no such pod yet")
    told: tuple[JobEvent, ...] = (JobPodStartRequested(instance=instance),)
    if state.goal is not Goal.RUNNING:
        told = (JobGoalChanged(goal=Goal.RUNNING, is_counted=False), *told)
    return _conclude(state, told, phase=JobPhase.PENDING, is_wish=True)


def _report(state: JobState, report: ReportPod) -> Decision:
    known = state.pods.get(report.instance)
    told_again = PodKnown(report.run, report.phase, report.goal, report.config, report.failure_count)
    if known is None or report.run < known.run or known == told_again:
        return Decision()
    told: tuple[JobEvent, ...] = (
        JobPodReported(
            instance=report.instance,
            run=report.run,
            phase=report.phase,
            goal=report.goal,
            config=report.config,
            failure_count=report.failure_count,
        ),
    )
    workflow = state.workflow
    if workflow is not None and workflow.is_active and report.instance in workflow.in_flight:
        if rollout.has_arrived(workflow, report):
            told += (WorkflowInstanceEnded(instance=report.instance, has_failed=False),)
        elif rollout.has_failed(workflow, report):
            told += (WorkflowInstanceEnded(instance=report.instance, has_failed=True),)
    is_last = report.phase is PodPhase.DELETED and len(state.pods) == 1
    if is_last and state.goal is Goal.DELETED:
        told += (JobDeleted(),)
    return _conclude(state, told)


def _conclude(
    state: JobState,
    told: tuple[JobEvent, ...],
    *,
    phase: JobPhase | None = None,
    is_next: bool = False,
    is_wish: bool = False,
) -> Decision:
    """Answer with what was told and what it means.

    The next instances are taken when it is their turn, or when the change made room for them: while
    there was room before, a command that brings them into flight is on its way.
    """
    had_room = not is_next and rollout.next_instances(state) is not None
    told += rollout.ending(_fold(state, told))
    after = _fold(state, told)
    opens: tuple[Opening, ...] = ()
    if not had_room:
        taken, opens = rollout.taking(after)
        told += taken
        told += rollout.ending(_fold(state, told))
        after = _fold(state, told)
    derived = derive(after, phase or state.phase)
    # While its pods vanish one by one, a job to be deleted keeps the phase in which they ended.
    is_vanishing = after.goal is Goal.DELETED and phase is None and state.phase is not JobPhase.KILLING
    if after.phase not in (derived, JobPhase.DELETED) and not is_vanishing:
        told += (JobPhaseChanged(phase=derived),)
    result = JobAccepted(job=state.id, version=after.version) if is_wish else None
    return Decision(events=told, opens=opens, result=result)


def _fold(state: JobState, events: Iterable[JobEvent]) -> JobState:
    for event in events:
        state = evolve(state, state.stream, event)
    return state


def evolve(state: JobState | None, stream: str, event: JobEvent) -> JobState:
    """Return the state after an event."""
    if isinstance(event, JobCreated):
        return fold.created(stream, event)
    if state is None:
        raise ValueError(f"the stream of a job begins with {type(event).__name__}")
    match event:
        case WorkflowStarted():
            return fold.workflow_started(state, event)
        case WorkflowAdvanced():
            return fold.workflow_advanced(state, event)
        case WorkflowInstanceEnded():
            return fold.workflow_instance_ended(state, event)
        case WorkflowPhaseChanged():
            return fold.workflow_phase_changed(state, event)
        case JobPodReported():
            return fold.pod_reported(state, event)
        case JobGoalChanged():
            return fold.goal_changed(state, event)
        case JobPhaseChanged():
            return replace(state, phase=event.phase)
        case JobPodStartRequested():
            return state
        case JobDeleted():
            return replace(state, phase=JobPhase.DELETED)
        case _:
            assert_never(event)


def react(state: JobState, event: JobEvent) -> Sequence[Send]:
    """Name what an event asks for; the state is the one after it."""
    match event:
        case WorkflowAdvanced():
            if state.workflow is None or rollout.next_instances(state) is None:
                return ()
            return (Send(state.stream, ContinueWorkflow(workflow=state.workflow.ordinal)),)
        case JobGoalChanged():
            return Broadcast(state, _wish_of(event.goal)) if event.is_counted else ()
        case JobPodStartRequested():
            return (Send(state.pod_stream(event.instance), StartPod()),)
        case JobCreated() | JobDeleted() | JobPhaseChanged() | JobPodReported():
            return ()
        case WorkflowStarted() | WorkflowInstanceEnded() | WorkflowPhaseChanged():
            return ()
        case _:
            assert_never(event)


def _wish_of(goal: Goal) -> StartPod | StopPod | DeletePod:
    match goal:
        case Goal.RUNNING:
            return StartPod()
        case Goal.KILLED:
            return StopPod()
        case Goal.DELETED:
            return DeletePod()
        case _:
            assert_never(goal)


def outstanding(_state: JobState) -> tuple[Send, ...]:
    """Name what may still have to be done after a restart: nothing but sends, which the kernel repeats."""
    return ()
