"""Gives actors their turns, one at a time, on the event loop's own thread.

1. An actor stands in the queue at most once, and only while its mailbox is not empty.
2. A turn is a batch of at most `batch` messages; then the next actor has its turn.
3. After `slice` messages the loop itself has its turn: nothing starves input and output.
4. An actor that raises has a bug that its shell did not foresee: it is reported, the others go on.
5. Which actor is next is a choice of `pick`: first come in production, seeded in simulations.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

Defer = Callable[[Callable[[], None]], object]
"""Runs a callable soon on the loop, such as `loop.call_soon`."""


class Runnable(Protocol):
    """What the dispatcher gives turns to."""

    is_queued: bool
    """True while it stands in the queue; kept by the dispatcher alone."""

    def turn(self, limit: int) -> int:
        """Take at most `limit` messages; answer how many were taken."""

    @property
    def has_work(self) -> bool:
        """True while another turn would do something."""


def first_come(waiting: int) -> int:
    """Pick the one that waits longest."""
    del waiting
    return 0


class Dispatcher:
    """A queue of actors that have work."""

    def __init__(
        self,
        defer: Defer,
        *,
        batch: int = 64,
        slice_: int = 256,
        pick: Callable[[int], int] = first_come,
        on_crash: Callable[[Runnable, Exception], None] | None = None,
    ) -> None:
        self._defer = defer
        self._batch = batch
        self._slice = slice_
        self._pick = pick
        self.on_crash = on_crash
        self._queue: deque[Runnable] = deque()
        self._is_armed = False

    def add(self, actor: Runnable) -> None:
        """Put an actor into the queue, unless it stands there."""
        if actor.is_queued:
            return
        actor.is_queued = True
        self._queue.append(actor)
        if not self._is_armed:
            self._is_armed = True
            self._defer(self._run)

    def _run(self) -> None:
        left = self._slice
        queue = self._queue
        while queue and left > 0:
            chosen = self._pick(len(queue))
            if chosen:
                queue.rotate(-chosen)
            actor = queue.popleft()
            if chosen:
                queue.rotate(chosen)
            left -= max(self._turn(actor, min(self._batch, left)), 1)
            if actor.has_work:
                queue.append(actor)
            else:
                actor.is_queued = False
        if queue:
            self._defer(self._run)
        else:
            self._is_armed = False

    def _turn(self, actor: Runnable, limit: int) -> int:
        try:
            return actor.turn(limit)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            if self.on_crash is None:
                structlog.get_logger().exception("actor_crashed", actor=str(actor))
            else:
                self.on_crash(actor, error)
            return limit
