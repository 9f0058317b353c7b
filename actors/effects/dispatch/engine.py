"""How tasks are done: what every task engine offers, and what it tells.

1. `run` is called for a worker only while it is up and has no other task.
2. Every `run` is followed by exactly one of TaskDone, TaskBroke or WorkerGone; TaskLeft may come
   before the first two. After `kill` nothing is told of the task any more.
3. WorkerUp and WorkerGone alternate for each worker.
4. Methods return at once, and the listener is never called inside one.
"""

from collections.abc import Callable
from typing import Protocol

from events.attachment import Attachment
from events.frozen import frozen
from events.task import FailureKind
from events.worker import WorkerSpec


@frozen
class TaskOrder:
    """What an engine needs in order to do a task."""

    worker: str
    """Stream of the worker."""
    task: str
    """Stream of the task."""
    program: Attachment | None
    arguments: Attachment | None


@frozen
class WorkerUp:
    """The worker can be given a task."""

    worker: str


@frozen
class WorkerGone:
    """What did the worker's work is gone, together with what it had to do."""

    worker: str
    reason: str


@frozen
class TaskLeft:
    """The task needs the worker no more, and is not done."""

    worker: str
    task: str
    held_us: int | None


@frozen
class TaskDone:
    """The task ended well."""

    worker: str
    task: str
    result: bytes
    held_us: int | None = None
    """As measured by who did it, None when nobody did."""


@frozen
class TaskBroke:
    """The task ended without a result; the worker goes on."""

    worker: str
    task: str
    kind: FailureKind
    message: str
    held_us: int | None = None


Report = WorkerUp | WorkerGone | TaskLeft | TaskDone | TaskBroke
Listener = Callable[[Report], None]
"""Called on the event loop."""

Opener = Callable[[Attachment, Attachment | None, str], bytes]
"""Makes of a task's program, its arguments and its id what a worker understands.

Raises ValueError with a sentence for people when that cannot be made.
"""


class TaskEngine(Protocol):
    """One way of doing tasks."""

    async def start(self) -> None:
        """Make ready."""

    async def close(self) -> None:
        """Let go of everything; nothing is told any more."""

    async def open(self, worker: str, spec: WorkerSpec) -> None:
        """Expect what does a worker's work."""

    def environment(self, worker: str) -> tuple[tuple[str, str], ...]:
        """Return what the process of a worker that was opened has to be told in its environment."""

    def run(self, order: TaskOrder) -> None:
        """Do a task."""

    def kill(self, worker: str, reason: str) -> None:
        """Forget what does a worker's work: it is made to end. WorkerGone follows."""
