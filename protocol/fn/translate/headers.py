"""Headers on their way to a function and back.

1. What belongs to one connection (hop-by-hop) never passes, either way; everything else does.
2. Nothing that is not a header by the letter passes: a line break in a value would be another header.
3. Two headers are ours alone: `Fn-Call-Id` and `Fn-Deadline` overwrite what came with the call.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from protocol.fn.translate.model import CallModel
from protocol.fn.translate.outcomes import Unfit, invalid_header, request_header_too_large

Headers = tuple[tuple[bytes, bytes], ...]

_HOP_BY_HOP = re.compile(
    rb"(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade)\Z|proxy-", re.IGNORECASE
)
OURS = frozenset({b"host", b"content-length", b"fn-call-id", b"fn-deadline"})
"""Headers of a request that are never the client's."""
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")


def request_headers(model: CallModel, limit: int) -> Headers:
    """Return the headers of a call as its function gets them, but for the deadline.

    Args:
        model: The call.
        limit: Bytes that they may have together, the deadline included.

    Raises:
        Unfit: when one is none, or all together are too long.
    """
    headers: list[tuple[bytes, bytes]] = [(b"Host", b"localhost"), (b"Transfer-Encoding", b"chunked")]
    for name, values in model.headers:
        key = name.encode()
        for value in values:
            line = (key, value.strip(" \t").encode())
            if not (_NAME.match(key) and _VALUE.match(line[1])):
                raise Unfit(invalid_header(name))
            if not _is_left_out(line) and key.lower() not in OURS:
                headers.append(line)
    call_id = model.id.strip(" \t").encode()
    if not _VALUE.match(call_id):
        raise Unfit(invalid_header("Fn-Call-Id"))
    headers.append((b"Fn-Call-Id", call_id))
    if sum([len(name) + len(value) + 4 for name, value in (*headers, deadline(0))]) > limit:
        raise Unfit(request_header_too_large(limit))
    return tuple(headers)


def deadline(at: int) -> tuple[bytes, bytes]:
    """Return the header that tells a function until when it may take: always as long.

    The time is in microseconds since the epoch, UTC, and told in whole seconds.
    """
    return b"Fn-Deadline", _spell_second(at // 1_000_000)


def response_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a response as the client gets them."""
    return tuple(
        [
            (str(name, "latin-1"), str(value, "utf-8", "replace"))
            for name, value in headers
            if not _HOP_BY_HOP.match(name)
        ]
    )


def is_hop_by_hop(name: bytes) -> bool:
    """Return whether a header belongs to one connection."""
    return _HOP_BY_HOP.match(name) is not None


def _is_left_out(line: tuple[bytes, bytes]) -> bool:
    name, value = line
    return is_hop_by_hop(name) and not (name.lower() == b"te" and value.lower() == b"trailers")


@lru_cache(maxsize=64)
def _spell_second(second: int) -> bytes:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
