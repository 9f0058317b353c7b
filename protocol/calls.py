"""What a façade knows of a call beside its message: who calls, until when, under which key.

1. Nothing of a message is looked at unless the call carries an idempotency key.
2. A bad key refuses the call; a bad request id or trace context is replaced, never refused.
3. The fingerprint covers the method and the canonical form of the request (maps sorted), not the key.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterable
from itertools import count
from typing import NoReturn, Protocol

import grpc
from google.protobuf.message import Message

from actors.kernel.decider import Code, Rejection
from protocol.auth import Principal, caller
from protocol.gateway import Call, Refused

KEY = "idempotency-key"
"""Metadata under which a client makes a call repeatable."""

KEY_FORM = re.compile(r"[!-~]{1,255}\Z")
REQUEST_ID_FORM = re.compile(r"[!-~]{1,128}\Z")
TRACE_FORM = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")

Metadata = Iterable[tuple[str, str | bytes]]


class CallContext(Protocol):
    """What façades need of gRPC's context of a call."""

    def invocation_metadata(self) -> Metadata | None:
        """Return what came with the call; names are in lower case."""

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline, None without one."""

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Metadata = ()
    ) -> NoReturn:
        """End the call with an error."""


class Calls:
    """Reads calls of one API."""

    def __init__(
        self, origin: str, *, new_id: Callable[[], str], caller: Callable[[], Principal] = caller
    ) -> None:
        self._origin = origin
        # One random beginning and a count: an id for each would be a fiftieth of what a call costs.
        self._requests = map(f"{new_id()}.{{}}".format, count(1))
        self._caller = caller

    def read(self, context: CallContext) -> Call:
        """Describe a call that changes nothing."""
        return self._read(context, "", None)

    def write(self, context: CallContext, method: str, request: Message) -> Call:
        """Describe a call that may change something, with its key. Refuses a bad key."""
        return self._read(context, method, request)

    def _read(self, context: CallContext, method: str, request: Message | None) -> Call:
        key = request_id = trace = ""
        for name, value in context.invocation_metadata() or ():
            if not isinstance(value, str):
                continue
            if name == KEY and request is not None:
                key = _checked(value, key)
            elif name == "x-request-id" and REQUEST_ID_FORM.match(value):
                request_id = value
            elif name == "traceparent" and TRACE_FORM.match(value):
                trace = value
        remaining = context.time_remaining()
        principal = self._caller()
        return Call(
            principal=principal.name,
            origin=self._origin,
            request_id=request_id or next(self._requests),
            roles=principal.roles,
            key=key,
            fingerprint=fingerprint(method, request) if key and request is not None else "",
            deadline=None if remaining is None else asyncio.get_running_loop().time() + remaining,
            trace=trace,
        )


def fingerprint(method: str, request: Message) -> str:
    """Return a hash that equal requests to one method share."""
    digest = hashlib.sha256(method.encode())
    digest.update(b"\0")
    digest.update(request.SerializeToString(deterministic=True))
    return digest.hexdigest()


def _checked(value: str, before: str) -> str:
    if before:
        raise Refused(Rejection(Code.INVALID, f"{KEY}: must be given once", KEY))
    if not KEY_FORM.match(value):
        raise Refused(Rejection(Code.INVALID, f"{KEY}: must be 1 to 255 visible ASCII characters", KEY))
    return value
