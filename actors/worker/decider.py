"""What a worker decides: to have one task, or none.

1. `decide` makes facts of a command, `evolve` makes a state of facts, `react` and `outstanding`
   name what must be done in the world. All are pure.
2. A worker with a pod opens it when it is registered, stopped: whoever has work for it starts it. It
   has it start anew when that must not go on, and has it gone when it is dead. What the pod reports
   changes nothing: whoever talks to what runs in it knows sooner, and says so together with what
   becomes of the task.
"""

from typing import assert_never

from actors.job.commands import ReportPod
from actors.kernel.decider import Code, Context, Decision, Opening, Outcome, Rejection, Send
from actors.pod.commands import DeletePod, ReconfigurePod, RestartPod
from actors.worker.commands import (
    DrainWorker,
    FreeWorker,
    LoseWorker,
    ReadyWorker,
    RegisterWorker,
    TakeTask,
    WorkerCommand,
)
from actors.worker.state import WorkerState, phase_after
from events.frozen import replace
from events.goal import Goal
from events.pod import PodCreated
from events.worker import (
    WorkerDied,
    WorkerDraining,
    WorkerEvent,
    WorkerFreed,
    WorkerLost,
    WorkerPhase,
    WorkerReady,
    WorkerRegistered,
    WorkerTook,
)

P = WorkerPhase
_NO_WORKER = Rejection(Code.NOT_FOUND, "there is no such worker")


def decide(state: WorkerState | None, command: WorkerCommand, context: Context) -> Outcome:
    """Say whether the command may happen, and what is then true."""
    if isinstance(command, RegisterWorker):
        return _register(state, command, context)
    if state is None:
        return _NO_WORKER
    match command:
        case ReadyWorker():
            return Decision(events=(WorkerReady(),) if state.phase is P.REGISTERED else ())
        case TakeTask():
            if state.phase is not P.IDLE:
                return _wrong(state)
            return Decision(events=(WorkerTook(task=command.task),))
        case FreeWorker():
            if state.task != command.task:
                return _wrong(state)
            return Decision(events=(WorkerFreed(task=command.task), *_last(state)))
        case LoseWorker():
            if state.task != command.task:
                return _wrong(state)
            if state.phase in (P.REGISTERED, P.DEAD):
                return Decision()
            lost = WorkerLost(reason=command.reason, restart=command.restart)
            return Decision(events=(lost, *_last(state)))
        case DrainWorker():
            if state.phase in (P.DRAINING, P.DEAD):
                return Decision()
            if state.phase is P.BUSY:
                return Decision(events=(WorkerDraining(reason=command.reason),))
            return Decision(events=(WorkerDied(reason=command.reason),))
        case ReportPod():
            return Decision()
        case _:
            assert_never(command)


def _register(state: WorkerState | None, command: RegisterWorker, context: Context) -> Outcome:
    spec = command.spec
    if state is None or state.phase is P.DEAD:
        if spec.pod is None:
            return Decision(events=(WorkerRegistered(spec=spec),))
        owner, pod = f"worker/{command.name}", f"pod/{context.new_id()}-0"
        # Not started: a worker that is given nothing to do costs nothing.
        created = PodCreated(
            owner=owner, instance=0, config=1, spec=spec.pod, goal=Goal.KILLED, name=command.name
        )
        return Decision(events=(WorkerRegistered(spec=spec, pod=pod),), opens=(Opening(pod, (created,)),))
    if spec == state.spec:
        return Decision()
    if state.phase is not P.REGISTERED or (spec.pod is None) != (state.spec.pod is None):
        return _wrong(state)
    return Decision(events=(WorkerRegistered(spec=spec, pod=state.pod),))


def _wrong(state: WorkerState) -> Rejection:
    has = f" with {state.task}" if state.task else ""
    return Rejection(Code.WRONG_STATE, f"the worker is {state.phase.value}{has}")


def _last(state: WorkerState) -> tuple[WorkerEvent, ...]:
    """Return what follows at once when a worker has nothing any more."""
    return (WorkerDied(reason=state.reason),) if state.phase is P.DRAINING else ()


def evolve(state: WorkerState | None, _stream: str, event: WorkerEvent) -> WorkerState:
    """Return the state after an event."""
    if isinstance(event, WorkerRegistered):
        is_same = state is not None and state.pod == event.pod
        config = state.config + 1 if state is not None and is_same else 1
        return WorkerState(phase=P.REGISTERED, spec=event.spec, pod=event.pod, config=config)
    if state is None:
        raise ValueError(f"the stream of a worker begins with {type(event).__name__}")
    phase = phase_after(state.phase, event)
    match event:
        case WorkerReady():
            return replace(state, phase=phase, reason="")
        case WorkerTook():
            return replace(state, phase=phase, task=event.task)
        case WorkerFreed():
            return replace(state, phase=phase, task="")
        case WorkerLost():
            reason = state.reason if phase is P.DRAINING else event.reason
            return replace(state, phase=phase, task="", reason=reason)
        case WorkerDraining() | WorkerDied():
            return replace(state, phase=phase, reason=event.reason)
        case _:
            assert_never(event)


def react(state: WorkerState, event: WorkerEvent) -> tuple[Send, ...]:
    """Name what an event asks for of the worker's pod; the state is the one after it."""
    spec = state.spec.pod
    if spec is None:
        return ()
    match event:
        case WorkerRegistered():
            again = ReconfigurePod(config=state.config, spec=spec, restart=True)
            return (Send(state.pod, again),) if state.config > 1 else ()
        case WorkerLost():
            return (Send(state.pod, RestartPod()),) if event.restart else ()
        case WorkerDied():
            return (Send(state.pod, DeletePod()),)
        case WorkerReady() | WorkerTook() | WorkerFreed() | WorkerDraining():
            return ()
        case _:
            assert_never(event)


def outstanding(_state: WorkerState) -> tuple[()]:
    """Name what may still have to be done after a restart: nothing but what is sent."""
    return ()
