"""Slots in the world: workers in session pods, each with a socket on which it is given tasks.

1. What is to be done follows from the book (book.py); here it is done, and the book is told of it.
2. That a slot has a task is stored after a connection was had and before anything is sent.
3. Until it is stored how a task ended, its slot is not used (tasks.py).
4. Who goes away while a slot is being given to them gives it back. An end that is being stored is stored,
   whether anybody waits for it or not.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, assert_never

import structlog

from actors.effects.exchange import Exchange
from actors.effects.rooms import Verdict
from actors.effects.slots.book import Action, Book, Grant, Idle, Refuse, Retire, Start, Why
from actors.effects.slots.house import House, Placing, Told
from actors.effects.slots.lease import Asked, End, Lease, NoSlot, SlotRules, Want
from actors.effects.slots.lease import Start as Birth
from actors.effects.slots.place import Places
from actors.effects.slots.seat import NotUp, Seat, is_ours
from actors.effects.slots.tasks import SlotTasks, Stored, refusal_of
from actors.kernel.clock import Clock
from actors.kernel.decider import Rejection
from actors.kernel.kernel import Kernel
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import TRANSIENT
from events.task import FailureKind

LOOK_S = 0.2
"""How often it is looked for room while somebody waits for some."""
GONE = "who asked for it went away"


class Taken(NamedTuple):
    """A slot that is being given a task."""

    seat: Seat
    task: str
    exchange: Exchange
    stored: Stored


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
        self._clock = clock
        self._later = later
        self._tasks = SlotTasks(kernel=kernel, later=later, new_id=new_id)
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
            header_limit=rules.header_limit,
            told=told,
            places=places,
        )
        self._wants: dict[bytes, Want] = {}
        """One want of each key for which there is somebody or something."""
        self._tickets = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._given: dict[int, Taken] = {}
        """By ticket: slots that were there at once, of who has not come for them yet."""
        self._failure: NotUp | None = None
        """Why the slot that is being taken out of the book did not come up."""
        self._is_looking = self._is_short = False

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

    def ask(self, want: Want) -> Asked | NoSlot:
        """Begin to wait for a slot, or be told at once that there is none. Who asked acquires, or withdraws.

        It is told and not raised: what was raised leaves a cycle behind, and under load these are many.
        """
        ticket = next(self._tickets)
        granted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = granted
        self._wants[want.key] = want
        self._play(self._book.ask(want.key, ticket))
        if not granted.done():
            self._call_look()
        elif isinstance(refusal := granted.exception(), NoSlot):
            self._forget(ticket, want)
            return refusal
        elif (seat := self._house.seat(granted.result())) is not None and (exchange := seat.connected):
            self._forget(ticket, want)
            self._given[ticket] = self._give(seat, exchange, want)
        return Asked(want, ticket, granted)

    def withdraw(self, asked: Asked) -> None:
        """Wait no more; does nothing once the slot was acquired, or refused."""
        if (taken := self._given.pop(asked.ticket, None)) is not None:
            self._give_back_once_stored(taken)
        if asked.ticket not in self._waiting:
            return
        granted = asked.granted
        if granted.done() and not granted.cancelled() and granted.exception() is None:
            self._play(self._book.free(granted.result()))
        self._book.abandon(asked.ticket)
        self._withdraw(asked.want.key)
        self._forget(asked.ticket, asked.want)

    async def acquire(self, asked: Asked) -> Lease:
        """Wait for the slot that was asked for, for ever if need be, and have it. Raises NoSlot."""
        while True:
            taken = self._given.pop(asked.ticket, None) or await self._reach(asked)
            if taken is not None and (lease := await self._have(taken)):
                return lease
            again = self.ask(asked.want)
            if isinstance(again, NoSlot):
                raise again
            asked = again

    async def _reach(self, asked: Asked) -> Taken | None:
        """Wait for the slot and for the way to it; None when it turned out to be gone. Raises NoSlot."""
        try:
            slot = await asked.granted
        except NoSlot:
            self._forget(asked.ticket, asked.want)
            raise
        except asyncio.CancelledError:
            self.withdraw(asked)
            raise
        self._forget(asked.ticket, asked.want)
        if (seat := self._house.seat(slot)) is None:
            return None
        exchange = seat.connected or await self._connect(seat)
        return None if exchange is None else self._give(seat, exchange, asked.want)

    def _forget(self, ticket: int, want: Want) -> None:
        del self._waiting[ticket]
        self._tidy(want.key)

    async def _connect(self, seat: Seat) -> Exchange | None:
        """Connect to a slot that was given; None when it turned out to be gone."""
        connecting = asyncio.ensure_future(seat.connect(self._rules.header_limit))
        try:
            exchange = await asyncio.shield(connecting)
        except OSError as error:
            reason, is_new = f"it cannot be connected to: {error}", seat.start is not None
            if is_ours(error):  # as good as before, it waits for better days
                self._complain(error)
                self._play(self._book.free(seat.slot))
                raise NoSlot(Why.CLOSED, reason) from None
            self._discard(seat, reason)
            if is_new:  # another one would be no better: each would be started for nothing
                raise NoSlot(Why.FAILED, reason) from None
            return None
        except asyncio.CancelledError:
            connecting.add_done_callback(lambda done: self._leave(seat, done))
            raise
        self._is_short = False
        return exchange

    def _leave(self, seat: Seat, connected: "asyncio.Future[Exchange]") -> None:
        """Take a slot back from who went away while it was connected to."""
        error = None if connected.cancelled() else connected.exception()
        if connected.cancelled() or (error and not (isinstance(error, OSError) and is_ours(error))):
            self._discard(seat, "it cannot be connected to")
        else:
            self._play(self._book.free(seat.slot))

    def _complain(self, error: OSError) -> None:
        """Log that the server is short of something, once until it is not."""
        if not self._is_short:
            self._is_short = True
            structlog.get_logger().warning("slots_unreachable", reason=error.strerror)

    def _give(self, seat: Seat, exchange: Exchange, want: Want) -> Taken:
        """Begin to give a slot a task."""
        task, stored = self._tasks.begin(seat.slot, want)
        return Taken(seat, task, exchange, stored)

    async def _have(self, taken: Taken) -> Lease | None:
        """Wait until it is stored; None when the slot turned out to be gone. Raises NoSlot."""
        try:
            refused = refusal_of(await taken.stored)
        except asyncio.CancelledError:
            self._give_back_once_stored(taken)
            raise
        if refused is not None:
            self._refuse_task(taken.seat, refused)
            if refused.code not in TRANSIENT:
                return None
            raise NoSlot(Why.CLOSED, refused.reason)
        return self._lease(taken)

    def _lease(self, taken: Taken) -> Lease:
        seat = taken.seat
        start, seat.start = seat.start or Birth(), None
        return Lease(seat.slot, taken.task, seat.pod, taken.exchange, self._clock.now(), start, self._settle)

    def _refuse_task(self, seat: Seat, refused: Rejection) -> None:
        """Take in that a slot was not given its task."""
        if refused.code in TRANSIENT:
            self._play(self._book.free(seat.slot))
        else:
            self._discard(seat, refused.reason)

    def _give_back_once_stored(self, taken: Taken) -> None:
        taken.stored.then(lambda _: self._give_back(taken))

    def _give_back(self, taken: Taken) -> None:
        """Take a slot back from who went away while they were given it."""
        try:
            refused = refusal_of(taken.stored.get())
        except Exception as error:  # noqa: BLE001 - a bug, told where it was
            self._discard(taken.seat, str(error))
            return
        if refused is None:
            self._settle(self._lease(taken), End(FailureKind.USER, GONE), is_kept=True)
        else:
            self._refuse_task(taken.seat, refused)

    def _settle(self, lease: Lease, end: End, *, is_kept: bool) -> LoopFuture[None]:
        settled: LoopFuture[None] = LoopFuture()
        seat = self._house.seat(lease.slot)
        stays = is_kept and seat is not None and not seat.end

        def stored(done: "LoopFuture[Rejection | None]") -> None:  # as text: it is made for each call
            try:
                refused = done.get()
            except Exception as error:  # noqa: BLE001 - handed on
                settled.fail(error)
                return
            if refused is not None:
                structlog.get_logger().error("slot_unsettled", slot=lease.slot, reason=refused.reason)
            self._free(lease, end, is_kept=stays and refused is None)
            settled.set(None)

        self._tasks.end(lease, end, is_kept=stays).then(stored)
        return settled

    def _free(self, lease: Lease, end: End, *, is_kept: bool) -> None:
        """Have a slot do other tasks, or none any more."""
        seat = self._house.seat(lease.slot)
        if seat is None:
            return
        if not (lease.exchange.is_ready or lease.exchange.again()):
            seat.disconnect()
        # Its process may have ended while that was stored: then it was busy still, and nobody took note.
        if is_kept and not seat.end:
            self._play(self._book.free(seat.slot))
        else:
            self._discard(seat, seat.end or end.message)

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
        seat.start = None  # whoever has it from now on did not wait for that
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
            seat.is_timed = True  # for no more than its time, also when the machine's clock was turned back
            self._later(min(left_s, seat.idle_s), lambda: self._expire(seat))

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
