"""Bounds of what a client may send: of texts, amounts and counts.

1. A value comes back as it was, or the field is refused; nothing is cut here.
2. The original bounds only the whole message. The bounds below are far above what people use and
   far below what would hurt: they stand in the README.
"""

import math
import re
from collections.abc import Iterable

from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.peloton.translate.refusal import invalid

NAME_LENGTH = 1024
"""Characters of names, owners, label keys and label values."""
TEXT_LENGTH = 65_536
"""Characters of descriptions, opaque data and environment values."""
ARGUMENT_BYTES = 131_071
"""Bytes of one argument or variable: Linux takes no longer ones."""
MAX_LABELS = 1000
MAX_CPU = 1e6
MAX_MB = 1e12
MAX_GPU = 1e6
MAX_FILES = 1_048_576
MAX_GRACE_S = 86_400
MAX_FAILURES = 100
"""More retries than this are silently cut to it, as in the original."""

_VARIABLE_FORM = re.compile(r"[^=\0]+\Z")


def check_text(value: str, field: str, *, limit: int = NAME_LENGTH) -> str:
    """Refuse a text that is too long or has a NUL in it."""
    if len(value) > limit:
        raise invalid(field, f"must have at most {limit} characters, has {len(value)}")
    if "\0" in value:
        raise invalid(field, "must not contain a NUL character")
    return value


def check_argument(value: str, field: str) -> str:
    """Refuse what cannot be handed to a program as an argument."""
    if "\0" in value:
        raise invalid(field, "must not contain a NUL character")
    if len(value) > ARGUMENT_BYTES // 4 and len(value.encode()) > ARGUMENT_BYTES:
        raise invalid(field, f"must have at most {ARGUMENT_BYTES} bytes")
    return value


def check_variable(name: str, field: str) -> str:
    """Refuse what cannot be the name of an environment variable."""
    if len(name) > NAME_LENGTH or not _VARIABLE_FORM.match(name):
        raise invalid(field, f"must have 1 to {NAME_LENGTH} characters, without '=' and NUL")
    return name


def check_amount(value: float, field: str, *, limit: float) -> float:
    """Refuse an amount that is no finite number from 0 to the limit."""
    if not math.isfinite(value) or not 0 <= value <= limit:
        raise invalid(field, f"must be a number from 0 to {limit:.0f}, is {value}")
    return value + 0.0  # -0.0 becomes 0.0


def check_count(value: int, field: str, *, limit: int) -> int:
    """Refuse a count above the limit."""
    if value > limit:
        raise invalid(field, f"must be at most {limit}, is {value}")
    return value


def check_labels(labels: Iterable[peloton_pb2.Label], field: str) -> tuple[tuple[str, str], ...]:
    """Return labels in the kernel's form: a sorted set. A key may have several values."""
    found: set[tuple[str, str]] = set()
    for place, label in enumerate(labels):
        if place == MAX_LABELS:
            raise invalid(field, f"must be at most {MAX_LABELS}")
        if not label.key:
            raise invalid(f"{field}[{place}].key", "must not be empty")
        key = check_text(label.key, f"{field}[{place}].key")
        found.add((key, check_text(label.value, f"{field}[{place}].value")))
    return tuple(sorted(found))
