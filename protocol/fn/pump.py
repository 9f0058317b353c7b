"""Carries one engagement between its client, a slot and the function in it.

1. The order of things is the machine's (translate/engagement.py); here they are done.
2. Who reads from one side waits for the other: nothing is collected in between.
3. What is being written to the client is never given up half way: gRPC takes one message at a time. It is
   written by one task, which has the slot and the function's answer; the client is heard by who runs all.
4. A slot that was had is settled, also when the client is gone: then behind its back. Of an answer that is
   whole the end is stored while the rest is said.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Protocol, assert_never, cast

from actors.effects.exchange import Broken, Exchange, Trouble
from actors.effects.slots import Asked, Lease, NoSlot, Want
from actors.effects.slots.lease import End
from actors.kernel.clock import SKEW
from events.task import FailureKind
from protocol.fn.logs import Logs, Mark
from protocol.fn.rules import Rules
from protocol.fn.translate.engagement import (
    Abort,
    Action,
    Actions,
    Engagement,
    Feed,
    FeedEnd,
    Finished,
    Invoke,
    Seek,
    Send,
    Settle,
)
from protocol.fn.translate.headers import Headers, deadline
from protocol.fn.translate.model import CallModel, read_model
from protocol.fn.translate.outcomes import (
    CLOSED_EARLY,
    HEADER_TOO_LARGE,
    NO_RESPONSE,
    RETRY,
    TIMED_OUT,
    Fault,
    Unfit,
)
from protocol.fn.translate.spelling import Birth
from protocol.fn.wants import Wants, fault_of
from protocol.gateway import Call
from protocol.pb.fn import runner_pb2 as pb

LAST_WORD_S = 0.2
"""How long a function that reads no more may take to say why."""
MARGIN_S = 0.1
"""Time before the deadline at which a call that waits is refused, so that the refusal arrives."""

_BREAKS = {Trouble.HEADER_TOO_LARGE: HEADER_TOO_LARGE, Trouble.INPUT_CLOSED: CLOSED_EARLY}
_LAST = frozenset({Settle, Finished, Abort})


class Write(Protocol):
    """Sends a message to the client."""

    def __call__(self, message: pb.RunnerMsg, /, *, more: bool = False) -> Awaitable[None]:
        """Send it, with the next one if `more` follow at once."""


class Giving(Protocol):
    """Who gives slots."""

    def ask(self, want: Want) -> Asked | NoSlot:
        """Begin to wait for a slot, or be told at once that there is none."""

    def withdraw(self, asked: Asked) -> None:
        """Wait no more; does nothing once the slot was acquired, or refused."""

    async def acquire(self, asked: Asked) -> Lease:
        """Wait for the slot that was asked for, for ever if need be, and have it. Raises NoSlot."""


class Pump:
    """One engagement. `run` is called once."""

    def __init__(
        self,
        *,
        messages: AsyncIterator[pb.ClientMsg],
        write: Write,
        slots: Giving,
        wants: Wants,
        rules: Rules,
        call: Call,
        logs: Logs,
        now: Callable[[], int],
        behind: Callable[[Awaitable[None]], None],
    ) -> None:
        self._messages = messages
        self._write = write
        self._slots = slots
        self._wants = wants
        self._rules = rules
        self._call = call
        self._logs = logs
        self._now = now
        self._since: Mark | None = None
        self._behind = behind
        self._machine = Engagement(response_limit=rules.response_limit, now=now)
        self._reading: asyncio.Timeout | None = None
        """Set while the client is listened to: what ends that."""
        self._serving: asyncio.Task[None] | None = None
        self._is_writing = False
        self._has_slot = asyncio.Event()
        self._is_invoked = asyncio.Event()
        self._ends = asyncio.Event()
        self._conclusion: Settle | Finished | Abort | None = None
        self._error: BaseException | None = None
        self._model = CallModel()
        self._headers: Headers = ()
        self._lease: Lease | None = None
        """Set while the function may be given something."""
        self._settling: Awaitable[None] | None = None
        self._limit: asyncio.TimerHandle | None = None

    async def run(self) -> Finished | Abort:
        """Carry on until the last word, and return it unsaid."""
        try:
            await self._listen()
            await self._ends.wait()
            if not self._is_writing:
                await self._quiet()
            conclusion = self._conclusion
            await self._settled()
            if isinstance(conclusion, Settle):
                (conclusion,) = self._machine.settled()  # type: ignore[assignment]  # it is the last
            if self._is_writing and self._serving is not None:
                await asyncio.wait((self._serving,))
        except BaseException:
            self._behind(self._abandon())
            raise
        if self._error is not None:
            raise self._error
        assert isinstance(conclusion, Finished | Abort)  # noqa: S101 - what the machine says last
        return conclusion

    # ------------------------------------------------------------ ends

    async def _quiet(self) -> None:
        """Have what is under way for the function stop."""
        if self._limit is not None:
            self._limit.cancel()
        if self._serving is not None and not self._serving.done():
            self._serving.cancel()
            await asyncio.wait((self._serving,))

    async def _settled(self) -> None:
        """Give back the slot that was had, if any, whatever the last word is."""
        found = self._conclusion
        # Where a slot came after the last word was found, the function has seen nothing.
        self._settle(found if isinstance(found, Settle) else Settle(NO_RESPONSE, is_kept=True))
        settling, self._settling = self._settling, None
        if settling is not None:
            await settling

    def _settle(self, settle: Settle) -> None:
        """Begin to give back the slot that was had, if any and if that has not begun."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        if not settle.is_kept:
            lease.exchange.close()  # whatever the function still does is for nobody
        if self._since is not None and (until := self._logs.mark(lease.pod)) is not None:
            self._behind(self._logs.tell(self._model, lease.slot, self._since, until))
        self._settling = lease.settle(_end_of(settle.fault), is_kept=settle.is_kept)

    async def _abandon(self) -> None:
        """Settle what there is when nobody is there any more."""
        await self._quiet()
        self._conclude(self._machine.leave())
        await self._settled()

    def _conclude(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if action.__class__ in _LAST and self._conclusion is None:
                self._conclusion = cast("Settle | Finished | Abort", action)
                self._end()

    def _end(self) -> None:
        """Have the client be listened to no more, and what was found be the end."""
        if not self._ends.is_set():
            self._ends.set()
            if self._reading is not None:
                self._reading.reschedule(0)

    # ------------------------------------------------------------ the client

    async def _listen(self) -> None:
        """Take the client's messages as they are wanted, until its request is whole or the end is found."""
        machine, messages = self._machine, self._messages
        try:
            async with asyncio.timeout(None) as self._reading:
                while not (machine.is_whole or self._ends.is_set()):
                    if not machine.wants_message:
                        await self._has_slot.wait()
                        continue
                    try:
                        message = await anext(messages)
                    except StopAsyncIteration:
                        self._conclude(machine.half_close())
                        return
                    actions = machine.hear(message, read_model)
                    self._conclude(
                        actions
                    )  # an end does not wait until the function has read what came before
                    self._play(actions)
                    if (lease := self._lease) is not None and lease.exchange.is_full:
                        await self._drain(lease.exchange)
        except TimeoutError:
            if not self._ends.is_set():
                raise
        finally:
            self._reading = None

    async def _drain(self, exchange: Exchange) -> None:
        """Wait while the function does not read."""
        try:
            await exchange.drain()
        except Broken:
            await self._hear_last_word()

    async def _hear_last_word(self) -> None:
        """Give a function that reads no more a moment to say why."""
        if self._serving is not None:
            await asyncio.wait((self._serving,), timeout=LAST_WORD_S)
        self._conclude(self._machine.close_input())

    # ------------------------------------------------------------ the function

    def _seek(self, seek: Seek) -> None:
        self._model = seek.call
        try:
            want, self._headers = self._wants.of(seek, self._call)
            asked = self._slots.ask(want)
        except Unfit as unfit:
            self._conclude(self._machine.refuse(unfit.fault))
            return
        if isinstance(asked, NoSlot):
            self._conclude(self._machine.refuse(fault_of(asked, self._rules.listen_s)))
        else:
            self._serving = asyncio.create_task(self._serve(asked))
            self._serving.add_done_callback(lambda done: self._done(asked, done))

    def _done(self, asked: Asked, serving: "asyncio.Task[None]") -> None:
        self._slots.withdraw(asked)  # what is cancelled may never have begun
        if not serving.cancelled() and (error := serving.exception()) is not None:
            self._error = self._error or error
            self._conclude(self._machine.fail(NO_RESPONSE))
            self._end()

    async def _serve(self, asked: Asked) -> None:
        """Have the slot, and take its function's answer as the client takes it."""
        lease = await self._acquire(asked)
        if lease is None:
            return
        self._lease = lease
        self._since = self._logs.mark(lease.pod)
        self._limit = asyncio.get_running_loop().call_later(self._model.timeout_s, self._time_out)
        start = lease.start
        birth = Birth(prepare_ns=start.prepare_ns, create_ns=start.create_ns, listen_ns=start.listen_ns)
        actions = self._machine.have_slot(lease.started_at, birth)
        self._conclude(actions)
        self._play(actions)
        self._has_slot.set()
        await self._say(actions)
        await self._is_invoked.wait()
        await self._answer(lease.exchange)

    async def _acquire(self, asked: Asked) -> Lease | None:
        deadline = self._call.deadline
        try:
            if deadline is None:
                return await self._slots.acquire(asked)
            # Who has a slot already need not be told in time that there is none.
            margin_s = 0 if asked.granted.done() else MARGIN_S
            async with asyncio.timeout_at(deadline - margin_s):
                return await self._slots.acquire(asked)
        except NoSlot as no:
            self._conclude(self._machine.refuse(fault_of(no, self._rules.listen_s)))
        except TimeoutError:
            self._conclude(self._machine.refuse(RETRY))
        return None

    async def _answer(self, exchange: Exchange) -> None:
        machine = self._machine
        try:
            head = await exchange.head()
            actions = [*machine.answer(head.status, head.headers)]
            while not self._ends.is_set():
                while piece := exchange.ready():  # what is there already goes together
                    actions += machine.receive(piece)
                if piece is not None:
                    await self._end_well(exchange, actions)
                    return
                await self._say(actions)
                if not self._ends.is_set():
                    actions = [*machine.receive(await exchange.piece())]
        except Broken as broken:
            self._conclude(self._machine.fail(_BREAKS.get(broken.trouble, NO_RESPONSE)))

    async def _end_well(self, exchange: Exchange, actions: Sequence[Action]) -> None:
        """Say the rest of an answer that is whole."""
        if not self._machine.is_whole:  # the client is listened to until the end is found
            await self._say(actions, more=True)
        # Who answers before the request was all sent has it cut off: that process is given nothing more.
        last = self._machine.end(is_reusable=exchange.is_sent and not exchange.has_more)
        if self._machine.is_whole:
            for settle in last:
                self._settle(cast("Settle", settle))
            await self._say(actions, more=True)
            self._machine.prepare()
        self._conclude(last)

    async def _say(self, actions: Sequence[Action], *, more: bool = False) -> None:
        """Send what is for the client, unless the end was found meanwhile, then conclude.

        If `more` of the answer is there already, its end perhaps, all that goes together.
        """
        last = len(actions) - (not more)
        for place, action in enumerate(actions):
            if isinstance(action, Send) and not self._ends.is_set():
                self._is_writing = True
                try:
                    await self._write(action.message, more=place < last)
                finally:
                    self._is_writing = False
        self._conclude(actions)

    def _time_out(self) -> None:
        """End the call if it had its time: the loop's clock may be ahead of the one that it is told by.

        By far only if that was turned back: then the loop's is right.
        """
        lease = self._lease
        if lease is not None and 0 < (left := self._deadline_of(lease) - self._now()) <= SKEW:
            self._limit = asyncio.get_running_loop().call_later(left / 1e6, self._time_out)
        else:
            self._conclude(self._machine.time_out())

    def _deadline_of(self, lease: Lease) -> int:
        return lease.started_at + self._model.timeout_s * 1_000_000

    def _play(self, actions: Actions) -> None:
        """Do what the machine wants but for what is said to the client."""
        for action in actions:
            match action:
                case Feed() | FeedEnd() | Invoke():
                    self._put(action)
                case Seek():
                    self._seek(action)
                case Send() | Settle() | Finished() | Abort():
                    pass
                case _:
                    assert_never(action)

    def _put(self, action: Invoke | Feed | FeedEnd) -> None:
        lease = self._lease
        if lease is None:
            return
        try:
            match action:
                case Feed(body):
                    lease.exchange.put(body)
                case FeedEnd():
                    lease.exchange.put_end()
                case Invoke():
                    headers = (*self._headers, deadline(self._deadline_of(lease)))
                    lease.exchange.begin("POST", "/call", headers)
                    self._is_invoked.set()
        except Broken:
            # What it still says comes first; `drain` tells of it.
            self._is_invoked.set()


def _end_of(fault: Fault | None) -> End:
    if fault is None:
        return End()
    kind = FailureKind.USER if fault.is_user else FailureKind.SERVICE
    return End(FailureKind.TIMEOUT if fault is TIMED_OUT else kind, fault.text)
