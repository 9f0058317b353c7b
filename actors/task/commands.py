"""What may be asked of a task.

1. Wishes of callers come first, then what the dispatcher tells. A command that names a worker is
   about what that worker has; told of another one, the task refuses.
2. Tasks that are made together are made by the first of them, in one append.
"""

from events.attachment import Attachment
from events.frozen import frozen
from events.task import FailureKind


@frozen
class NewTask:
    """One task of a group: its own part."""

    id: str
    arguments: Attachment | None = None


@frozen
class TaskGroup:
    """Tasks that share everything but their arguments."""

    worker: str
    """Stream of the worker in whose queue they wait."""
    limit_us: int
    keep_us: int
    estimate_us: int = 0
    program: Attachment | None = None
    tasks: tuple[NewTask, ...]


@frozen
class SubmitTasks:
    """Queue all tasks of all groups, in this order, or none. Asked of the first task of the first group."""

    groups: tuple[TaskGroup, ...]


@frozen
class BeginTask:
    """Be made, and hold the worker at once: for who chose it before there was a task."""

    worker: str
    limit_us: int
    keep_us: int
    program: Attachment | None = None


@frozen
class CancelTask:
    """Leave the queue. A task that is no longer in it goes on as it is."""


@frozen
class AssignTask:
    """Leave the queue for a worker that is about to begin."""

    worker: str


@frozen
class StartTask:
    """Hold the worker from now on."""

    worker: str


@frozen
class ReleaseTask:
    """Go on without the worker."""

    worker: str
    held_us: int | None = None
    """As the worker measured it; None: from the start until now."""


@frozen
class SucceedTask:
    """End well."""

    worker: str
    result: bytes
    held_us: int | None = None


@frozen
class FailTask:
    """End without a result."""

    worker: str
    kind: FailureKind
    message: str
    held_us: int | None = None
    until: int | None = None
    """Moment until which it held the worker at most, microseconds since the epoch; None: until now."""


@frozen
class DeleteTask:
    """The time to keep it is over."""


TaskCommand = (
    SubmitTasks
    | BeginTask
    | CancelTask
    | AssignTask
    | StartTask
    | ReleaseTask
    | SucceedTask
    | FailTask
    | DeleteTask
)


# ---------------------------------------------------------------- results


@frozen
class TasksAccepted:
    """The tasks are queued."""

    ids: tuple[tuple[str, ...], ...]
    """By group, in the order asked."""
