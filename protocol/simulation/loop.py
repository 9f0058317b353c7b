"""An event loop of our own: time is virtual, and what is next is a seeded choice.

1. Calls stand in lanes. Within a lane they are made in the order in which they were asked for;
   among lanes chance decides. A lane is what would be a thread, a process, a peer or a timer.
2. Lane and life come with the context of a call: what a task asks for stays in its lane, and a
   future that wakes a task wakes it in the task's own lane.
3. Time stands still while anything can be done, but for a small chance; then it jumps to the next
   timer. Nothing here looks at the machine's clock, and nothing touches a socket or a thread.
4. A life that is over (a server that crashed) does nothing any more: its calls are dropped, its
   tasks stay where they stood, as after SIGKILL. No `finally` of theirs runs before `bury`.
5. When lives are buried there is no time any more: what asks to be called later, however soon, is not.
   A server that is dead for long finds a journal that others went on with, and would try for ever.
"""

import asyncio
import heapq
from asyncio import Handle, TimerHandle
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
P = TypeVar("P", bound=asyncio.Protocol)
Args = TypeVarTuple("Args")

Connect = Callable[[asyncio.Protocol, str], Awaitable[asyncio.Transport]]
"""Connects a protocol to the socket at a path."""

MICROSECONDS = 1_000_000
HASTE = 0.02
"""Chance that time passes although something else could be done."""
HASTE_BOUND = 2 * MICROSECONDS
"""Farthest jump of time that happens so."""


class Life:
    """What ends all at once: one server from its start to its crash."""

    __slots__ = ("dropped", "is_over", "name", "tasks")

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_over = False
        self.tasks: list[asyncio.Task[Any]] = []
        """Kept until the very end, so that nothing is torn down by the garbage collector."""
        self.dropped: list[Handle] = []
        """Calls that were due when it ended, or later."""


_lane: ContextVar[str] = ContextVar("lane", default="outside")
_life: ContextVar[Life | None] = ContextVar("life", default=None)


def current_life() -> Life | None:
    """Return the life of what is being called."""
    return _life.get()


def context_of(lane: str, life: Life) -> Context:
    """Make a context whose calls stand in a lane and end with a life."""
    context = copy_context()
    context.run(_lane.set, lane)
    context.run(_life.set, life)
    return context


