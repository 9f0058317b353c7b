"""Reads what a task is to run from the journal, where alone it stands.

1. Tasks of one request share a program: the last one read is kept, so that each is read once.
"""

from collections.abc import Awaitable, Callable

from actors.effects.dispatch.engine import TaskOrder
from events.attachment import Attachment
from events.record import Recorded
from events.task import TaskQueued

ReadPage = Callable[[str, int, int], Awaitable[list[Recorded]]]
"""Reads a page of a stream off the loop: stream, after which version, how many."""


class Orders:
    """What tasks are to run."""

    def __init__(self, read_page: ReadPage) -> None:
        self._read_page = read_page
        self._shared: tuple[str, Attachment | None] = ("", None)

    async def read(self, worker: str, task: str) -> TaskOrder:
        """Return what a worker is to be given for a task."""
        queued = await self._queued(task)
        program = queued.program
        if queued.program_of:
            if self._shared[0] != queued.program_of:
                self._shared = (queued.program_of, (await self._queued(queued.program_of)).program)
            program = self._shared[1]
        return TaskOrder(worker=worker, task=task, program=program, arguments=queued.arguments)

    async def _queued(self, task: str) -> TaskQueued:
        records = await self._read_page(task, 0, 1)
        queued = records[0].event if records else None
        if not isinstance(queued, TaskQueued):
            raise LookupError(f"{task} is not in the journal")  # noqa: TRY004 - it is missing
        return queued
