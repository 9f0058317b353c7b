"""Slots in the world: workers in session pods, each with a socket on which it is given tasks.

1. What is to be done follows from the book (book.py); here it is done, and the book is told of it.
2. A task is made, holds its slot, and the slot takes it in one append, after a connection was had and
   before anything is sent; how it ends and what becomes of the slot are one append, too.
3. What could not be stored of an end is tried again: until then the slot is not used.
4. Who goes away while a slot is being given to them gives it back.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

import structlog

from actors.effects.rooms import Verdict
from actors.effects.slots.book import Action, Book, Grant, Idle, Refuse, Retire, Start, Why
from actors.effects.slots.house import House, Placing, Told
from actors.effects.slots.lease import End, Lease, NoSlot, Want
from actors.effects.slots.lease import Start as Birth
from actors.effects.slots.place import Places
from actors.effects.slots.seat import NotUp, Seat
from actors.kernel.clock import Clock
from actors.kernel.decider import Rejection
from actors.kernel.kernel import Kernel
from actors.kernel.request import TRANSIENT, Answer, Request
from actors.task.commands import BeginTask, FailTask, SucceedTask
from actors.worker.commands import (
    FreeWorker,
    LoseWorker,
    TakeTask,
)
from events.task import FailureKind

PAUSE_S = 1.0
LOOK_S = 0.2
"""How often it is looked for room while somebody waits for some."""
KEEP_US = 60_000_000
"""How long tasks are kept after their end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRules:
    """What the settings say of slots."""

    is_patient: bool = True
    evicts: bool = True
    header_limit: int = 65_536
    listen_s: float = 5.0
    """Time that a process has until it listens."""
    freeze_s: float = 0.0
    """Time after which an idle process is stopped until it is needed; 0 for never."""


