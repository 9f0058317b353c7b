"""Times as the wire has them: RFC 3339 texts, nanoseconds, ranges of timestamps.

1. The kernel's times are microseconds since the epoch, UTC; 0 is "not yet" and reads as no text.
"""

from datetime import datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.peloton.translate.refusal import invalid

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC throughout; without a zone it prints without one
_FIRST_S = -62_135_596_800
_LAST_S = 253_402_300_799
"""Seconds of the years 1 to 9999: what a timestamp may hold."""
FOREVER = 2**62


def rfc3339(at: int) -> str:
    """Spell a time, always with microseconds and `Z`; empty for 0."""
    if at == 0:
        return ""
    return f"{(_EPOCH + timedelta(microseconds=at)).isoformat(timespec='microseconds')}Z"


def nanoseconds(at: int) -> int:
    """Spell a time as nanoseconds since the epoch."""
    return at * 1000


def read_range(message: peloton_pb2.TimeRange, field: str) -> tuple[int, int]:
    """Return a range that includes its first and excludes its last; a missing end is open."""
    first = _read(message.min, f"{field}.min") if message.HasField("min") else 0
    last = _read(message.max, f"{field}.max") if message.HasField("max") else FOREVER
    if first > last:
        raise invalid(field, "min must not be after max")
    return first, last


def _read(message: Timestamp, field: str) -> int:
    if not _FIRST_S <= message.seconds <= _LAST_S or not 0 <= message.nanos < 10**9:
        raise invalid(field, "must be a time of the years 1 to 9999")
    return message.seconds * 10**6 - (-message.nanos // 1000)  # rounded up: ranges are half-open
