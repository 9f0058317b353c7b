"""The door to tasks, for façades that queue work and wait for it.

1. A façade changes tasks only by `submit` and `cancel`; it sees them only by the other methods.
2. A refusal is raised as `Refused`. One for want of room names the worker and its capacity in its
   details; every other exhaustion is the journal's, and soon over.
3. Under a key, nothing of a request but the key is looked at before it is known not to be a repeat.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from actors.effects.dispatch.engine import Opener
from actors.kernel.decider import Code, Rejection
from actors.kernel.kernel import Kernel
from actors.kernel.request import Keyed
from actors.task.commands import CancelTask, SubmitTasks, TaskGroup, TasksAccepted
from events.frozen import frozen
from events.record import Recorded
from events.task import TaskPhase, TaskSucceeded
from projections.endings import Endings, NoMoreEndings
from projections.hot import HotViews
from projections.queues import Delay
from projections.tasks import TaskView
from projections.workers import WorkerView
from protocol.gateway import Call, Refused
from protocol.requests import keyed_of, request_of

CAPACITY = "capacity"
"""Name of the detail that a refusal for want of room has."""
AT_ONCE = 500
"""Tasks that one decision cancels."""
NO_TASK = "task/-"
"""A stream that no task has: who is asked when a receipt is all that there is to store."""

ENDING = Rejection(Code.UNAVAILABLE, "the server takes no more changes")
LEAVING = Rejection(Code.UNAVAILABLE, "the server is going down; ask again")
ReadStream = Callable[[str, int, int], Awaitable[Sequence[Recorded]]]


@frozen
class Submission:
    """What is to be queued, all or none."""

    groups: tuple[TaskGroup, ...]
    """At least one, with at least one task each."""
    capacity: int
    """How many tasks may wait for one worker."""


Prepare = Callable[[], Awaitable[Submission]]
"""Makes a submission of a request. Raises Refused."""


class TaskGateway(Protocol):
    """What façades that queue work are given."""

    async def submit(self, prepare: Prepare, call: Call) -> TasksAccepted:
        """Queue what is prepared once it is known that it is no repeat; answer when it is on disk."""

    async def cancel(self, ids: Iterable[str], call: Call) -> None:
        """Cancel those of the caller's tasks that still wait; all others are passed over."""

    def task(self, id: str) -> TaskView | None:  # noqa: A002 - the name of the thing
        """Return the task as it is now, None when there is none or it was deleted."""

    def worker(self, id: str) -> WorkerView | None:  # noqa: A002
        """Return the worker as it is now, None when there is none."""

    async def ended(self, id: str, timeout_s: float) -> TaskView:  # noqa: A002
        """Return a task that has not ended, once it has. Raises TimeoutError; refused at the server's end."""

    async def result(self, task: TaskView) -> bytes:
        """Return the result of a task that succeeded."""

    def delay(self, task: TaskView, now: int) -> Delay:
        """Return how long it takes from now until a task has ended."""

    def ahead(self, task: TaskView) -> int:
        """Return how many tasks wait before a queued one."""

    def open_with(self, kind: str, opener: Opener) -> None:
        """Name who makes of programs of a kind what workers understand."""


