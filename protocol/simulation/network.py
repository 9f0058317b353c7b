"""Calls in memory: bytes go to the real servicer, late or not at all, and bytes come back.

1. A servicer is called as gRPC calls it: with the deserialised request and a context; the endpoints
   are those of the real mount (protocol/unimplemented.py).
2. A caller who goes away cancels the call on the server, later. A deadline does so, too.
3. A stream of requests goes on while answers come; its messages arrive in order.
4. When the server crashes, what is open ends as UNAVAILABLE; what was on its way back may arrive.
5. What a servicer raises beside an abort breaks a law.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from random import Random
from typing import Generic, NoReturn, TypeVar, cast

from google.protobuf.message import Message
from grpc import StatusCode

from protocol.calls import Metadata
from protocol.simulation.loop import Life, SimulatedLoop, context_of
from protocol.simulation.pace import Pace
from protocol.simulation.story import LawBroken
from protocol.unimplemented import Endpoint

M = TypeVar("M", bound=Message)
Behaviour = Callable[[object, "ServerContext"], Awaitable[object]]

WINDOW = 2
"""Messages of a stream that may be under way before its server waits."""


class CallFailed(Exception):  # noqa: N818 - said of the call
    """The call ended with an error."""

    def __init__(self, code: StatusCode, details: str) -> None:
        super().__init__(f"{code.name}: {details}")
        self.code = code
        self.details = details


class Aborted(Exception):  # noqa: N818 - as gRPC's own
    """Raised by a servicer's abort."""


class Call:
    """One call, from the client's side to the server's."""

    def __init__(
        self, loop: SimulatedLoop, path: str, wire: bytes, metadata: Metadata, deadline: float | None
    ) -> None:
        self.loop = loop
        self.path = path
        self.wire = wire
        self.metadata = metadata
        self.deadline = deadline
        self.life: Life | None = None
        """Of the server that has it, None while it is under way."""
        self.task: asyncio.Task[None] | None = None
        self.is_over = False
        """True when the client needs no more of it."""
        self.sent: deque[bytes | CallFailed | None] = deque()
        """On its way to the client; None is the end."""
        self.arrived: deque[bytes | CallFailed | None] = deque()
        self.requests: Requests | None = None
        """What more comes from the client, None for a call with one request."""
        self.waiting: asyncio.Future[None] | None = None
        self.room: asyncio.Future[None] | None = None

    async def receive(self) -> bytes | None:
        """Wait for the next message; None at the end of a stream. Raises CallFailed."""
        while not self.arrived:
            self.waiting = self.loop.create_future()
            try:
                await self.waiting
            finally:
                self.waiting = None
        first = self.arrived.popleft()
        if self.room is not None and not self.room.done():
            self.room.set_result(None)
        if isinstance(first, CallFailed):
            raise first
        return first

    def arrive(self) -> None:
        """Take in what is the next on its way."""
        if self.sent:
            self.arrived.append(self.sent.popleft())
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)


class Requests:
    """The client's half of a stream, as it arrives."""

    def __init__(self, call: Call, later: Callable[[Callable[[], None]], None]) -> None:
        self._call = call
        self._later = later
        self._said: deque[bytes | None] = deque()
        self._arrived: deque[bytes | None] = deque()
        self._waiting: asyncio.Future[None] | None = None

    def say(self, what: bytes | None) -> None:
        """Send a message, None to say nothing more."""
        self._said.append(what)
        self._later(self._arrive)

    def _arrive(self) -> None:
        self._arrived.append(self._said.popleft())
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def read(self, read: Callable[[bytes], object]) -> AsyncIterator[object]:
        """Yield the messages, as the server reads them."""
        while True:
            while not self._arrived:
                self._waiting = self._call.loop.create_future()
                await self._waiting
            wire = self._arrived.popleft()
            if wire is None:
                return
            yield read(wire)


class Conversation(Generic[M]):
    """A call that is a stream both ways, from the client's side."""

    def __init__(self, call: Call, requests: Requests, answer: type[M], leave: Callable[[], None]) -> None:
        self._call = call
        self._requests = requests
        self._answer = answer
        self.leave = leave
        """Needs no more of it; to be called once, whatever happens."""

    def say(self, message: Message) -> None:
        """Send a message."""
        self._requests.say(message.SerializeToString())

    def half_close(self) -> None:
        """Say nothing more."""
        self._requests.say(None)

    async def hear(self) -> M | None:
        """Wait for the next message, None at the end. Raises CallFailed."""
        wire = await self._call.receive()
        return None if wire is None else self._answer.FromString(wire)


