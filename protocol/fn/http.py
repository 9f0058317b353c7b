"""Functions over HTTP: `/invoke/NAME`, and `/t/APP/PATH` for what a function answers by itself.

1. Both bodies are streamed; the client is answered with the first piece, or at the end.
2. A call that fails after that cuts the response off: nothing else can be told any more.
3. A client that goes away ends its call, unless the call is detached. So does the end of the server, which is
   told as what it is to the client: a failure of the service.
4. Every response says the id of its call.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from starlette.types import Message, Receive, Scope, Send

from protocol.auth import caller
from protocol.fn.pump import Write
from protocol.fn.translate.engagement import Abort, Finished
from protocol.fn.translate.headers import is_hop_by_hop
from protocol.fn.translate.local import (
    INVOKE_TYPE,
    LocalCall,
    body_frames,
    failure,
    opening,
    trigger_headers,
    trigger_response,
)
from protocol.fn.translate.model import DETACHED
from protocol.gateway import Call
from protocol.pb.fn import runner_pb2 as pb
from protocol.tasks import first_of

UNSENT = frozenset({"authorization", "content-length", "host", INVOKE_TYPE})
"""Headers of a request that its function is not told."""
UNTOLD = frozenset({"content-length", "fn-call-id", "date", "server"})
"""Headers of a function's answer that the server writes itself."""
BODILESS = frozenset({204, 304})
"""Statuses of responses that have no body, whatever a function says."""
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")


class Serving(Protocol):
    """Who carries an engagement."""

    async def serve(
        self,
        messages: AsyncIterator[pb.ClientMsg],
        write: Write,
        call: Call,
    ) -> Finished | Abort:
        """Carry it until the last word, which is returned unsaid."""


@dataclass(slots=True)
class Response:
    """What is answered, as far as it is known."""

    send: Send
    call_id: str
    is_trigger: bool
    is_detached: bool
    """Whether whoever calls does not wait for the end."""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    is_begun: bool = False

    async def write(self, message: pb.RunnerMsg, /, *, more: bool = False) -> None:
        """Take in what the runner says."""
        del more
        if message.HasField("result_start"):
            start = message.result_start.http
            headers = tuple((each.key, each.value) for each in start.headers)
            self.status = start.status_code
            if self.is_trigger:
                self.status, headers = trigger_response(self.status, headers)
            self.headers = tuple(pair for pair in headers if _is_told(pair[0]))
            if self.is_detached:
                await self.end(b"")
        else:
            await self.begin()
            body = b"" if self.status in BODILESS else message.data.data
            await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def begin(self) -> None:
        """Send the head, once."""
        if not self.is_begun:
            self.is_begun = True
            headers = [*_encoded(self.headers), (b"fn-call-id", self.call_id.encode())]
            await self.send({"type": "http.response.start", "status": self.status, "headers": headers})

    async def end(self, body: bytes) -> None:
        """Send what is left."""
        await self.begin()
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def conclude(self, last: Finished | Abort) -> None:
        """Answer how the call ended."""
        if isinstance(last, Finished) and last.message.finished.success:
            if not self.is_detached:
                await self.end(b"")
        elif not self.is_begun:
            finished = last.message.finished if isinstance(last, Finished) else pb.CallFinished()
            self.status, headers, body = failure(finished.errorCode, finished.errorStr)
            self.headers = tuple(headers.items())
            await self.end(body)


class FunctionDoor:
    """An application that calls the function of its path parameter `name`."""

    def __init__(self, runner: Serving, *, origin: str, new_id: Callable[[], str], is_trigger: bool) -> None:
        self._runner = runner
        self._origin = origin
        self._new_id = new_id
        self._is_trigger = is_trigger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        call_id = self._new_id()
        call = self._call(scope, call_id)
        response = Response(send, call_id, self._is_trigger, call.is_detached)
        whole, gone = asyncio.Event(), asyncio.Event()
        messages = _messages(call, receive, whole, gone)
        principal = caller()
        asker = Call(principal=principal.name, origin=self._origin, request_id=call_id, roles=principal.roles)
        serving = asyncio.ensure_future(self._runner.serve(messages, response.write, asker))
        leaving = asyncio.ensure_future(_leave(receive, whole, gone, is_ignored=call.is_detached))
        try:
            await asyncio.wait((serving, leaving), return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await response.conclude(serving.result())
        except asyncio.CancelledError:  # the server ends, and waits for its calls no longer
            await response.conclude(Abort(""))
        finally:
            for each in (serving, leaving):
                each.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(serving, leaving, return_exceptions=True)

    def _call(self, scope: Scope, call_id: str) -> LocalCall:
        # A call is JSON: of a value that is no UTF-8 a load balancer can tell no more either.
        pairs = [
            (name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in scope["headers"]
        ]
        headers = tuple(
            pair for pair in pairs if pair[0] not in UNSENT and not is_hop_by_hop(pair[0].encode("latin-1"))
        )
        is_detached = (INVOKE_TYPE, DETACHED) in pairs
        if self._is_trigger:
            query = scope["query_string"].decode("latin-1")
            url = scope["path"] + (f"?{query}" if query else "")
            headers = trigger_headers(scope["method"], url, headers)
        name = str(scope["path_params"]["name"])
        return LocalCall(name=name, call_id=call_id, headers=headers, is_detached=is_detached)


async def _messages(
    call: LocalCall, receive: Receive, whole: asyncio.Event, gone: asyncio.Event
) -> AsyncIterator[pb.ClientMsg]:
    """Yield the messages of a call; when the client goes away before its request is whole, no more come."""
    yield opening(call)
    more = True
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            gone.set()
            await asyncio.Event().wait()
        more = bool(message.get("more_body", False))
        if not more:
            whole.set()
        for frame in body_frames(message.get("body", b""), is_last=not more):
            yield frame


async def _leave(receive: Receive, whole: asyncio.Event, gone: asyncio.Event, *, is_ignored: bool) -> None:
    """Wait until the client goes away; a request that is whole is read no more by anybody else."""
    await first_of(whole, gone)
    if is_ignored and whole.is_set():
        await asyncio.Event().wait()
    while not gone.is_set() and (await receive())["type"] != "http.disconnect":
        pass


def _is_told(name: str) -> bool:
    return name.lower() not in UNTOLD and not is_hop_by_hop(name.encode("utf-8", "replace"))


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower().encode(), value.encode("utf-8", "replace"))
        for name, value in headers
        if _NAME.match(name) and "\r" not in value and "\n" not in value and "\0" not in value
    ]
