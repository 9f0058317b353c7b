"""Carries one engagement between its client, a slot and the function in it.

1. The order of things is the machine's (translate/engagement.py); here they are done.
2. Who reads from one side waits for the other: nothing is collected in between.
3. What is being written to the client is never given up half way: gRPC takes one message at a time.
4. A slot that was had is settled, also when the client is gone: then behind its back.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import assert_never

from actors.effects.exchange import Broken, Exchange, Trouble
from actors.effects.slots import Lease, NoSlot, Slots
from actors.effects.slots.lease import End
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
from protocol.fn.translate.headers import request_headers
from protocol.fn.translate.model import CallModel, read_model
from protocol.fn.translate.outcomes import HEADER_TOO_LARGE, NO_RESPONSE, RETRY, TIMED_OUT, Fault, Unfit
from protocol.fn.translate.spelling import Birth
from protocol.fn.wants import Wants, fault_of
from protocol.gateway import Call
from protocol.pb.fn import runner_pb2 as pb

LAST_WORD_S = 0.2
"""How long a function that reads no more may take to say why."""
MARGIN_S = 0.1
"""Time before the deadline at which a call that waits is refused, so that the refusal arrives."""

Write = Callable[[pb.RunnerMsg], Awaitable[None]]


class Pump:
    """One engagement. `run` is called once."""

    def __init__(
        self,
        *,
        messages: AsyncIterator[pb.ClientMsg],
        write: Write,
        slots: Slots,
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
        self._since: Mark | None = None
        self._now = now
        self._behind = behind
        self._machine = Engagement(response_limit=rules.response_limit, now=now)
        self._tasks: list[asyncio.Task[None]] = []
        self._answering: asyncio.Task[None] | None = None
        self._writing: asyncio.Future[None] | None = None
        self._more = asyncio.Event()
        self._inward, self._outward = asyncio.Lock(), asyncio.Lock()
        """For the function, and for the client; the second may be taken in the first, never the other way."""
        self._concluded = asyncio.Event()
        self._conclusion: Settle | Finished | Abort | None = None
        self._error: BaseException | None = None
        self._model = CallModel()
        self._lease: Lease | None = None
        self._limit: asyncio.TimerHandle | None = None

    async def run(self) -> Finished | Abort:
        """Carry on until the last word, and return it unsaid."""
        self._start(self._read())
        try:
            await self._concluded.wait()
            await self._quiet()
            conclusion = self._conclusion
            if self._lease is not None:
                # Where a slot came after the last word was found, the function has seen nothing.
                settle = conclusion if isinstance(conclusion, Settle) else Settle(NO_RESPONSE, is_kept=True)
                await asyncio.shield(self._settled(settle))
            if isinstance(conclusion, Settle):
                (conclusion,) = self._machine.settled()  # type: ignore[assignment]  # it is the last
            if self._writing is not None:
                await asyncio.shield(self._writing)
        except BaseException:
            self._behind(self._abandon())
            raise
        if self._error is not None:
            raise self._error
        assert isinstance(conclusion, Finished | Abort)  # noqa: S101 - what the machine says last
        return conclusion

    # ------------------------------------------------------------ ends

    async def _quiet(self) -> None:
        """Have everything stop that is under way."""
        if self._limit is not None:
            self._limit.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _settled(self, settle: Settle) -> None:
        lease, self._lease = self._lease, None
        if lease is None:
            return
        if not settle.is_kept:
            lease.exchange.close()  # whatever the function still does is for nobody
        if self._since is not None and (until := self._logs.mark(lease.pod)) is not None:
            self._behind(self._logs.tell(self._model, lease.slot, self._since, until))
        await lease.settle(_end_of(settle.fault), is_kept=settle.is_kept)

    async def _abandon(self) -> None:
        """Settle what there is when nobody is there any more."""
        await self._quiet()
        self._conclude(self._machine.leave())
        if isinstance(self._conclusion, Settle):
            await self._settled(self._conclusion)

    # ------------------------------------------------------------ what is done side by side

    def _start(self, work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.append(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._error = self._error or error
            self._conclude(self._machine.fail(NO_RESPONSE))
            self._concluded.set()

    async def _read(self) -> None:
        """Take the client's messages, as they are wanted."""
        while not self._concluded.is_set():
            if not self._machine.wants_message:
                self._more.clear()
                await self._more.wait()
                continue
            try:
                message = await anext(self._messages)
            except StopAsyncIteration:
                await self._pass_on(self._machine.half_close())
                return
            await self._pass_on(self._machine.hear(message, read_model))

    async def _seek(self, seek: Seek) -> None:
        self._model = seek.call
        deadline = self._call.deadline
        try:
            want = self._wants.of(seek, self._call)
            async with asyncio.timeout_at(None if deadline is None else deadline - MARGIN_S):
                lease = await self._slots.acquire(want)
        except Unfit as unfit:
            await self._play(self._machine.refuse(unfit.fault))
        except NoSlot as no:
            await self._play(self._machine.refuse(fault_of(no, self._rules.listen_s)))
        except TimeoutError:
            await self._play(self._machine.refuse(RETRY))
        else:
            self._lease = lease
            self._since = self._logs.mark(lease.pod)
            self._limit = asyncio.get_running_loop().call_later(self._model.timeout_s, self._time_out)
            start = lease.start
            birth = Birth(prepare_ns=start.prepare_ns, create_ns=start.create_ns, listen_ns=start.listen_ns)
            actions = self._machine.have_slot(lease.started_at, birth)
            self._more.set()
            await self._pass_on(actions)

    async def _answer(self, exchange: Exchange) -> None:
        """Take the function's answer, as the client takes it."""
        try:
            head = await exchange.head()
            await self._play(self._machine.answer(head.status, head.headers))
            while (piece := await exchange.piece()) is not None:
                await self._play(self._machine.receive(piece))
            # Who answers before the request was all sent has it cut off: that process is given nothing more.
            is_reusable = exchange.is_sent and not exchange.has_more
            await self._play(self._machine.end(is_reusable=is_reusable))
        except Broken as broken:
            is_long = broken.trouble is Trouble.HEADER_TOO_LARGE
            self._conclude(self._machine.fail(HEADER_TOO_LARGE if is_long else NO_RESPONSE))

    def _time_out(self) -> None:
        self._conclude(self._machine.time_out())

    # ------------------------------------------------------------ what the machine wants

    async def _pass_on(self, actions: Actions) -> None:
        """Do what is for the function in the order in which the machine wanted it, whoever asked it."""
        self._conclude(actions)  # an end does not wait until the function has read what came before
        async with self._inward:
            await self._play(actions)

    async def _play(self, actions: Actions) -> None:
        for action in actions:
            match action:
                case Seek():
                    self._start(self._seek(action))
                case Invoke():
                    self._invoke()
                case Feed() | FeedEnd():
                    await self._feed(action)
                case Send(message):
                    await self._say(message)
                case Settle() | Finished() | Abort():
                    self._conclude((action,))  # nothing follows it
                case _:
                    assert_never(action)

    def _conclude(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            if isinstance(action, Settle | Finished | Abort) and self._conclusion is None:
                self._conclusion = action
                self._concluded.set()

    def _invoke(self) -> None:
        lease = self._lease
        if lease is None:
            return
        deadline_at = lease.started_at + self._model.timeout_s * 1_000_000
        headers = request_headers(self._model, deadline_at, self._rules.header_limit)
        lease.exchange.begin("POST", "/call", headers)
        self._answering = self._start(self._answer(lease.exchange))

    async def _feed(self, action: Feed | FeedEnd) -> None:
        if self._lease is None:
            return
        try:
            if isinstance(action, Feed):
                await self._lease.exchange.feed(action.body)
            else:
                await self._lease.exchange.feed_end()
        except Broken:
            if self._answering is not None:
                await asyncio.wait((self._answering,), timeout=LAST_WORD_S)
            self._conclude(self._machine.close_input())

    async def _say(self, message: pb.RunnerMsg) -> None:
        async with self._outward:
            self._writing = asyncio.ensure_future(self._write(message))
            await asyncio.shield(self._writing)


def _end_of(fault: Fault | None) -> End:
    if fault is None:
        return End()
    kind = FailureKind.USER if fault.is_user else FailureKind.SERVICE
    return End(FailureKind.TIMEOUT if fault is TIMED_OUT else kind, fault.text)