class ServerContext:
    """What a servicer sees of its call."""

    def __init__(self, call: Call, send: Callable[[Call, bytes | CallFailed | None], None]) -> None:
        self._call = call
        self._send = send
        self.serialize: Callable[[object], bytes] = lambda _: b""

    def invocation_metadata(self) -> Metadata:
        """Return what came with the call."""
        return self._call.metadata

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline."""
        deadline = self._call.deadline
        return None if deadline is None else deadline - self._call.loop.time()

    async def abort(self, code: StatusCode, details: str = "", trailing_metadata: Metadata = ()) -> NoReturn:
        """End the call with an error."""
        del trailing_metadata
        self._send(self._call, CallFailed(code, details))
        raise Aborted

    def set_trailing_metadata(self, trailing_metadata: Metadata) -> None:
        """Take what nobody looks at."""
        del trailing_metadata

    async def write(self, message: object, *, more: bool = False) -> None:
        """Send one message of a stream, when there is room for it."""
        del more  # messages have a way of their own each
        call = self._call
        while len(call.sent) + len(call.arrived) >= WINDOW:
            call.room = call.loop.create_future()
            await call.room
        self._send(call, self.serialize(message))


class Network:
    """The way to the server, when there is one.

    Args:
        loop: Of everything.
        chance: Decides how long things take.
    """

    def __init__(self, loop: SimulatedLoop, chance: Random) -> None:
        self._loop = loop
        self._chance = chance
        self.pace = Pace(loop, chance, at_once=0.7, slowest=0.05, power=1)
        self._endpoints: Mapping[str, Endpoint] = {}
        self._life: Life | None = None
        self._open: dict[Call, None] = {}
        self._count = 0
        self._outside = context_of("network", loop.outside)

    def connect(self, endpoints: Mapping[str, Endpoint], life: Life) -> None:
        """Let calls reach a server."""
        self._endpoints, self._life = endpoints, life

    async def hang_up(self) -> None:
        """Let no call reach the server any more, and have those that it has cancelled there, too."""
        life = self._life
        tasks = [call.task for call in self._open if call.task is not None and call.life is life]
        self.cut()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cut(self) -> None:
        """Let no call reach the server any more, and end those that it has."""
        self._life = None
        for call in list(self._open):
            if call.life is not None:
                while len(call.sent) and self._chance.random() < 0.5:  # noqa: PLR2004 - a coin
                    call.sent.pop()
                self._send(call, CallFailed(StatusCode.UNAVAILABLE, "connection lost"))

    async def unary(
        self,
        path: str,
        request: Message,
        answer: type[M],
        *,
        metadata: Metadata = (),
        timeout: float | None = None,  # noqa: ASYNC109 - the client's deadline
    ) -> M:
        """Make a call with one answer. Raises CallFailed."""
        call = self._begin(path, request, metadata, timeout)
        try:
            wire = await call.receive()
        finally:
            self._leave(call)
        if wire is None:
            raise LawBroken("every call is answered", f"{path} ended without an answer")
        return answer.FromString(wire)

    async def stream(
        self, path: str, request: Message, answer: type[M], *, metadata: Metadata = ()
    ) -> AsyncIterator[M]:
        """Make a call with a stream of answers. Raises CallFailed."""
        call = self._begin(path, request, metadata, None)
        try:
            while (wire := await call.receive()) is not None:
                yield answer.FromString(wire)
        finally:
            self._leave(call)

    def converse(
        self,
        path: str,
        answer: type[M],
        *,
        metadata: Metadata = (),
        timeout: float | None = None,
    ) -> Conversation[M]:
        """Make a call that is a stream both ways."""
        call = self._begin(path, None, metadata, timeout)
        requests = call.requests = Requests(call, self._later)
        return Conversation(call, requests, answer, lambda: self._leave(call))

    # ------------------------------------------------------------ under way

    def _begin(self, path: str, request: Message | None, metadata: Metadata, wait_s: float | None) -> Call:
        deadline = None if wait_s is None else self._loop.time() + wait_s
        wire = b"" if request is None else request.SerializeToString()
        call = Call(self._loop, path, wire, metadata, deadline)
        self._open[call] = None
        self._later(lambda: self._reach(call))
        if wait_s is not None:
            self._loop.call_later(wait_s, lambda: self._expire(call), context=self._outside)
        return call

    def _leave(self, call: Call) -> None:
        call.is_over = True
        self._open.pop(call, None)
        task = call.task
        if task is not None and not task.done():
            self._later(lambda: _cancel(task))

    def _expire(self, call: Call) -> None:
        if not call.is_over:
            call.sent.clear()
            call.arrived.append(CallFailed(StatusCode.DEADLINE_EXCEEDED, "deadline exceeded"))
            call.arrive()

    def _reach(self, call: Call) -> None:
        if call.is_over:
            return
        life = self._life
        if life is None:
            self._send(call, CallFailed(StatusCode.UNAVAILABLE, "connection refused"))
            return
        self._count += 1
        call.life = life
        place = context_of(f"{life.name}/call-{self._count}", life)
        call.task = self._loop.create_task(self._serve(call), context=place)

    async def _serve(self, call: Call) -> None:
        endpoint = self._endpoints[call.path]
        context = ServerContext(call, self._send)
        context.serialize = cast("Callable[[object], bytes]", endpoint.response_serializer)
        read = cast("Callable[[bytes], object]", endpoint.request_deserializer)
        behaviour = cast("Behaviour", endpoint.stream_stream or endpoint.unary_stream or endpoint.unary_unary)
        try:
            request = read(call.wire) if call.requests is None else call.requests.read(read)
            response = await behaviour(request, context)
            if response is not None or not endpoint.response_streaming:
                self._send(call, context.serialize(response))
            if endpoint.response_streaming:
                self._send(call, None)
        except Aborted:
            pass
        except asyncio.CancelledError:
            self._send(call, CallFailed(StatusCode.CANCELLED, "the server cancelled the call"))
        except Exception as error:  # noqa: BLE001 - reported as what it is
            broken = LawBroken("a servicer raises nothing but aborts", f"{call.path}: {error!r}")
            broken.__cause__ = error
            self._loop.failures.append(broken)

    def _send(self, call: Call, what: bytes | CallFailed | None) -> None:
        if not call.is_over:
            call.sent.append(what)
            self._later(call.arrive)

    def _later(self, what: Callable[[], None]) -> None:
        self.pace.soon(what, self._outside)


def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