class Slots:
    """All slots."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        placing: Placing,
        clock: Clock,
        later: Callable[[float, Callable[[], None]], object],
        spawn: Callable[[Awaitable[None]], object],
        new_id: Callable[[], str],
        rules: SlotRules,
        places: Places,
    ) -> None:
        self._kernel = kernel
        self._clock = clock
        self._later = later
        self._spawn = spawn
        self._new_id = new_id
        self._rules = rules
        self._book = Book(
            new_slot=new_id, judge=self._judge, is_patient=rules.is_patient, evicts=rules.evicts
        )
        told = Told(up=self._see_up, failed=self._see_failure, died=self._see_death, forgotten=self._see_gone)
        self._house = House(
            kernel=kernel,
            placing=placing,
            clock=clock,
            later=later,
            spawn=spawn,
            listen_s=rules.listen_s,
            told=told,
            places=places,
        )
        self._wants: dict[bytes, Want] = {}
        """One want of each key for which there is somebody or something."""
        self._tickets = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._failure: NotUp | None = None
        """Why the slot that is being taken out of the book did not come up."""
        self._is_looking = False

    @property
    def count(self) -> int:
        """Slots that there are, those that are being started included."""
        return self._book.slots

    # ------------------------------------------------------------ start and end

    def start(self) -> None:
        """Remove what an earlier server left."""
        self._house.start()

    def drain(self) -> None:
        """Give nobody a slot any more."""
        self._play(self._book.close())

    def close(self) -> None:
        """Let go of everything; what runs ends with its pods."""
        self.drain()
        self._house.close()

    # ------------------------------------------------------------ giving

    async def acquire(self, want: Want) -> Lease:
        """Wait for a slot, for ever if need be, and have it. Raises NoSlot."""
        while True:
            seat = self._house.seat(await self._grant(want))
            if seat is None:
                continue
            taking = asyncio.ensure_future(self._take(seat, want))
            try:
                lease = await asyncio.shield(taking)
            except asyncio.CancelledError:
                taking.add_done_callback(self._give_back)
                raise
            if lease is not None:
                return lease

    async def _grant(self, want: Want) -> str:
        ticket = next(self._tickets)
        granted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = granted
        self._wants[want.key] = want
        try:
            self._play(self._book.ask(want.key, ticket))
            if not granted.done():
                self._call_look()
            return await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self._play(self._book.free(granted.result()))
            self._book.abandon(ticket)
            self._withdraw(want.key)
            raise
        finally:
            del self._waiting[ticket]
            self._tidy(want.key)

    async def _take(self, seat: Seat, want: Want) -> Lease | None:
        """Give a slot a task; None when the slot turned out to be gone. Raises NoSlot."""
        worker, task = f"worker/{seat.slot}", f"task/{self._new_id()}"
        try:
            exchange = await seat.connect(self._rules.header_limit)
        except OSError as error:
            reason, is_new = f"it cannot be connected to: {error}", seat.start is not None
            self._discard(seat, reason)
            if is_new:  # another one would be no better: each would be started for nothing
                raise NoSlot(Why.FAILED, reason) from None
            return None
        begins = BeginTask(worker=worker, limit_us=want.limit_us, keep_us=KEEP_US, program=want.program)
        refused = await self._ask(((task, begins), (worker, TakeTask(task=task))), want.asker)
        if refused is not None:
            if refused.code not in TRANSIENT:
                self._discard(seat, refused.reason)
                return None
            self._play(self._book.free(seat.slot))
            raise NoSlot(Why.CLOSED, refused.reason)
        start, seat.start = seat.start or Birth(), None
        return Lease(seat.slot, task, seat.pod, exchange, self._clock.now(), start, self._settle)

    def _give_back(self, taking: "asyncio.Task[Lease | None]") -> None:
        if taking.cancelled() or taking.exception() is not None:
            return
        if (lease := taking.result()) is not None:
            gone = End(FailureKind.USER, "who asked for it went away")
            self._spawn(self._settle(lease, gone, is_kept=True))

    async def _settle(self, lease: Lease, end: End, *, is_kept: bool) -> None:
        worker, seat = f"worker/{lease.slot}", self._house.seat(lease.slot)
        is_kept = is_kept and seat is not None and not seat.end
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
        while True:
            refused = await self._ask(((lease.task, ends), (worker, frees)))
            if refused is None or refused.code not in TRANSIENT:
                break
            await asyncio.sleep(PAUSE_S)
        if refused is not None:
            structlog.get_logger().error("slot_unsettled", slot=lease.slot, reason=refused.reason)
        if seat is None:
            return
        is_clean = lease.exchange.is_ready or lease.exchange.again()
        if not is_clean:
            seat.disconnect()
        # Its process may have ended while that was stored: then it was busy still, and nobody took note.
        if is_kept and refused is None and not seat.end:
            self._play(self._book.free(seat.slot))
        else:
            self._discard(seat, seat.end or end.message)

    async def _ask(
        self, commands: Sequence[tuple[str, object]], request: Request | None = None
    ) -> Rejection | None:
        answers: tuple[Answer, ...] = await self._kernel.ask_together(commands, request=request)
        return next((answer for answer in answers if isinstance(answer, Rejection)), None)

    # ------------------------------------------------------------ what the book wants

    def _play(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Grant(ticket, slot):
                    if (granted := self._waiting.get(ticket)) is not None and not granted.done():
                        granted.set_result(slot)
                    else:
                        self._play(self._book.free(slot))
                case Refuse(ticket, why):
                    self._refuse(ticket, why)
                case Start(slot, key):
                    self._house.begin(slot, self._wants[key])
                case Retire(slot, reason):
                    if (seat := self._house.seat(slot)) is not None:
                        self._house.retire(seat, reason)
                case Idle(slot, stamp):
                    if (seat := self._house.seat(slot)) is not None:
                        self._rest(seat, stamp)
                case _:
                    assert_never(action)

    def _refuse(self, ticket: int, why: Why) -> None:
        granted = self._waiting.get(ticket)
        if granted is None or granted.done():
            return
        if (failure := self._failure) is not None and why is Why.FAILED:
            # What could not be stored, or made, is no fault of the function's: it may be tried elsewhere.
            why = Why.CLOSED if failure.is_ours else why
            granted.set_exception(NoSlot(why, str(failure), is_late=failure.is_late))
        else:
            granted.set_exception(NoSlot(why))

    def _rest(self, seat: Seat, stamp: int) -> None:
        """Have a slot end when it was idle for its time; one timer does for all its rests."""
        seat.stamp, seat.rests_since = stamp, self._clock.now()
        if self._rules.freeze_s:
            self._later(self._rules.freeze_s, lambda: self._freeze(seat, stamp))
        if not seat.is_timed:
            seat.is_timed = True
            self._later(seat.idle_s, lambda: self._expire(seat))

    def _freeze(self, seat: Seat, stamp: int) -> None:
        if seat.stamp == stamp and self._book.is_idle(seat.slot):
            seat.freeze()

    def _expire(self, seat: Seat) -> None:
        seat.is_timed = False
        left_s = seat.idle_s - (self._clock.now() - seat.rests_since) / 1e6
        if left_s <= 0:
            self._play(self._book.expire(seat.slot, seat.stamp))
        elif self._book.is_idle(seat.slot):
            seat.is_timed = True
            self._later(left_s, lambda: self._expire(seat))

    def _call_look(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._later(LOOK_S, self._look)

    def _look(self) -> None:
        self._is_looking = False
        self._play(self._book.look_again())
        if self._book.waiting:
            self._call_look()

    def _withdraw(self, key: bytes) -> None:
        """Have what was started for nobody end while it has no place."""
        for seat in self._house:
            is_idle_wish = not seat.is_placed and not seat.is_leaving and not self._book.is_wanted(seat.slot)
            if is_idle_wish and self._book.key_of(seat.slot) == key:
                self._discard(seat, "nobody waits for it any more")

    # ------------------------------------------------------------ what becomes of slots

    def _judge(self, key: bytes, evictable: Sequence[str]) -> Verdict:
        return self._house.judge(self._wants[key], evictable)

    def _see_up(self, seat: Seat) -> None:
        if seat.end:  # as it was stored that it was ready
            self._see_failure(seat, NotUp(seat.end))
        else:
            self._play(self._book.ready(seat.slot))

    def _see_failure(self, seat: Seat, failure: NotUp) -> None:
        self._failure = failure
        self._discard(seat, str(failure))
        self._failure = None

    def _see_death(self, seat: Seat) -> None:
        """Take a slot whose process ended out of the book; one that is busy ends with its task."""
        if not seat.is_leaving and self._book.is_idle(seat.slot):
            self._discard(seat, seat.end)

    def _see_gone(self, seat: Seat) -> None:
        self._tidy(seat.key)
        self._play(self._book.look_again())

    def _discard(self, seat: Seat, reason: str) -> None:
        """Have a slot end that the book still has."""
        actions = self._book.gone(seat.slot)
        self._house.retire(seat, reason)
        self._play(actions)

    def _tidy(self, key: bytes) -> None:
        if not self._book.has(key):
            self._wants.pop(key, None)
