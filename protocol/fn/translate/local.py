"""Calls that do not come from a load balancer: what it would have made of them, made here.

1. A function is called by the name of its image, with the bounds that functions have when nobody says.
2. What its configuration then holds is what a load balancer puts there, so that slots are shared.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from protocol.fn.translate.model import DETACHED
from protocol.fn.translate.spelling import FRAME
from protocol.pb.fn import runner_pb2 as pb

INVOKE_TYPE = "fn-invoke-type"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCall:
    """A call of a function by its name."""

    name: str
    call_id: str
    headers: tuple[tuple[str, str], ...] = ()
    is_detached: bool = False
    timeout_s: int = 30
    idle_timeout_s: int = 30
    memory_mb: int = 128


def opening(call: LocalCall) -> pb.ClientMsg:
    """Spell the first message of a call."""
    headers: dict[str, list[str]] = {}
    for name, value in call.headers:
        headers.setdefault(name, []).append(value)
    kind = DETACHED if call.is_detached else "sync"
    model = {
        "id": call.call_id,
        "fn_id": call.name,
        "image": call.name,
        "type": kind,
        "timeout": call.timeout_s,
        "idle_timeout": call.idle_timeout_s,
        "memory": call.memory_mb,
        "config": {"FN_MEMORY": str(call.memory_mb), "FN_TYPE": "sync", "FN_FN_ID": call.name},
        "headers": headers,
    }
    message = pb.ClientMsg()
    getattr(message, "try").models_call_json = json.dumps(model)
    return message


def body_frames(body: bytes, *, is_last: bool) -> Iterable[pb.ClientMsg]:
    """Cut a piece of a body into frames; the last of the last says so."""
    for start in range(0, len(body), FRAME):
        yield pb.ClientMsg(data=pb.DataFrame(data=body[start : start + FRAME]))
    if is_last:
        yield pb.ClientMsg(data=pb.DataFrame(eof=True))


def trigger_headers(method: str, url: str, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the headers that tell a function of the HTTP request that it answers."""
    told = [("Fn-Intent", "httprequest"), ("Fn-Http-Method", method), ("Fn-Http-Request-Url", url)]
    for name, value in headers:
        told.append((name, value) if name.lower() == "content-type" else (f"Fn-Http-H-{name}", value))
    return tuple(told)


def trigger_response(
    status: int, headers: Iterable[tuple[str, str]]
) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Return the status and headers of the HTTP response that a function's answer stands for."""
    answered: list[tuple[str, str]] = []
    for name, value in headers:
        lower = name.lower()
        if lower == "fn-http-status" and status < 400:  # noqa: PLR2004 - from there on it is an error of the service
            if value.isascii() and value.isdigit() and 200 <= int(value) <= 599:  # noqa: PLR2004 - final ones
                status = int(value)
        elif lower.startswith("fn-http-h-"):
            answered.append((name[len("fn-http-h-") :], value))
        elif lower in {"content-type", "fn-call-id"}:
            answered.append((name, value))
    return status, tuple(answered)


def failure(code: int, text: str) -> tuple[int, Mapping[str, str], bytes]:
    """Return the HTTP response that says why a call failed: status, headers, body."""
    status, message = (code, text) if code else (500, "internal server error")
    headers = {"content-type": "application/json; charset=utf-8"}
    if status == 503:  # noqa: PLR2004 - no room now
        headers["retry-after"] = "15"
    return status, headers, msgspec.json.encode({"message": message}) + b"\n"