class SimulatedLoop(asyncio.AbstractEventLoop):
    """The scheduler of everything.

    Args:
        chance: Decides among lanes.
        now: Microseconds since the epoch, at which time begins.
    """

    def __init__(self, chance: Random, now: int) -> None:
        self._chance = chance
        self._now = now
        self.outside = Life("outside")
        """The life of all that no crash of a server ends."""
        self._lanes: dict[str, deque[tuple[Handle, Life]]] = {}
        self._timers: list[tuple[int, int, TimerHandle, str, Life]] = []
        self._order = 0
        self.steps = 0
        """Calls made so far."""
        self.failures: list[BaseException] = []
        """What was raised where nobody caught it."""
        self._is_burying = False
        self.connect_unix: Connect | None = None
        """Reaches the sockets of processes; None where there are none."""

    # ------------------------------------------------------------ taking steps

    @property
    def now(self) -> int:
        """Microseconds since the epoch."""
        return self._now

    @property
    def is_quiet(self) -> bool:
        """True when nothing can be done unless time passes."""
        return not self._lanes

    def step(self, until: int) -> bool:
        """Make one call, or let time pass, at most to a moment; False when there is neither."""
        if not self._lanes:
            return self._pass_time(until)
        if self._timers and self._chance.random() < HASTE:
            self._pass_time(min(until, self._now + HASTE_BOUND))
        lanes = self._lanes
        chosen = next(iter(lanes)) if len(lanes) == 1 else self._chance.choice(list(lanes))
        calls = lanes[chosen]
        handle, life = calls.popleft()
        if not calls:
            del lanes[chosen]
        if not handle.cancelled() and not life.is_over:
            self.steps += 1
            handle._run()  # noqa: SLF001 - what every loop does with its handles
        return True

    @contextmanager
    def running(self) -> Generator[None, None, None]:
        """Be the running loop meanwhile."""
        asyncio._set_running_loop(self)  # noqa: SLF001 - offered to those who write loops
        try:
            yield
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001

    def end(self, life: Life) -> None:
        """Let a life be over."""
        life.is_over = True
        for lane in list(self._lanes):
            life.dropped += [handle for handle, owner in self._lanes[lane] if owner is life]
            left = deque(entry for entry in self._lanes[lane] if entry[1] is not life)
            if left:
                self._lanes[lane] = left
            else:
                del self._lanes[lane]
        self._timers = [entry for entry in self._timers if entry[4] is not life]
        heapq.heapify(self._timers)

    def bury(self, lives: Sequence[Life]) -> None:
        """Cancel, after everything else, what lives left behind, so that it ends in good order."""
        for life in lives:
            self.end(life)
        self._lanes.clear()
        self._timers.clear()
        self._is_burying = True
        for life in lives:
            life.is_over = False
            for task in life.tasks:
                task.cancel()
            for handle in life.dropped:
                # A task that was about to go on would never hear that it is cancelled.
                if isinstance(getattr(getattr(handle, "_callback", None), "__self__", None), asyncio.Task):
                    handle._run()  # noqa: SLF001
        while self._lanes:
            self.step(self._now)

    def _pass_time(self, until: int) -> bool:
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers or timers[0][0] > until:
            return False
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            _, _, handle, lane, life = heapq.heappop(timers)
            if not handle.cancelled():
                self._lanes.setdefault(lane, deque()).append((handle, life))
        return True

    # ------------------------------------------------------------ what asyncio asks for

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now / MICROSECONDS

    def call_soon(
        self,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> Handle:
        """Call in the lane of the context."""
        place = copy_context() if context is None else context
        life = place.get(_life) or self.outside
        handle = Handle(callback, args, self, place)
        if life.is_over:
            life.dropped.append(handle)
        else:
            self._lanes.setdefault(place.get(_lane, "outside"), deque()).append((handle, life))
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> TimerHandle:
        """Call in the lane of the context, once time has come so far."""
        return self.call_when(round(when * MICROSECONDS), callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> TimerHandle:
        """Call in the lane of the context, after so many seconds."""
        return self.call_when(self._now + round(delay * MICROSECONDS), callback, *args, context=context)

    def call_when(
        self,
        when: int,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> TimerHandle:
        """Call in the lane of the context, at a moment in microseconds since the epoch."""
        place = copy_context() if context is None else context
        life, lane = place.get(_life) or self.outside, place.get(_lane, "outside")
        handle = TimerHandle(when / MICROSECONDS, callback, args, self, place)
        if life.is_over or self._is_burying:
            handle.cancel()
        elif when <= self._now:
            self._lanes.setdefault(lane, deque()).append((handle, life))
        else:
            self._order += 1
            heapq.heappush(self._timers, (when, self._order, handle, lane, life))
        return handle

    async def create_unix_connection(  # type: ignore[override]  # what is asked for here, and no more
        self, protocol_factory: Callable[[], P], path: object = None
    ) -> tuple[asyncio.Transport, P]:
        """Connect to the socket of a process. Raises OSError."""
        if self.connect_unix is None:
            raise ConnectionRefusedError("there are no sockets")
        protocol = protocol_factory()
        return await self.connect_unix(protocol, str(path)), protocol

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """Run a coroutine in the lane of the context."""
        task: asyncio.Task[T] = asyncio.Task(
            coro, loop=self, name=None if name is None else str(name), context=context
        )
        place = copy_context() if context is None else context
        (place.get(_life) or self.outside).tasks.append(task)
        return task

    def start(self, work: Coroutine[Any, Any, T], lane: str, life: Life | None = None) -> asyncio.Task[T]:
        """Run a coroutine in a lane of its own; what it raises is a failure of the simulation."""
        place = context_of(lane, life or self.outside)
        task = self.create_task(work, context=place)
        task.add_done_callback(self._note, context=place)
        return task

    def _note(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Take note of what nobody caught."""
        error = context.get("exception")
        if isinstance(error, BaseException):
            self.failures.append(error)
        elif "was destroyed but it is pending" not in str(context.get("message")):
            self.failures.append(RuntimeError(str(context.get("message"))))

    def get_debug(self) -> bool:
        """Return False."""
        return False

    def is_running(self) -> bool:
        """Return True."""
        return True

    def is_closed(self) -> bool:
        """Return False."""
        return False

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """Do nothing: a cancelled timer is left out when its time has come."""


class LoopTime:
    """The kernel's clock over the loop (actors/kernel/clock.py).

    Args:
        loop: Whose time.
        context: Lane and life of the calls.
    """

    def __init__(self, loop: SimulatedLoop, context: Context) -> None:
        self._loop = loop
        self._context = context

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        return self._loop.now

    def call_at(self, when: int, callback: Callable[[], None]) -> TimerHandle:
        """Call once `now()` has reached `when`."""
        return self._loop.call_when(when, callback, context=self._context)

    def call_in(self, duration: int, callback: Callable[[], None]) -> TimerHandle:
        """Call after so many microseconds: nobody turns this clock back."""
        return self.call_at(self.now() + duration, callback)
