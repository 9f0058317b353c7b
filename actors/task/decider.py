"""What a task decides: to wait, to hold a worker, and to end once.

1. `decide` makes facts of a command, `evolve` makes a state of facts, `react` and `outstanding`
   name what must be done in the world. All are pure; time comes with the context.
2. The first task of a request makes the others: one append, all or none.
3. A wish to cancel never fails: only a task that is queued changes by it. What a dispatcher tells is
   refused when it does not fit, so that the worker's part of a joint decision is left undone, too.
"""

from typing import assert_never

from actors.kernel.decider import ArmTimer, Code, Context, Decision, Opening, Outcome, Rejection
from actors.task.commands import (
    AssignTask,
    BeginTask,
    CancelTask,
    DeleteTask,
    FailTask,
    NewTask,
    ReleaseTask,
    StartTask,
    SubmitTasks,
    SucceedTask,
    TaskCommand,
    TaskGroup,
    TasksAccepted,
)
from actors.task.state import TaskState, phase_after
from events.frozen import replace
from events.task import (
    TaskAssigned,
    TaskCancelled,
    TaskDeleted,
    TaskEvent,
    TaskFailed,
    TaskPhase,
    TaskQueued,
    TaskReleased,
    TaskStarted,
    TaskSucceeded,
)

P = TaskPhase
_NO_TASK = Rejection(Code.NOT_FOUND, "there is no such task")
_WAITING = (P.QUEUED, P.ASSIGNED)
_UNDER_WAY = (P.RUNNING, P.POST_PROCESSING)


def decide(state: TaskState | None, command: TaskCommand, context: Context) -> Outcome:
    """Say whether the command may happen, and what is then true."""
    if isinstance(command, SubmitTasks | BeginTask):
        if state is not None:
            return Rejection(Code.ALREADY_EXISTS, "there is a task with this id already")
        return _submit(command, context) if isinstance(command, SubmitTasks) else _begin(command, context)
    if state is None:
        return _NO_TASK
    match command:
        case CancelTask():
            is_queued = state.phase is P.QUEUED
            return Decision(events=(TaskCancelled(at=context.now),) if is_queued else ())
        case DeleteTask():
            is_due = state.phase.is_terminal and state.phase is not P.DELETED
            is_due = is_due and context.now >= state.ended_at + state.keep_us
            return Decision(events=(TaskDeleted(),) if is_due else ())
        case AssignTask():
            if state.phase is not P.QUEUED:
                return _wrong(state)
            return Decision(events=(TaskAssigned(worker=command.worker),))
        case StartTask():
            if state.phase not in _WAITING or state.worker != command.worker:
                return _wrong(state)
            return Decision(events=(TaskStarted(worker=command.worker, at=context.now),))
        case ReleaseTask():
            if state.phase is not P.RUNNING or state.worker != command.worker:
                return _wrong(state)
            return Decision(events=(TaskReleased(held_us=_held(state, command.held_us, context)),))
        case SucceedTask():
            if state.phase not in _UNDER_WAY or state.worker != command.worker:
                return _wrong(state)
            held_us = _held(state, command.held_us, context)
            return Decision(events=(TaskSucceeded(result=command.result, held_us=held_us, at=context.now),))
        case FailTask():
            if state.phase not in (P.ASSIGNED, *_UNDER_WAY) or state.worker != command.worker:
                return _wrong(state)
            held_us = _held(state, command.held_us, context, command.until)
            return Decision(
                events=(
                    TaskFailed(kind=command.kind, message=command.message, held_us=held_us, at=context.now),
                )
            )
        case _:
            assert_never(command)


def _submit(command: SubmitTasks, context: Context) -> Outcome:
    openings = [
        Opening(f"task/{task.id}", (_queued(group, task, f"task/{group.tasks[0].id}", context.principal),))
        for group in command.groups
        for task in group.tasks
    ]
    ids = tuple(tuple(task.id for task in group.tasks) for group in command.groups)
    first, *others = openings
    return Decision(events=first.events, opens=tuple(others), result=TasksAccepted(ids=ids))


def _begin(command: BeginTask, context: Context) -> Decision:
    queued = TaskQueued(
        worker=command.worker,
        principal=context.principal,
        limit_us=command.limit_us,
        keep_us=command.keep_us,
        program=command.program,
    )
    return Decision(events=(queued, TaskStarted(worker=command.worker, at=context.now)))


def _queued(group: TaskGroup, task: NewTask, first: str, principal: str) -> TaskQueued:
    has_program = f"task/{task.id}" == first
    return TaskQueued(
        worker=group.worker,
        principal=principal,
        limit_us=group.limit_us,
        keep_us=group.keep_us,
        estimate_us=group.estimate_us,
        program=group.program if has_program else None,
        program_of="" if has_program else first,
        arguments=task.arguments,
    )


def _wrong(state: TaskState) -> Rejection:
    return Rejection(Code.WRONG_STATE, f"the task is {state.phase.value}, of {state.worker}")


def _held(state: TaskState, measured: int | None, context: Context, until: int | None = None) -> int:
    if state.phase is not P.RUNNING:
        return state.held_us
    end = context.now if until is None else min(until, context.now)
    return max(0, end - state.started_at) if measured is None else measured


def evolve(state: TaskState | None, _stream: str, event: TaskEvent) -> TaskState:
    """Return the state after an event."""
    if isinstance(event, TaskQueued):
        return TaskState(
            phase=P.QUEUED,
            worker=event.worker,
            principal=event.principal,
            limit_us=event.limit_us,
            keep_us=event.keep_us,
            estimate_us=event.estimate_us,
        )
    if state is None:
        raise ValueError(f"the stream of a task begins with {type(event).__name__}")
    phase = phase_after(state.phase, event)
    match event:
        case TaskAssigned():
            return replace(state, phase=phase, worker=event.worker)
        case TaskStarted():
            return replace(state, phase=phase, worker=event.worker, started_at=event.at)
        case TaskReleased():
            return replace(state, phase=phase, held_us=event.held_us)
        case TaskSucceeded():
            return replace(state, phase=phase, held_us=event.held_us, ended_at=event.at)
        case TaskFailed():
            kind, message = event.kind, event.message
            return replace(
                state, phase=phase, held_us=event.held_us, ended_at=event.at, kind=kind, message=message
            )
        case TaskCancelled():
            return replace(state, phase=phase, ended_at=event.at)
        case TaskDeleted():
            return replace(state, phase=phase)
        case _:
            assert_never(event)


def react(state: TaskState, event: TaskEvent) -> tuple[ArmTimer, ...]:
    """Name what an event asks for: to be forgotten in time."""
    match event:
        case TaskQueued() | TaskAssigned() | TaskStarted() | TaskReleased() | TaskDeleted():
            return ()
        case TaskSucceeded() | TaskFailed() | TaskCancelled():
            return outstanding(state)
        case _:
            assert_never(event)


def outstanding(state: TaskState) -> tuple[ArmTimer, ...]:
    """Name what may still have to be done after a restart of the server."""
    if not state.phase.is_terminal or state.phase is P.DELETED:
        return ()
    return (ArmTimer("keep", state.ended_at + state.keep_us, DeleteTask()),)
