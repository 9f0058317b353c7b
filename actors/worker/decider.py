"""What a worker decides: to have one task, or none.

1. `decide` makes facts of a command, `evolve` makes a state of facts, `react` and `outstanding`
   name what must be done in the world. All are pure.
2. A worker that runs in a pod opens it when there is first work for it: one that is given nothing to
   do costs nothing. A pod that somebody stopped is started when there is work again. It has the pod
   start anew when that must not go on, and has it gone when it is dead. What the pod reports changes
   nothing: whoever talks to what runs in it knows sooner, and says so together with what becomes of
   the task.
"""

from typing import assert_never

from actors.job.commands import ReportPod
from actors.kernel.decider import Code, Context, Decision, Opening, Outcome, Rejection, Send
from actors.pod.commands import DeletePod, ReconfigurePod, RestartPod, StartPod
from actors.worker.commands import (
    CallWorker,
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
from events.pod import PodCreated
from events.worker import (
    WorkerCalled,
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
        return _register(state, command)
    if state is None:
        return _NO_WORKER
    match command:
        case CallWorker():
            return _call(state, command, context)
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


def _register(state: WorkerState | None, command: RegisterWorker) -> Outcome:
    registered = Decision(events=(WorkerRegistered(spec=command.spec),))
    if state is None or state.phase is P.DEAD:
        return registered
    if command.spec == state.spec:
        return Decision()
    is_without = command.spec.pod is None and state.pod != ""
    return _wrong(state) if state.phase is not P.REGISTERED or is_without else registered


def _call(state: WorkerState, command: CallWorker, context: Context) -> Decision:
    spec = state.spec.pod
    if spec is None or state.phase is not P.REGISTERED:
        return Decision()
    if state.pod:
        return Decision(events=(WorkerCalled(pod=state.pod, again=True),))
    owner, pod = f"worker/{command.name}", f"pod/{context.new_id()}-0"
    created = PodCreated(owner=owner, instance=0, config=1, spec=spec, name=command.name)
    return Decision(events=(WorkerCalled(pod=pod),), opens=(Opening(pod, (created,)),))


def _wrong(state: WorkerState) -> Rejection:
    has = f" with {state.task}" if state.task else ""
    return Rejection(Code.WRONG_STATE, f"the worker is {state.phase.value}{has}")


def _last(state: WorkerState) -> tuple[WorkerEvent, ...]:
    """Return what follows at once when a worker has nothing any more."""
    return (WorkerDied(reason=state.reason),) if state.phase is P.DRAINING else ()


def evolve(state: WorkerState | None, _stream: str, event: WorkerEvent) -> WorkerState:
    """Return the state after an event."""
    if isinstance(event, WorkerRegistered):
        if state is None or not state.pod:
            return WorkerState(phase=P.REGISTERED, spec=event.spec)
        return WorkerState(phase=P.REGISTERED, spec=event.spec, pod=state.pod, config=state.config + 1)
    if state is None:
        raise ValueError(f"the stream of a worker begins with {type(event).__name__}")
    phase = phase_after(state.phase, event)
    match event:
        case WorkerCalled():
            config = state.config if event.again else 1
            return replace(state, phase=phase, pod=event.pod, config=config)
        case WorkerReady():
            return replace(state, phase=phase, reason="")
        case WorkerTook():
            return replace(state, phase=phase, task=event.task)
        case WorkerFreed():
            return replace(state, phase=phase, task="")
        case WorkerLost():
            reason = state.reason if phase is P.DRAINING else event.reason
            return replace(state, phase=phase, task="", reason=reason)
        case WorkerDraining():
            return replace(state, phase=phase, reason=event.reason)
        case WorkerDied():
            return replace(state, phase=phase, pod="", gone=state.pod, reason=event.reason)
        case _:
            assert_never(event)


def react(state: WorkerState, event: WorkerEvent) -> tuple[Send, ...]:
    """Name what an event asks for of the worker's pod; the state is the one after it."""
    match event:
        case WorkerRegistered():
            if state.spec.pod is None or not state.pod:
                return ()
            again = ReconfigurePod(config=state.config, spec=state.spec.pod, restart=True)
            return (Send(state.pod, again),)
        case WorkerLost():
            return (Send(state.pod, RestartPod()),) if event.restart and state.pod else ()
        case WorkerDied():
            return (Send(state.gone, DeletePod()),) if state.gone else ()
        case WorkerCalled():
            return (Send(state.pod, StartPod()),) if event.again else ()
        case WorkerReady() | WorkerTook() | WorkerFreed() | WorkerDraining():
            return ()
        case _:
            assert_never(event)


def outstanding(_state: WorkerState) -> tuple[()]:
    """Name what may still have to be done after a restart: nothing but what is sent."""
    return ()
