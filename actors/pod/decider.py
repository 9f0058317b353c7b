"""What a pod decides: from wishes, placements and reports to runs that begin and end.

1. `decide` makes facts of a command, `evolve` makes a state of facts, `react` and `outstanding`
   name what must be done in the world. All are pure; time comes with the context.
2. Told of another run than the current one, or told again, the pod does nothing. Reports may come
   with pieces missing: the phases in between are then passed in the same append.
3. Run ids never decrease, neither the current one nor the desired one.
4. A run that ended by itself while it was wanted counts as unwanted end and waits for a backoff;
   a run that somebody asked for begins at once. Only another configuration puts the count back to 0.
"""

from typing import assert_never

from actors.kernel.decider import ArmTimer, Code, Context, Decision, Outcome, Rejection, Send
from actors.pod.commands import (
    BeginNextRun,
    DeletePod,
    ForgetPod,
    ForgetPodRun,
    ForgetRun,
    PlacePod,
    PodCommand,
    PodEffect,
    QueuePod,
    ReconfigurePod,
    RecordContainerExited,
    RecordContainerStarted,
    RecordLaunched,
    RecordRunEnded,
    RecreatePod,
    RequestPlacement,
    RestartPod,
    StartPod,
    StopPod,
)
from actors.pod.effects import launch, observe, stop, tell, timer
from actors.pod.fold import folded
from actors.pod.progress import end_of, is_news, progress_of
from actors.pod.state import LIVE, UNPLACED, PodState
from events.goal import Goal
from events.pod import (
    EndReason,
    PodContainerExited,
    PodContainerStarted,
    PodCreated,
    PodDeleted,
    PodEnded,
    PodEvent,
    PodGoalChanged,
    PodLaunched,
    PodLaunching,
    PodPhase,
    PodPlaced,
    PodQueued,
    PodReconfigured,
    PodRunForgotten,
    PodRunning,
    PodRunStarted,
    PodStarting,
    PodStopRequested,
)

Effect = PodEffect | Send | ArmTimer
Wish = StartPod | StopPod | RestartPod | ReconfigurePod | DeletePod
_NO_POD = Rejection(Code.NOT_FOUND, "there is no such pod")
Report = RecordLaunched | RecordContainerStarted | RecordContainerExited | RecordRunEnded


def decide(state: PodState | None, command: PodCommand, context: Context) -> Outcome:
    """Say whether the command may happen, and what is then true."""
    if state is None:
        return _NO_POD
    if isinstance(command, RecreatePod):
        return _recreate(state, command)
    if isinstance(command, ForgetPodRun):
        is_known = 0 < command.run <= state.run
        return Decision(events=(PodRunForgotten(run=command.run),) if is_known else ())
    if state.phase is PodPhase.DELETED:
        return _NO_POD
    match command:
        case StartPod() | StopPod() | RestartPod() | ReconfigurePod() | DeletePod():
            return _wish(state, command)
        case QueuePod():
            is_new = state.phase is not PodPhase.PENDING or command.reason != state.queued_for
            if command.run != state.run or state.phase not in UNPLACED or not is_new:
                return Decision()
            return Decision(events=(PodQueued(run=state.run, reason=command.reason),))
        case PlacePod():
            return _place(state, command)
        case RecordLaunched() | RecordContainerStarted() | RecordContainerExited() | RecordRunEnded():
            if command.run != state.run or state.phase not in LIVE:
                return Decision()
            return Decision(events=_record(state, command, now=context.now))
        case BeginNextRun():
            if command.run != state.run or state.restart_at == 0:
                return Decision()
            return Decision(events=(_next_run(state, failure_count=state.failure_count),))
        case _:
            assert_never(command)


def _recreate(state: PodState, command: RecreatePod) -> Decision:
    if state.phase is not PodPhase.DELETED:
        return Decision()
    created = PodCreated(
        owner=state.owner,
        instance=state.instance,
        config=command.config,
        spec=command.spec,
        goal=command.goal,
        run=state.run + 1,
        name=command.name,
    )
    return Decision(events=(created,))


def _wish(state: PodState, wish: Wish) -> Outcome:
    if state.goal is Goal.DELETED:
        if isinstance(wish, DeletePod):
            return Decision()
        return Rejection(Code.BEING_DELETED, "pod is going to be deleted")
    next_run = state.run + 1
    match wish:
        case StartPod():
            if state.goal is Goal.RUNNING:
                return Decision()
            return _pursue(state, PodGoalChanged(goal=Goal.RUNNING, desired_run=next_run))
        case StopPod():
            if state.goal is Goal.KILLED:
                return Decision()
            stopped = PodGoalChanged(goal=Goal.KILLED, desired_run=state.desired_run)
            return _pursue(state, stopped, reason=wish.reason)
        case RestartPod():
            if state.goal is Goal.RUNNING and state.desired_run == next_run:
                return Decision()
            again = PodGoalChanged(goal=Goal.RUNNING, desired_run=next_run)
            return _pursue(state, again, reason=wish.reason)
        case ReconfigurePod():
            return _reconfigure(state, wish)
        case DeletePod():
            gone = PodGoalChanged(goal=Goal.DELETED, desired_run=state.desired_run)
            return _pursue(state, gone, reason=EndReason.ON_REQUEST)
        case _:
            assert_never(wish)


