"""Calls of façades as the kernel's requests."""

from actors.kernel.idempotency import receipt_stream
from actors.kernel.request import Keyed, Request
from protocol.gateway import Call


def keyed_of(call: Call) -> Keyed | None:
    """Return the key of a call with what it covers, None when it has none."""
    return Keyed(receipt_stream(call.principal, call.key), call.fingerprint) if call.key else None


def request_of(call: Call, command: object, keyed: Keyed | None) -> Request:
    """Return a command as a caller's request."""
    return Request(
        command=command,
        principal=call.principal,
        origin=call.origin,
        request_id=call.request_id,
        trace=call.trace,
        keyed=keyed,
    )
