"""What is stored of the tasks of slots: that one has its slot, and how it ended.

1. A task is made, holds its slot, and the slot takes it in one append; how it ends and what becomes of the
   slot are one append, too.
2. What could not be stored of an end is tried again.
"""

from collections.abc import Callable, Iterable

from actors.effects.slots.lease import End, Lease, Want
from actors.kernel.decider import Rejection
from actors.kernel.kernel import Kernel
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import TRANSIENT, Answer
from actors.task.commands import BeginTask, FailTask, SucceedTask
from actors.worker.commands import FreeWorker, LoseWorker, TakeTask

PAUSE_S = 1.0
KEEP_US = 60_000_000
"""How long tasks are kept after their end."""

Stored = LoopFuture[tuple[Answer, ...]]


class SlotTasks:
    """Stores the beginnings and ends of tasks."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        later: Callable[[float, Callable[[], None]], object],
        new_id: Callable[[], str],
    ) -> None:
        self._kernel = kernel
        self._later = later
        self._new_id = new_id

    def begin(self, slot: str, want: Want) -> tuple[str, Stored]:
        """Give a slot a new task; return the task's stream and what comes of it."""
        worker, task = f"worker/{slot}", f"task/{self._new_id()}"
        begins = BeginTask(worker=worker, limit_us=want.limit_us, keep_us=KEEP_US, program=want.program)
        commands = ((task, begins), (worker, TakeTask(task=task)))
        return task, self._kernel.ask_together(commands, request=want.asker)

    def end(self, lease: Lease, end: End, *, is_kept: bool) -> LoopFuture[Rejection | None]:
        """Store how a task ended, and that its slot does others or none; return why that is refused."""
        stored: LoopFuture[Rejection | None] = LoopFuture()
        self._try_to_end(lease, end, stored, is_kept=is_kept)
        return stored

    def _try_to_end(
        self, lease: Lease, end: End, stored: LoopFuture[Rejection | None], *, is_kept: bool
    ) -> None:
        worker = f"worker/{lease.slot}"
        ends = (
            SucceedTask(worker=worker, result=b"")
            if end.kind is None
            else FailTask(worker=worker, kind=end.kind, message=end.message)
        )
        frees = (
            FreeWorker(task=lease.task)
            if is_kept
            else LoseWorker(reason=f"a task ended badly: {end.message}", task=lease.task)
        )

        def answered(reply: Stored) -> None:
            try:
                refused = refusal_of(reply.get())
            except Exception as error:  # noqa: BLE001 - handed on
                stored.fail(error)
                return
            if refused is not None and refused.code in TRANSIENT:
                self._later(PAUSE_S, lambda: self._try_to_end(lease, end, stored, is_kept=is_kept))
            else:
                stored.set(refused)

        self._kernel.ask_together(((lease.task, ends), (worker, frees))).then(answered)


def refusal_of(answers: Iterable[Answer]) -> Rejection | None:
    """Return the first rejection among answers."""
    return next((answer for answer in answers if isinstance(answer, Rejection)), None)
