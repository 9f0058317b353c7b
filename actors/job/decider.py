"""What a job decides: from wishes and its pods' reports to workflows, goals and derived phases.

1. `decide` makes facts of a command, `evolve` makes a state of facts, `react` and `outstanding`
   name what must be done in the world. All are pure.
2. A client's change is checked in this order: the job exists; it is not going to be deleted; the
   named version is the current one; the phase allows it.
3. What a decision changes is followed, in the same append, by what it means: the end of the
   workflow, the next instances, another derived phase.
4. A report of an older run than the last reported one is ignored.
"""

from collections.abc import Sequence
from typing import assert_never

from actors.job import fold_workflow, rollout
from actors.job.broadcast import Broadcast
from actors.job.commands import (
    AbortWorkflow,
    CompareJob,
    ContinueWorkflow,
    CreateJob,
    DeleteJob,
    JobAccepted,
    JobCommand,
    PauseWorkflow,
    ReplaceJob,
    ReportPod,
    RestartJob,
    ResumeWorkflow,
    StartJob,
    StartJobPod,
    StopJob,
    WorkflowCommand,
)
from actors.job.conclude import conclude
from actors.job.difference import surely_specs_of
from actors.job.fold import evolve, heard
from actors.job.state import JobState
from actors.job.wishes import decide_wish, refusal_of
from actors.kernel.decider import Code, Context, Decision, Outcome, Rejection, Send
from actors.pod.commands import DeletePod, PodCommand, ReconfigurePod, RecreatePod, StartPod, StopPod
from events.frozen import replace
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
    WorkflowPlanned,
    WorkflowStarted,
    WorkflowTouched,
    WorkflowTurnedBack,
)
from events.pod import PodPhase
from events.ranges import numbers

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
            return _refusal(state, command) or _change(state, command)
        case (
            ReplaceJob() | CompareJob() | RestartJob() | PauseWorkflow() | ResumeWorkflow() | AbortWorkflow()
        ):
            if state.workflow is None:
                return Rejection(Code.NOT_FOUND, "the job has no workflow")
            return _refusal(state, command) or decide_wish(state, state.workflow, command)
        case StartJobPod():
            return _start_pod(state, command.instance)
        case ReportPod():
            return _report(state, command)
        case ContinueWorkflow():
            if state.workflow is None or command.workflow != state.workflow.ordinal:
                return Decision()
            return conclude(state, (), is_next=True)
        case _:
            assert_never(command)


def _create(command: CreateJob) -> Outcome:
    spec = command.spec
    refusal = refusal_of(spec)
    if refusal is not None:
        return refusal
    stream = f"job/{command.job}"
    started = WorkflowStarted(
        kind=WorkflowKind.UPDATE,
        config=1,
        previous_config=0,
        options=command.options,
        added=((0, spec.instance_count - 1),) if spec.instance_count else (),
        opaque=command.opaque,
    )
    created = JobCreated(spec=spec, workflow=started)
    state = evolve(None, stream, created)
    taken, opens = rollout.taking(state)
    match taken:
        case (WorkflowAdvanced() as advanced,):
            # It has pods, so it is pending as it was made, and nothing has ended: no more follows.
            created = replace(created, advanced=advanced)
            state = fold_workflow.advanced(state, advanced)
            accepted = JobAccepted(job=state.id, version=state.version)
            return Decision(events=(created,), opens=opens, result=accepted, states=(state,))
    decision = conclude(state, (), is_next=True, is_wish=True)
    return replace(
        decision,
        events=(created, *decision.events),
        opens=opens + decision.opens,
        states=(state, *decision.states),
    )


def _refusal(state: JobState, command: Change | WorkflowCommand) -> Rejection | None:
    """Return why the job may not be changed so, None when it may."""
    if state.goal is Goal.DELETED and not isinstance(command, DeleteJob):
        return Rejection(Code.BEING_DELETED, "job is going to be deleted")
    if command.expected_version != state.version:
        return Rejection(Code.STALE_VERSION, "unexpected entity version", "version")
    return None


def _change(state: JobState, command: Change) -> Outcome:
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
            aborted = (WorkflowPhaseChanged(phase=WorkflowPhase.ABORTED),) if is_active else ()
            gone = () if state.pods else (JobDeleted(),)
            told = (JobGoalChanged(goal=Goal.DELETED), *aborted, *gone)
            phase = None if state.goal is Goal.DELETED else JobPhase.KILLING
        case _:
            assert_never(command)
    return conclude(state, told, phase=phase, is_wish=True)