def _reconfigure(state: PodState, wish: ReconfigurePod) -> Outcome:
    goal = wish.goal or state.goal
    if (wish.config, wish.spec, goal) == (state.desired_config, state.desired_spec, state.goal):
        return Decision()
    is_rerun = goal is Goal.RUNNING and (wish.restart or state.goal is not Goal.RUNNING)
    desired_run = state.run + 1 if is_rerun else state.desired_run
    is_applied = goal is Goal.RUNNING and desired_run == state.run
    moved = PodReconfigured(config=wish.config, spec=wish.spec, is_applied=is_applied)
    if goal is state.goal and not is_rerun:
        return Decision(events=(moved,))
    wanted = PodGoalChanged(goal=goal, desired_run=desired_run)
    # The goal first: a report of the new configuration with the old goal would say that it has arrived.
    return _pursue(state, wanted, moved, reason=wish.reason)


def _pursue(state: PodState, *changes: PodEvent, reason: EndReason | None = None) -> Decision:
    """Answer with the changes and what follows at once; a reason ends the run that there is."""
    if reason is not None and state.phase in UNPLACED:
        count = state.failure_count
        killed = PodPhase.KILLED
        changes += (PodEnded(run=state.run, phase=killed, reason=reason, failure_count=count),)
    elif reason is not None and state.phase in LIVE:
        changes += (PodStopRequested(run=state.run, reason=reason),)
    return Decision(events=changes + _follow(folded(state, changes)))


def _follow(state: PodState) -> tuple[PodEvent, ...]:
    """Return what comes at once after the end of a run that was not wanted."""
    if not state.phase.is_terminal or state.is_wanted or state.goal is Goal.KILLED:
        return ()
    if state.goal is Goal.DELETED:
        return (PodDeleted(run=state.run),)
    is_other = state.desired_config != state.config
    return (_next_run(state, failure_count=0 if is_other else state.failure_count),)


def _next_run(state: PodState, *, failure_count: int) -> PodRunStarted:
    return PodRunStarted(
        run=state.run + 1,
        config=state.desired_config,
        spec=state.desired_spec,
        failure_count=failure_count,
    )


def _place(state: PodState, command: PlacePod) -> Outcome:
    if command.run == state.run and state.phase in UNPLACED:
        placed = PodPlaced(run=state.run, host=command.host, ports=command.ports)
        return Decision(events=(placed, PodLaunching(run=state.run)))
    is_there = state.phase in LIVE and (command.host, command.ports) == (state.host, state.ports)
    if command.run == state.run and is_there:
        return Decision()
    return Rejection(Code.WRONG_STATE, "the run does not wait for a host")


def _record(state: PodState, report: Report, *, now: int) -> tuple[PodEvent, ...]:
    match report:
        case RecordLaunched():
            return _launched(state)
        case RecordContainerStarted():
            if not is_news(state, report.container) or report.container in state.started:
                return ()
            started = PodContainerStarted(
                run=report.run, container=report.container, process=report.process, at=report.at
            )
            told = (*_launched(state), started)
            return told + progress_of(folded(state, told))
        case RecordContainerExited():
            if not is_news(state, report.container):
                return ()
            exited = PodContainerExited(
                run=report.run,
                container=report.container,
                exit_code=report.exit_code,
                signal=report.signal,
                at=report.at,
                message=report.message,
            )
            told = (*_launched(state), *_starting(state), exited)
            return told + progress_of(folded(state, told))
        case RecordRunEnded():
            # A run that was to end before it started goes straight to its end.
            passed = (*_launched(state), *_starting(state)) if state.stop_reason is None else ()
            told = (*passed, end_of(state, report, now=now))
            return told + _follow(folded(state, told))
        case _:
            assert_never(report)


def _launched(state: PodState) -> tuple[PodEvent, ...]:
    return (PodLaunched(run=state.run),) if state.phase is PodPhase.LAUNCHING else ()


def _starting(state: PodState) -> tuple[PodEvent, ...]:
    is_before = state.phase in (PodPhase.LAUNCHING, PodPhase.LAUNCHED)
    return (PodStarting(run=state.run),) if is_before else ()


def react(state: PodState, event: PodEvent) -> tuple[Effect, ...]:
    """Name what an event asks for; the state is the one after it."""
    match event:
        case PodCreated():
            return (RequestPlacement(run=state.run),) if state.goal is Goal.RUNNING else ()
        case PodRunStarted():
            return (RequestPlacement(run=state.run), *tell(state))
        case PodLaunching():
            return (launch(state),)
        case PodStopRequested():
            return (stop(state), *(tell(state) if state.phase is PodPhase.KILLING else ()))
        case PodEnded():
            forget = (ForgetRun(run=state.run, host=state.host),) if state.host else ()
            return (*forget, *timer(state), *tell(state))
        case PodGoalChanged():
            return tell(state) if state.phase.is_terminal else ()
        case PodRunning() | PodReconfigured():
            return tell(state)
        case PodDeleted():
            return (*(ForgetPod(host=host) for host in state.hosts), *tell(state))
        case PodQueued() | PodPlaced() | PodLaunched() | PodStarting():
            return ()
        case PodContainerStarted() | PodContainerExited() | PodRunForgotten():
            return ()
        case _:
            assert_never(event)


def outstanding(state: PodState) -> tuple[Effect, ...]:
    """Name what may still have to be done after a restart of the server."""
    if state.phase in UNPLACED:
        return (RequestPlacement(run=state.run),)
    if state.phase not in LIVE:
        return timer(state)
    asked = (stop(state),) if state.stop_reason is not None else ()
    if state.phase is PodPhase.LAUNCHING:
        return asked or (launch(state),)
    return (observe(state), *asked)
