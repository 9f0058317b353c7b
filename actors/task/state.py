"""What is remembered of a task, and the table of its phases.

1. `TRANSITIONS` is the machine: `evolve` reads the next phase from it, the diagrams are drawn from
   it, and a test checks that no decision leaves it.
2. Neither what is to be run nor the result is remembered: both stand in the journal, and are read
   from there by whoever needs them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.frozen import frozen
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

P = TaskPhase
_FAILS: Mapping[type[TaskEvent], tuple[TaskPhase, ...]] = MappingProxyType({TaskFailed: (P.FAILED,)})
_ENDS: Mapping[type[TaskEvent], tuple[TaskPhase, ...]] = MappingProxyType(
    {TaskSucceeded: (P.SUCCEEDED,), **_FAILS}
)
_OVER: Mapping[type[TaskEvent], tuple[TaskPhase, ...]] = MappingProxyType({TaskDeleted: (P.DELETED,)})

TRANSITIONS: Mapping[TaskPhase | None, Mapping[type[TaskEvent], tuple[TaskPhase, ...]]] = MappingProxyType(
    {
        None: {TaskQueued: (P.QUEUED,)},
        P.QUEUED: {
            TaskAssigned: (P.ASSIGNED,),
            TaskStarted: (P.RUNNING,),
            TaskCancelled: (P.CANCELLED,),
        },
        P.ASSIGNED: {TaskStarted: (P.RUNNING,), **_FAILS},
        P.RUNNING: {TaskReleased: (P.POST_PROCESSING,), **_ENDS},
        P.POST_PROCESSING: _ENDS,
        P.SUCCEEDED: _OVER,
        P.FAILED: _OVER,
        P.CANCELLED: _OVER,
        P.DELETED: {},
    }
)
"""Phase before -> class of event -> phases after. None stands for a task that never was."""

STEADY: frozenset[type[TaskEvent]] = frozenset()
"""Events that never change the phase: none."""

ALLOWED: Mapping[TaskPhase, tuple[TaskPhase, ...]] = MappingProxyType(
    {
        P.QUEUED: (P.ASSIGNED, P.RUNNING, P.CANCELLED),
        P.ASSIGNED: (P.RUNNING, P.FAILED),
        P.RUNNING: (P.POST_PROCESSING, P.SUCCEEDED, P.FAILED),
        P.POST_PROCESSING: (P.SUCCEEDED, P.FAILED),
        P.SUCCEEDED: (P.DELETED,),
        P.FAILED: (P.DELETED,),
        P.CANCELLED: (P.DELETED,),
        P.DELETED: (),
    }
)
"""Every change of phase that may ever happen."""


@frozen
class TaskState:
    """A task, but for what it runs and what came of it."""

    phase: TaskPhase
    worker: str
    principal: str
    limit_us: int
    keep_us: int
    estimate_us: int
    started_at: int = 0
    held_us: int = 0
    """How long it held its worker; 0 while it does, and when it never did."""
    ended_at: int = 0
    kind: FailureKind | None = None
    """Why it failed, None when it did not."""
    message: str = ""


def phase_after(phase: TaskPhase, event: TaskEvent) -> TaskPhase:
    """Return the phase that an event leads to. Total: what the table lacks changes nothing."""
    return TRANSITIONS[phase].get(type(event), (phase,))[0]


def is_finished(state: TaskState) -> bool:
    """Return whether nothing more will happen to the task by itself."""
    return state.phase is TaskPhase.DELETED
