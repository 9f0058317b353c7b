"""What can happen to a task: one unit of finite work that is handed to a worker.

1. A task waits in the queue of the worker that it names, in the order of the journal.
2. What is to be run is two attachments: the program, which tasks made together may share, and the
   task's own arguments. Nothing here opens them.
3. A worker is held from the start of a task to its release; a task that needs nothing after its
   worker goes straight from `running` to its end.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.attachment import Attachment
from events.frozen import frozen
from events.word import Word


class TaskPhase(Word):
    """Where a task is in its life."""

    QUEUED = "queued"
    ASSIGNED = "assigned"
    """A worker was chosen and has not begun."""
    RUNNING = "running"
    POST_PROCESSING = "post-processing"
    """The worker is free again; the result is being made."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETED = "deleted"

    @property
    def is_terminal(self) -> bool:
        """True when the task has ended."""
        return self in _TERMINAL


_TERMINAL = frozenset({TaskPhase.SUCCEEDED, TaskPhase.FAILED, TaskPhase.CANCELLED, TaskPhase.DELETED})


class FailureKind(Word):
    """Whose fault it is that a task failed."""

    SERVICE = "service"
    """Ours: the worker ended, or could not do its work."""
    USER = "user"
    """The task's own."""
    TIMEOUT = "timeout"
    """It held its worker longer than it may: the task's own, too."""


@frozen
class TaskQueued:
    """The task exists and waits for its worker."""

    worker: str
    """Stream of the worker in whose queue it waits."""
    principal: str
    """Who asked for it: nobody else is told of it."""
    limit_us: int
    """Microseconds that it may hold the worker."""
    keep_us: int
    """Microseconds that it is kept after its end."""
    estimate_us: int = 0
    """Microseconds that it expects to hold the worker, 0 for not told."""
    program: Attachment | None = None
    """What is to be run; None: see `program_of`."""
    program_of: str = ""
    """Stream of the task, made in the same append, whose program this one has."""
    arguments: Attachment | None = None


@frozen
class TaskAssigned:
    """A worker was chosen."""

    worker: str


@frozen
class TaskStarted:
    """The task holds its worker from now on."""

    worker: str
    at: int
    """Microseconds since the epoch, UTC."""


@frozen
class TaskReleased:
    """The worker is free again; the task goes on without it."""

    held_us: int
    """Microseconds that the worker was held."""


@frozen
class TaskSucceeded:
    """The task ended well."""

    result: bytes
    """In a form of whoever ran it."""
    held_us: int
    at: int


@frozen
class TaskFailed:
    """The task ended without a result."""

    kind: FailureKind
    message: str
    """One sentence for people."""
    held_us: int
    """0 when it never held a worker."""
    at: int


@frozen
class TaskCancelled:
    """The task left the queue because somebody wanted it; it never runs."""

    at: int


@frozen
class TaskDeleted:
    """The time to keep the task is over."""


TaskEvent = (
    TaskQueued
    | TaskAssigned
    | TaskStarted
    | TaskReleased
    | TaskSucceeded
    | TaskFailed
    | TaskCancelled
    | TaskDeleted
)

TOPICS: Mapping[str, type[TaskEvent]] = MappingProxyType(
    {
        "task.queued:1": TaskQueued,
        "task.assigned:1": TaskAssigned,
        "task.started:1": TaskStarted,
        "task.released:1": TaskReleased,
        "task.succeeded:1": TaskSucceeded,
        "task.failed:1": TaskFailed,
        "task.cancelled:1": TaskCancelled,
        "task.deleted:1": TaskDeleted,
    }
)
"""The name under which each class is stored."""