def _start_pod(state: JobState, instance: int) -> Outcome:
    if state.goal is Goal.DELETED:
        return Rejection(Code.BEING_DELETED, "job is going to be deleted")
    if not 0 <= instance < state.spec.instance_count:
        return Rejection(Code.INVALID, "instance must be below the job's instance_count", "instance")
    if instance not in state.pods:
        return Rejection(Code.NOT_FOUND, "there is no such pod yet")
    if instance in state.leaving:
        return Rejection(Code.BEING_DELETED, "pod is going to be deleted")
    told: tuple[JobEvent, ...] = (JobPodStartRequested(instance=instance),)
    if state.goal is not Goal.RUNNING:
        told = (JobGoalChanged(goal=Goal.RUNNING, is_counted=False), *told)
    return conclude(state, told, phase=JobPhase.PENDING, is_wish=True)


def _report(state: JobState, report: ReportPod) -> Decision:
    known = state.pods.get(report.instance)
    if known is None or report.run < known.run:
        return Decision()
    reported = JobPodReported(
        instance=report.instance,
        run=report.run,
        phase=report.phase,
        goal=report.goal,
        config=report.config,
        failure_count=report.failure_count,
        desired_config=report.desired_config,
    )
    ended: tuple[JobEvent, ...] = ()
    workflow = state.workflow
    if workflow is not None and workflow.is_active and report.instance in workflow.in_flight:
        if rollout.has_arrived(state, workflow, report):
            ended = (WorkflowInstanceEnded(instance=report.instance, has_failed=False),)
        elif rollout.has_failed(workflow, report):
            ended = (WorkflowInstanceEnded(instance=report.instance, has_failed=True),)
    if not ended and heard(known, reported) == known:
        return Decision()
    told: tuple[JobEvent, ...] = (reported, *ended)
    is_last = report.phase is PodPhase.DELETED and len(state.pods) == 1
    if is_last and state.goal is Goal.DELETED:
        told += (JobDeleted(),)
    return conclude(state, told)


def react(state: JobState, event: JobEvent) -> Sequence[Send]:
    """Name what an event asks for; the state is the one after it."""
    match event:
        case WorkflowPlanned():
            return _number(state)
        case WorkflowAdvanced():
            return _move(state, event)
        case JobCreated():
            return () if event.advanced is None else _go_on(state)  # its pods are opened with it
        case JobGoalChanged():
            wish = _wish_of(event.goal)
            return Broadcast(state, sorted(state.pods), lambda _: wish) if event.is_counted else ()
        case JobPodStartRequested():
            return (Send(state.pod_stream(event.instance), StartPod()),)
        case JobDeleted() | JobPhaseChanged() | JobPodReported():
            return ()
        case WorkflowStarted() | WorkflowInstanceEnded() | WorkflowPhaseChanged():
            return ()
        case WorkflowTouched() | WorkflowTurnedBack():
            return ()
        case _:
            assert_never(event)


def _number(state: JobState) -> Sequence[Send]:
    """Give the new configuration to pods that the workflow does not move."""
    spec_of, goal = surely_specs_of(state.spec), rollout.goal_of_pods(state)
    return Broadcast(
        state,
        rollout.untouched(state),
        lambda each: ReconfigurePod(config=state.config, spec=spec_of(each), restart=False, goal=goal),
    )


def _move(state: JobState, event: WorkflowAdvanced) -> Sequence[Send]:
    """Tell the instances taken what to do; those that never were have been opened."""
    workflow = state.workflow
    if workflow is None:
        return ()
    spec_of = surely_specs_of(state.spec)
    sends: list[Send] = []
    for each in numbers((event.instances, *event.more)):
        pod, is_new = state.pods[each], state.pods[each].config == workflow.config
        command: PodCommand
        if each >= state.spec.instance_count:
            command = DeletePod()
        elif not is_new:
            command = rollout.move_of(state, workflow, spec_of(each))
        elif pod.run > 1:
            command = RecreatePod(
                config=workflow.config, spec=spec_of(each), goal=pod.goal, name=state.spec.name
            )
        else:
            continue
        sends.append(Send(state.pod_stream(each), command))
    return (*sends, *_go_on(state))


def _go_on(state: JobState) -> tuple[Send, ...]:
    """Let the job take the next instances, if it may."""
    if state.workflow is None or not rollout.has_next(state):
        return ()
    return (Send(state.stream, ContinueWorkflow(workflow=state.workflow.ordinal)),)


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
