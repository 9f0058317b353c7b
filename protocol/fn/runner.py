"""RunnerProtocol: engagements, how the runner is doing, and its settings.

1. An engagement that ends by the letter ends with status OK, whatever its call came to; the client's
   half of the stream is not waited for.
2. `requestsHandled` counts engagements that were not refused for want of room.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import grpc
import structlog
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from starlette.routing import Route

from actors.effects.slots import Slots
from protocol.calls import CallContext, Calls
from protocol.fn.errors import CODES
from protocol.fn.http import FunctionDoor
from protocol.fn.logs import Logs
from protocol.fn.pump import Pump, Write
from protocol.fn.rules import Rules
from protocol.fn.settings import RunnerSettings
from protocol.fn.translate.engagement import Abort, Finished
from protocol.fn.wants import Wants
from protocol.gateway import Call, Refused
from protocol.pb.fn import runner_pb2 as pb

ORIGIN = "fn"
"""What calls through this façade say of where they came from."""


class StreamContext(CallContext, Protocol):
    """A call that is answered by a stream."""

    async def write(self, message: pb.RunnerMsg, /, *, more: bool = False) -> None:
        """Send a message."""


class RunnerServicer:
    """Answers for `RunnerProtocol`."""

    def __init__(
        self,
        *,
        slots: Slots,
        wants: Wants,
        rules: Rules,
        calls: Calls,
        settings: RunnerSettings,
        logs: Logs,
        new_id: Callable[[], str],
        now: Callable[[], int],
    ) -> None:
        self.routes = routes_to(self, new_id)
        """What answers over HTTP."""
        self._slots = slots
        self._wants = wants
        self._rules = rules
        self._calls = calls
        self._settings = settings
        self._logs = logs
        self._now = now
        self._active = 0
        self._received = 0
        self._refused = 0
        self._behind: set[asyncio.Future[None]] = set()

    async def Engage(  # noqa: N802 - the wire's name
        self, requests: AsyncIterator[pb.ClientMsg], context: StreamContext
    ) -> pb.RunnerMsg:
        """Do one call. What is returned is the last message of the stream."""
        last = await self.serve(requests, context.write, self._calls.read(context))
        if isinstance(last, Abort):
            await context.abort(grpc.StatusCode.UNKNOWN, last.text)
        return last.message

    async def serve(
        self,
        messages: AsyncIterator[pb.ClientMsg],
        write: Write,
        call: Call,
    ) -> Finished | Abort:
        """Carry an engagement until the last word, which is returned unsaid."""
        self._active += 1
        self._received += 1
        try:
            last = await Pump(
                messages=messages,
                write=write,
                slots=self._slots,
                wants=self._wants,
                rules=self._rules,
                call=call,
                logs=self._logs,
                now=self._now,
                behind=self._do_behind,
            ).run()
        finally:
            self._active -= 1
        self._refused += isinstance(last, Finished) and last.is_refused
        return last

    async def Status(self, request: Empty, context: CallContext) -> pb.RunnerStatus:  # noqa: N802
        """Tell how the runner is doing."""
        del request, context
        return self._status()

    async def Status2(self, request: Struct, context: CallContext) -> pb.RunnerStatus:  # noqa: N802
        """Tell how the runner is doing. There is no status image that the body could be for."""
        del request, context
        return self._status()

    async def ConfigureRunner(  # noqa: N802
        self, request: pb.ConfigMsg, context: CallContext
    ) -> pb.ConfigStatus:
        """Deploy functions; other settings mean nothing here, which the log says."""
        try:
            ignored = await self._settings.take(
                request.config, self._calls.write(context, "ConfigureRunner", request)
            )
        except Refused as refused:
            rejection = refused.rejection
            await context.abort(CODES[rejection.code], rejection.reason)
        if ignored:
            structlog.get_logger().warning("runner_settings_ignored", count=ignored)
        return pb.ConfigStatus()

    async def StreamLogs(  # noqa: N802
        self, requests: AsyncIterator[pb.LogRequestMsg], context: CallContext
    ) -> AsyncIterator[pb.LogResponseMsg]:
        """Tell what functions write from now on: one batch whenever the reader asks for one."""
        is_started = False
        with self._logs.reading() as reader:
            async for request in requests:
                match request.WhichOneof("body"):
                    case "start" if not is_started:
                        is_started = True
                    case "ack" | "ready" if is_started:
                        yield await reader.next()
                    case _:
                        await context.abort(
                            grpc.StatusCode.INVALID_ARGUMENT, "Start comes first, once, then Ack or Ready"
                        )

    def _status(self) -> pb.RunnerStatus:
        return pb.RunnerStatus(
            active=self._active,
            requestsReceived=self._received,
            requestsHandled=self._received - self._refused,
        )

    def _do_behind(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)


def routes_to(runner: RunnerServicer, new_id: Callable[[], str]) -> tuple[Route, ...]:
    """Return what answers over HTTP."""
    invoke = FunctionDoor(runner, origin=ORIGIN, new_id=new_id, is_trigger=False)
    trigger = FunctionDoor(runner, origin=ORIGIN, new_id=new_id, is_trigger=True)
    return Route("/invoke/{name:path}", invoke, methods=["POST"]), Route("/t/{name:path}", trigger)
