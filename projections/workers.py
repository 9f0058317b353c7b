"""What is known of a worker, as a fold of the worker's own events.

1. A view is frozen; a fold answers a new one. Views are shared between readers.
2. What waits for a worker is told by the tasks' views (projections/queues.py), not here.
"""

from typing import assert_never, cast

from events.frozen import frozen, replace
from events.receipt import CommandReceived
from events.record import Recorded, id_of
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
    WorkerSpec,
    WorkerTook,
)
from projections.stamp import OutOfPlace, stamp


@frozen
class WorkerView:
    """A worker as it is now, or was at a revision."""

    id: str
    spec: WorkerSpec
    phase: WorkerPhase
    pod: str = ""
    """Stream of its pod, empty for none."""
    task: str = ""
    """Stream of the task that it has, empty for none."""
    reason: str = ""
    change: int = 0
    revision: int = 0
    changed_at: int = 0
    changed_by: str = ""


def fold(view: WorkerView | None, recorded: Recorded) -> WorkerView | None:
    """Return the worker after an event; the same object when the event changes nothing that is seen."""
    event = cast("WorkerEvent | CommandReceived", recorded.event)
    if isinstance(event, CommandReceived):
        return view
    if isinstance(event, WorkerRegistered):
        seen = stamp(0 if view is None else view.change, recorded)
        id, pod = id_of(recorded.stream), "" if view is None else view.pod  # noqa: A001 - the name of the thing
        return WorkerView(id=id, spec=event.spec, phase=WorkerPhase.REGISTERED, pod=pod, **seen)
    if view is None:
        raise OutOfPlace(recorded)
    seen = stamp(view.change, recorded)
    drains = view.phase is WorkerPhase.DRAINING
    match event:
        case WorkerCalled():
            return replace(view, pod=event.pod, **seen)
        case WorkerReady():
            return replace(view, phase=WorkerPhase.IDLE, reason="", **seen)
        case WorkerTook():
            return replace(view, phase=WorkerPhase.BUSY, task=event.task, **seen)
        case WorkerFreed():
            return replace(view, phase=view.phase if drains else WorkerPhase.IDLE, task="", **seen)
        case WorkerLost():
            if drains:
                return replace(view, task="", **seen)
            return replace(view, phase=WorkerPhase.REGISTERED, task="", reason=event.reason, **seen)
        case WorkerDraining():
            return replace(view, phase=WorkerPhase.DRAINING, reason=event.reason, **seen)
        case WorkerDied():
            return replace(view, phase=WorkerPhase.DEAD, pod="", reason=event.reason, **seen)
        case _:
            assert_never(event)
