"""Waiting for tasks to end: any number of readers, none of whom costs anything until then.

1. Readers of one task share one future; it is set by the commit in which the task ends.
2. A reader asks the views first: who waits here has seen that the task had not ended, in the same
   turn of the loop.
3. `shutdown` ends all waiting, and lets nobody wait any more.
"""

import asyncio
from collections.abc import Sequence

from projections.hot import Advance
from projections.tasks import TaskView


class NoMoreEndings(Exception):  # noqa: N818 - said of the server
    """The server goes down; the task goes on."""


class Endings:
    """Readers who wait."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[TaskView]] = {}
        self._is_down = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def of(self, task: str, *, timeout_s: float) -> TaskView:
        """Return the view of a task, by its stream, with which it ended.

        Raises TimeoutError, and NoMoreEndings.
        """
        if self._is_down:
            raise NoMoreEndings
        ended = self._waiting.get(task)
        if ended is None:
            ended = self._waiting[task] = asyncio.get_running_loop().create_future()
        # Shielded: a reader who goes away leaves the others waiting.
        return await asyncio.wait_for(asyncio.shield(ended), timeout_s)

    def publish(self, advances: Sequence[Advance]) -> None:
        """Take what changed."""
        if not self._waiting:
            return
        for advance in advances:
            for stream, view in advance.views.items():
                if isinstance(view, TaskView) and view.phase.is_terminal:
                    ended = self._waiting.pop(stream, None)
                    if ended is not None:
                        ended.set_result(view)

    def shutdown(self) -> None:
        """End all waiting."""
        self._is_down = True
        waiting, self._waiting = self._waiting, {}
        for ended in waiting.values():
            ended.set_exception(NoMoreEndings())
            ended.exception()  # looked at, also when all its readers have gone
