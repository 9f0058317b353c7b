"""What pykka needs in order to run actors on an event loop's own thread.

1. Everything here is used from that one thread: no locks.
2. A mailbox that is empty holds no queue: a million idle actors cost little.
3. A future never blocks. It is awaited, or told whom to call; who is called and raises has a bug, which
   is reported and keeps nothing from the others, nor from whoever gave the value.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Generic, Protocol, TypeVar

import pykka
import structlog
from pykka._envelope import Envelope
from pykka._types import OptExcInfo

T = TypeVar("T")


class Wakeable(Protocol):
    """What a mailbox wakes when something was put into it."""

    def wake(self) -> None:
        """See that the mailbox is emptied soon."""


class Mailbox:
    """The inbox of one actor, first in, first out; its owner is woken."""

    __slots__ = ("_owner", "_queue")

    def __init__(self, owner: Wakeable | None = None) -> None:
        self._queue: deque[Envelope[Any]] | None = None
        self._owner = owner

    def put(self, envelope: Envelope[Any], /) -> None:
        """Take a message in and wake the owner."""
        if self._queue is None:
            self._queue = deque()
        self._queue.append(envelope)
        if self._owner is not None:
            self._owner.wake()

    def get(self) -> Envelope[Any]:
        """Take the oldest message out; there must be one."""
        queue = self._queue
        if not queue:
            raise LookupError("the mailbox is empty")
        envelope = queue.popleft()
        if not queue:
            self._queue = None
        return envelope

    def empty(self) -> bool:
        """Tell whether nothing waits."""
        return self._queue is None

    def __len__(self) -> int:
        return len(self._queue) if self._queue is not None else 0


class LoopFuture(pykka.Future[T], Generic[T]):
    """A value that comes later on the same loop."""

    __slots__ = ("_callbacks", "_error", "_is_done", "_value")

    def __init__(self) -> None:
        # pykka's own constructor makes ready for `map` and its like, which block: left out.
        self._is_done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[LoopFuture[T]], None]] | None = None

    @property
    def is_done(self) -> bool:
        """True once there is a value or an error."""
        return self._is_done

    def set(self, value: T | None = None) -> None:
        """Give the value; a future takes only one."""
        self._finish(value, None)

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """Give an error instead of a value."""
        error = exc_info[1] if exc_info is not None else None
        self._finish(None, error if error is not None else RuntimeError("no error was given"))

    def fail(self, error: BaseException) -> None:
        """Give an error instead of a value."""
        self._finish(None, error)

    def _finish(self, value: T | None, error: BaseException | None) -> None:
        if self._is_done:
            raise asyncio.InvalidStateError("the future has its value")
        self._is_done = True
        self._value = value
        self._error = error
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            try:
                callback(self)
            except Exception:  # noqa: BLE001 - its bug; the commit that gave the value has more to tell
                structlog.get_logger().exception("callback_raised")

    def get(self, *, timeout: float | None = None) -> T:
        """Return the value, which must be there: nothing blocks the loop."""
        del timeout
        if not self._is_done:
            raise asyncio.InvalidStateError("the value is not there yet")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # None is a value when T allows it

    def then(self, callback: "Callable[[LoopFuture[T]], None]") -> None:
        """Call back once it is done, at once when it is."""
        if self._is_done:
            callback(self)
        elif self._callbacks is None:
            self._callbacks = [callback]
        else:
            self._callbacks.append(callback)

    def __await__(self) -> Generator[Any, None, T]:
        if not self._is_done:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.then(lambda _: None if waiter.done() else waiter.set_result(None))
            yield from waiter
        return self.get()


class Stoppable(Protocol):
    """What may be stopped."""

    is_stopped: bool


class StopFlag:
    """Stands for the threading event that pykka expects, without its lock."""

    __slots__ = ("_actor",)

    def __init__(self, actor: Stoppable) -> None:
        self._actor = actor

    def set(self) -> None:
        """Mark as stopped."""
        self._actor.is_stopped = True

    def is_set(self) -> bool:
        """Tell whether it was stopped."""
        return self._actor.is_stopped
