"""One call: what the client sends, what its method answers, and how it ends.

1. States: asked (its message is awaited) -> answered by a task -> ended. The status is sent once, and is the
   last thing sent; what is sent after it, or after the client is gone, raises `Gone`.
2. A client that goes away, a deadline that passes and a server that is cut short cancel the task.
3. A method ends by returning, by `abort`, or by an exception, which is a bug: the client is told INTERNAL
   and no more, the log says the rest.
4. Of a stream one message is under way, and few more are kept; `write` waits when there is no room. So a
   slow client slows its method down, and a quick method need not wait for each message.
5. A method that answers by a stream may return its last message instead of writing it: that goes with the
   status, in one piece.
6. A message that was asked for and not waited for to the end is the next one that `read` answers. Of a client
   that has sent `FEW` messages others are asked for ahead, as many as are kept of those that are sent.
7. Of a client that sends more than the server may still hold the call ends, with RESOURCE_EXHAUSTED.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NoReturn, TypeAlias, cast

import grpc
import structlog

from protocol.transport import core
from protocol.transport.context import Context
from protocol.transport.held import Held
from protocol.transport.kept import Kept
from protocol.transport.messages import Messages

Endpoint: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour: TypeAlias = "Callable[[object, Call], Awaitable[object]]"

OK = grpc.StatusCode.OK
FAILED = "the server failed to answer; its log says more"
NOT_ONE = "the method takes exactly one request"
TOO_MUCH = "limits.inflight_mb: the server holds as much of requests as it may; try again later"
PATIENCE_S = 0.02
"""How long a refusal of a stream waits for the first message: the client of `grpc.aio` takes a status that
comes while it sends that message for an error of its own, and tells INTERNAL."""
FEW = 6
OF_NOBODY = Held()
"""Holds what comes in calls that are over."""


class Gone(Exception):  # noqa: N818 - said of the client
    """Nothing can be sent to the client any more."""


class Call(Context):
    """A call, and its context for the method that answers it. Used on the loop's thread."""

    __slots__ = (
        "_behaviour",
        "_callbacks",
        "_endpoint",
        "_forget",
        "_has_begun",
        "_has_ended",
        "_heard",
        "_held",
        "_is_gone",
        "_is_reading",
        "_is_running",
        "_is_sending",
        "_last",
        "_loop",
        "_outbox",
        "_reader",
        "_task",
        "_unread",
        "_weight",
        "_writers",
    )

    def __init__(
        self,
        event: core.Event,
        endpoint: Endpoint,
        behaviour: Behaviour,
        loop: asyncio.AbstractEventLoop,
        forget: "Callable[[Call], None]",
        *,
        held: Held,
    ) -> None:
        super().__init__(event)
        self._endpoint = endpoint
        self._behaviour = behaviour
        self._loop = loop
        self._forget = forget
        self._held = held
        self._weight = 0
        """Bytes that are held for it."""
        self._task: asyncio.Task[None] | None = None
        self._callbacks: list[Callable[[Call], None]] | None = None
        self._has_begun = self._has_ended = self._is_gone = False
        self._is_sending = self._is_reading = self._is_running = False
        self._outbox = Kept()
        """Messages that are sent once that has gone which is under way."""
        self._last: core.Operation | None = None
        """The status, until it is sent."""
        self._reader: asyncio.Future[bytes | None] | None = None
        self._writers: list[asyncio.Future[None]] = []
        """Those that wait for room in the outbox."""
        self._unread = Kept()
        """Messages that came and were not read yet."""
        self._heard = 0
        """How many messages came."""

    # ------------------------------------------------------------ its life

    def start(self) -> None:
        """Begin to answer it."""
        self._core.start_server_batch((core.receive_close(core.NO_FLAGS),), self._closed)
        if self._endpoint.request_streaming:
            self._receive()
            self._answer(Messages(self))
        elif not self._start((core.receive_message(core.NO_FLAGS),), self._asked):
            self._leave()

    def refuse(self, code: grpc.StatusCode, details: str) -> None:
        """End it without a method."""
        self._core.start_server_batch((core.receive_close(core.NO_FLAGS),), self._closed)
        self._end(code, details)
        self._leave()

    def cancel(self) -> None:
        """Cut its method short, if it runs; if it was about to, it never does."""
        if not self._has_ended:
            self._cut()

    def _cut(self) -> None:
        if self._task is not None:
            self._task.cancel()
            if not self._is_running:
                self._leave()

    @property
    def task(self) -> "asyncio.Task[None] | None":
        """What answers it, once its request is there."""
        return self._task

    def _asked(self, event: core.Event) -> None:
        """Take the only request."""
        body = cast("core.Receipt", event.batch_operations[0]).message()
        if body is not None and self._hold(len(body)):
            self._answer(body)
            return
        if body is None and not self._is_gone:
            self._end(grpc.StatusCode.UNIMPLEMENTED, NOT_ONE)
        self._leave()

    def _hold(self, size: int) -> bool:
        """Have the server hold so much more for it; if it may not, end the call and return False."""
        if self._held.take(size):
            self._weight += size
            return True
        if not self._has_ended:
            self._end(grpc.StatusCode.RESOURCE_EXHAUSTED, TOO_MUCH)
        return False

    def _let_go(self, size: int) -> None:
        self._held.give(size)
        self._weight -= size

    def _leave(self) -> None:
        """Be over, as far as the server is concerned."""
        self._let_go(self._weight)
        self._held = OF_NOBODY
        self._forget(self)

    def _answer(self, request: "bytes | Messages") -> None:
        self._task = self._loop.create_task(self._run(request))

    async def _run(self, request: "bytes | Messages") -> None:
        endpoint = self._endpoint
        self._is_running = True
        try:
            read = endpoint.request_deserializer
            if isinstance(request, bytes) and read is not None:
                answer = await self._behaviour(read(request), self)
            else:
                answer = await self._behaviour(request, self)
            if not self._has_ended:
                code = self._code or OK
                if code is not OK or (answer is None and endpoint.response_streaming):
                    self._end(code, self._status)
                else:
                    self._end_with(self._written(answer))
        except grpc.aio.AbortError:
            self._fail_unless_ended()
        except Gone:
            pass
        except asyncio.CancelledError:
            if not self._has_ended:
                self._end(grpc.StatusCode.CANCELLED, "the call was cancelled")
        except Exception:  # noqa: BLE001 - whatever a method does wrong ends its own call alone
            structlog.get_logger().exception("call_failed", method=self._details.method.decode())
            self._fail_unless_ended()
        finally:
            self._leave()
            for callback in self._callbacks or ():
                callback(self)

    def _fail_unless_ended(self) -> None:
        if not self._has_ended:
            self._end(grpc.StatusCode.INTERNAL, FAILED)

    def _closed(self, event: core.Event) -> None:
        """Learn that nothing more is to come, nor to go."""
        self._is_gone = True
        if cast("core.Farewell", event.batch_operations[0]).cancelled():
            self.cancel()

    # ------------------------------------------------------------ what is sent

    async def write(self, message: object, *, more: bool = False) -> None:
        """Send a message of a stream, once there is room for it. Raises Gone.

        It may go together with the next one if `more` follow at once; the first one goes by itself: the core
        would not say that the beginning was sent before something else is.
        """
        body = self._written(message)
        while not (self._outbox.has_room or self._is_gone):
            room = self._loop.create_future()
            self._writers.append(room)
            await room
        if self._has_ended or self._is_gone:
            raise Gone
        is_held = more and self._has_begun
        self._outbox.put(body, core.MORE_FOLLOWS if is_held else core.NO_FLAGS)
        self._send()

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: core.Metadata = ()
    ) -> NoReturn:
        """End the call with an error, and its method with `grpc.aio.AbortError`."""
        if self._endpoint.request_streaming and not self._heard:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await self._next()
        if not self._has_ended:
            if trailing_metadata:
                self._trailing = trailing_metadata
            self._end(code, details)
        raise grpc.aio.AbortError("Locally aborted.")

    def _written(self, message: object) -> bytes:
        write = self._endpoint.response_serializer
        return cast("bytes", message) if write is None else write(message)

    def _end_with(self, body: bytes) -> None:
        """Send the last message, and that all is well."""
        if self._is_sending or self._has_begun:
            self._outbox.put(body, core.NO_FLAGS)
            self._end(OK, "")
            return
        self._has_ended = self._has_begun = True  # as below, in one step: most calls have one answer
        self._code = OK
        beginning = core.send_metadata(None, core.NO_FLAGS)
        message = core.send_message(body, core.NO_FLAGS)
        status = core.send_status(self._trailing, 0, b"", core.NO_FLAGS)
        self._is_sending = self._start((beginning, message, status), self._sent)

    def _end(self, code: grpc.StatusCode, details: str) -> None:
        """Send the status, after the messages."""
        self._has_ended = True
        self._code, self._status = code, details
        sentence = details.encode(errors="replace") if details else b""
        self._last = core.send_status(self._trailing, code.value[0], sentence, core.NO_FLAGS)
        self._send()

    def _send(self) -> None:
        """Send what is next, if nothing is under way: a message, the status with the last of them."""
        if self._is_sending:
            return
        operations: tuple[core.Operation, ...] = ()
        if self._outbox:
            body, flags = self._outbox.take()
            operations = (core.send_message(cast("bytes", body), flags),)
        if self._last is not None and not self._outbox:
            operations = (*operations, self._last)
            self._last = None
        if operations:
            if not self._has_begun:
                self._has_begun = True
                operations = (core.send_metadata(None, core.NO_FLAGS), *operations)
            self._is_sending = self._start(operations, self._sent)

    def _sent(self, event: core.Event) -> None:
        self._is_sending = False
        if not event.success:
            self._is_gone = True
        self._send()
        while self._writers:
            room = self._writers.pop()
            if not room.done():
                room.set_result(None)

    def _start(self, operations: tuple[core.Operation, ...], tag: core.Tag) -> bool:
        """Start operations; False when nothing can be done in the call any more."""
        if self._is_gone or self._core.start_server_batch(operations, tag) != core.SUCCEEDED:
            # The core may be gone with the client: to ask it would end the process.
            self._is_gone = True
            return False
        return True

    # ------------------------------------------------------------ what is received

    async def read(self) -> object:
        """Return the next message of a stream, or `grpc.aio.EOF`. One may wait at a time."""
        try:
            return await self.next_message()
        except StopAsyncIteration:
            return grpc.aio.EOF

    async def next_message(self) -> object:
        """Return the next message of a stream, or raise StopAsyncIteration. One may wait at a time."""
        if self._unread:
            body, _ = self._unread.take()
            if body is not None:
                self._let_go(len(body))
                self._receive_ahead()
        else:
            body = await self._next()
        if body is None:
            raise StopAsyncIteration
        parse = self._endpoint.request_deserializer
        return body if parse is None else parse(body)

    async def _next(self) -> bytes | None:
        self._receive()
        if not self._is_reading:
            return None
        self._reader = self._loop.create_future()
        try:
            return await self._reader
        finally:
            self._reader = None

    def _receive(self) -> None:
        """Ask for the next message, unless that is done."""
        if not self._is_reading:
            self._is_reading = self._start((core.receive_message(core.NO_FLAGS),), self._received)

    def _received(self, event: core.Event) -> None:
        self._is_reading = False
        self._heard += 1
        body = cast("core.Receipt", event.batch_operations[0]).message()
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(body)
        elif body is None or self._hold(len(body)):
            self._unread.put(body, core.NO_FLAGS)
        else:
            self._cut()
        if body is not None:
            self._receive_ahead()

    def _receive_ahead(self) -> None:
        """Ask for another message if the client sends many, and there is room."""
        if self._heard > FEW and self._unread.has_room:
            self._receive()

    # ------------------------------------------------------------ its end

    def add_done_callback(self, callback: "Callable[[Call], None]") -> None:
        """Call this when the method has ended."""
        if self._callbacks is None:
            self._callbacks = []
        self._callbacks.append(callback)

    def done(self) -> bool:
        """Tell whether the status is sent."""
        return self._has_ended
