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

from actors.effects.slots import Slots
from protocol.calls import CallContext, Calls
from protocol.fn.pump import Pump
from protocol.fn.rules import Rules
from protocol.fn.translate.engagement import Abort
from protocol.fn.wants import Wants
from protocol.pb.fn import runner_pb2 as pb


class StreamContext(CallContext, Protocol):
    """A call that is answered by a stream."""

    async def write(self, message: pb.RunnerMsg) -> None:
        """Send a message."""


class RunnerServicer:
    """Answers for `RunnerProtocol`."""

    def __init__(
        self, *, slots: Slots, wants: Wants, rules: Rules, calls: Calls, now: Callable[[], int]
    ) -> None:
        self._slots = slots
        self._wants = wants
        self._rules = rules
        self._calls = calls
        self._now = now
        self._active = 0
        self._received = 0
        self._refused = 0
        self._behind: set[asyncio.Future[None]] = set()

    async def Engage(  # noqa: N802 - the wire's name
        self, requests: AsyncIterator[pb.ClientMsg], context: StreamContext
    ) -> None:
        """Do one call."""
        self._active += 1
        self._received += 1
        try:
            last = await Pump(
                messages=requests,
                write=context.write,
                slots=self._slots,
                wants=self._wants,
                rules=self._rules,
                call=self._calls.read(context),
                now=self._now,
                behind=self._do_behind,
            ).run()
            if isinstance(last, Abort):
                await context.abort(grpc.StatusCode.UNKNOWN, last.text)
            self._refused += last.is_refused
            await context.write(last.message)
        finally:
            self._active -= 1

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
        """Take settings, none of which mean anything here, and say so in the log."""
        del context
        structlog.get_logger().warning("runner_settings_ignored", count=len(request.config))
        return pb.ConfigStatus()

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