class KernelTaskGateway:
    """The door over a kernel and its views."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        hot: HotViews,
        endings: Endings,
        read_stream: ReadStream,
        openers: dict[str, Opener],
        is_open: Callable[[], bool],
    ) -> None:
        self._kernel = kernel
        self._hot = hot
        self._endings = endings
        self._read_stream = read_stream
        self._openers = openers
        self._is_open = is_open
        self._coming: dict[str, int] = {}
        """Tasks that are decided and not yet seen, by worker."""
        self._reading: dict[str, asyncio.Future[bytes]] = {}

    # ------------------------------------------------------------ changes

    async def submit(self, prepare: Prepare, call: Call) -> TasksAccepted:
        """Queue what is prepared once it is known that it is no repeat."""
        keyed = keyed_of(call)
        if keyed is None:
            return await self._submit(prepare, call, None)
        claimed = await self._kernel.claim(keyed, self._is_kept)
        if isinstance(claimed, Rejection):
            raise Refused(claimed)
        if not isinstance(claimed, Keyed):
            return _accepted(claimed.result)
        return await self._submit(prepare, call, claimed)

    async def _submit(self, prepare: Prepare, call: Call, keyed: Keyed | None) -> TasksAccepted:
        is_held = keyed is not None
        try:
            if not self._is_open():
                raise Refused(ENDING)
            submission = await prepare()
            taken = self._take_room(submission)
            is_held = False  # from here on the answer gives the key back, and the room, whoever waits for it
            first = submission.groups[0].tasks[0].id
            request = request_of(call, SubmitTasks(groups=submission.groups), keyed)
            answer = await self._kernel.ask(
                f"task/{first}",
                request,
                is_claimed=keyed is not None,
                afterwards=lambda _: self._leave_room(taken),
            )
        finally:
            if is_held and keyed is not None:
                self._kernel.give_back(keyed)
        if isinstance(answer, Rejection):
            raise Refused(answer)
        return _accepted(answer.result)

    def _take_room(self, submission: Submission) -> dict[str, int]:
        """Hold room in the queues, until what takes it is seen there, or refuse."""
        asked: dict[str, int] = {}
        for group in submission.groups:
            asked[group.worker] = asked.get(group.worker, 0) + len(group.tasks)
        for worker, count in asked.items():
            if len(self._hot.queues.of(worker)) + self._coming.get(worker, 0) + count > submission.capacity:
                reason = f"the queue has no room for {count} more; it may hold {submission.capacity}"
                details = (("worker", worker), (CAPACITY, str(submission.capacity)))
                raise Refused(Rejection(Code.EXHAUSTED, reason, details=details))
        for worker, count in asked.items():
            self._coming[worker] = self._coming.get(worker, 0) + count
        return asked

    def _leave_room(self, taken: dict[str, int]) -> None:
        for worker, count in taken.items():
            self._coming[worker] -= count

    def _is_kept(self, result: object) -> bool:
        """Return whether any task that a receipt names is still known."""
        if not isinstance(result, TasksAccepted):
            return True
        return any(self.task(id) is not None for ids in result.ids for id in ids)  # noqa: A001

    async def cancel(self, ids: Iterable[str], call: Call) -> None:
        """Cancel those of the caller's tasks that still wait."""
        if not self._is_open():
            raise Refused(ENDING)
        keyed = keyed_of(call)
        if keyed is not None:
            claimed = await self._kernel.claim(keyed)
            if isinstance(claimed, Rejection):
                raise Refused(claimed)
            if not isinstance(claimed, Keyed):
                return
        try:
            waiting = [f"task/{id}" for id in dict.fromkeys(ids) if self._waits(id, call)]  # noqa: A001
            if keyed is not None and not waiting:
                waiting = [NO_TASK]
            parts = [waiting[start : start + AT_ONCE] for start in range(0, len(waiting), AT_ONCE)]
            for number, part in enumerate(parts, start=1):
                # The receipt says that all was tried: it comes with the last of them.
                request = request_of(call, None, keyed if number == len(parts) else None)
                commands = [(stream, CancelTask()) for stream in part]
                answers = await self._kernel.ask_together(commands, all_or_none=False, request=request)
                refused = next((each for each in answers if isinstance(each, Rejection)), None)
                if refused is not None and refused.code is not Code.NOT_FOUND:
                    raise Refused(refused)
        finally:
            if keyed is not None:
                self._kernel.give_back(keyed)

    def _waits(self, id: str, call: Call) -> bool:  # noqa: A002 - the name of the thing
        view = self._hot.get(f"task/{id}")
        is_theirs = isinstance(view, TaskView) and view.principal == call.principal
        return is_theirs and view is not None and view.phase is TaskPhase.QUEUED

    def open_with(self, kind: str, opener: Opener) -> None:
        """Name who makes of programs of a kind what workers understand."""
        self._openers[kind] = opener

    # ------------------------------------------------------------ reads

    def task(self, id: str) -> TaskView | None:  # noqa: A002
        """Return the task as it is now, None when there is none or it was deleted."""
        view = self._hot.find(f"task/{id}")
        return view if isinstance(view, TaskView) else None

    def worker(self, id: str) -> WorkerView | None:  # noqa: A002
        """Return the worker as it is now, None when there is none."""
        view = self._hot.get(f"worker/{id}")
        return view if isinstance(view, WorkerView) else None

    async def ended(self, id: str, timeout_s: float) -> TaskView:  # noqa: A002
        """Return a task that has not ended, once it has."""
        try:
            return await self._endings.of(f"task/{id}", timeout_s=timeout_s)
        except NoMoreEndings:
            raise Refused(LEAVING) from None

    async def result(self, task: TaskView) -> bytes:
        """Return the result of a task that succeeded."""
        if task.result is not None:
            return task.result
        reading = self._reading.get(task.id)
        if reading is None:
            # All who ask at once are answered by one read.
            reading = self._reading[task.id] = asyncio.ensure_future(self._read(task.id))
            reading.add_done_callback(lambda _: self._reading.pop(task.id, None))
        return await asyncio.shield(reading)

    async def _read(self, id: str) -> bytes:  # noqa: A002
        for recorded in await self._read_stream(f"task/{id}", 1, 10):
            if isinstance(recorded.event, TaskSucceeded):
                return recorded.event.result
        raise LookupError(f"task/{id} has no result")

    def delay(self, task: TaskView, now: int) -> Delay:
        """Return how long it takes from now until a task has ended."""
        worker = self._hot.get(task.worker)
        running = self._hot.get(worker.task) if isinstance(worker, WorkerView) and worker.task else None
        return self._hot.queues.delay(task, running if isinstance(running, TaskView) else None, now)

    def ahead(self, task: TaskView) -> int:
        """Return how many tasks wait before a queued one."""
        return sum(1 for _ in self._hot.queues.ahead(task))


def _accepted(result: object) -> TasksAccepted:
    if not isinstance(result, TasksAccepted):
        raise TypeError(f"a submission answered {type(result).__name__}")
    return result


__all__ = ["CAPACITY", "KernelTaskGateway", "Prepare", "Submission", "TaskGateway"]
