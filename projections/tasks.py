"""What is known of a task, as a fold of the task's own events.

1. A view is frozen; a fold answers a new one. Views are shared between readers.
2. A short result is kept in the view; a longer one is read from the journal when it is asked for,
   as the program and the arguments always are.
3. Times are microseconds since the epoch, UTC; 0 means not yet.
4. A deleted task's last view has the phase `deleted`.
"""

from typing import assert_never, cast

from events.frozen import frozen, replace
from events.receipt import CommandReceived
from events.record import Recorded, id_of
from events.task import (
    FailureKind,
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
from projections.stamp import OutOfPlace, stamp

SHORT_RESULT = 4_096
"""Bytes of a result that is kept in the view."""


@frozen
class TaskView:
    """A task as it is now, or was at a revision."""

    id: str
    worker: str
    """Stream of the worker in whose queue it waits, or waited."""
    principal: str
    origin: str
    """The API through which it came."""
    phase: TaskPhase
    limit_us: int
    keep_us: int
    estimate_us: int
    """0 for not told."""
    place: int
    """Revision at which it was queued: its place among all that ever waited."""
    queued_at: int
    started_at: int = 0
    released_at: int = 0
    ended_at: int = 0
    held_us: int = 0
    kind: FailureKind | None = None
    """Why it failed, None when it did not."""
    message: str = ""
    result: bytes | None = None
    """None while there is none, and when it is too long to be kept here."""
    change: int = 0
    revision: int = 0
    changed_at: int = 0
    changed_by: str = ""


def fold(view: TaskView | None, recorded: Recorded) -> TaskView | None:
    """Return the task after an event; the same object when the event changes nothing that is seen."""
    event = cast("TaskEvent | CommandReceived", recorded.event)
    if isinstance(event, TaskQueued):
        return _queued(event, recorded)
    if isinstance(event, CommandReceived):
        return view
    if view is None:
        raise OutOfPlace(recorded)
    seen = stamp(view.change, recorded)
    match event:
        case TaskAssigned():
            return replace(view, phase=TaskPhase.ASSIGNED, worker=event.worker, **seen)
        case TaskStarted():
            return replace(view, phase=TaskPhase.RUNNING, worker=event.worker, started_at=event.at, **seen)
        case TaskReleased():
            at = recorded.envelope.at
            return replace(
                view, phase=TaskPhase.POST_PROCESSING, held_us=event.held_us, released_at=at, **seen
            )
        case TaskSucceeded():
            result = event.result if len(event.result) <= SHORT_RESULT else None
            return replace(
                view,
                phase=TaskPhase.SUCCEEDED,
                held_us=event.held_us,
                ended_at=event.at,
                result=result,
                **seen,
            )
        case TaskFailed():
            return replace(
                view,
                phase=TaskPhase.FAILED,
                held_us=event.held_us,
                ended_at=event.at,
                kind=event.kind,
                message=event.message,
                **seen,
            )
        case TaskCancelled():
            return replace(view, phase=TaskPhase.CANCELLED, ended_at=event.at, **seen)
        case TaskDeleted():
            return replace(view, phase=TaskPhase.DELETED, result=None, **seen)
        case _:
            assert_never(event)


def _queued(event: TaskQueued, recorded: Recorded) -> TaskView:
    revision, envelope = recorded.revision, recorded.envelope
    at = envelope.at
    return TaskView(  # a batch makes hundreds: the stamp as words takes half the time
        id=id_of(recorded.stream),
        worker=event.worker,
        principal=event.principal,
        origin=envelope.origin,
        phase=TaskPhase.QUEUED,
        limit_us=event.limit_us,
        keep_us=event.keep_us,
        estimate_us=event.estimate_us,
        place=revision,
        queued_at=at,
        change=1,
        revision=revision,
        changed_at=at,
        changed_by=envelope.principal,
    )
