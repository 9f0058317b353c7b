"""Idempotency keys: version 4 UUIDs as two halves.

1. Presence is what matters: a key that is there and empty is the zero UUID, which is refused.
2. A key here never meets one from metadata: its text has a blank, which those cannot have.
"""

from protocol.pb.rigetti.controller import service_pb2 as pb
from protocol.rigetti.translate.refusal import invalid


def read_key(key: pb.Uuid, field: str = "idempotency_key") -> str:
    """Return the text of a key. Refuses what is no UUID of version 4."""
    is_version_4 = (key.high >> 12) & 0xF == 4  # noqa: PLR2004 - the version
    is_rfc_variant = key.low >> 62 == 2  # noqa: PLR2004 - the variant
    if not (is_version_4 and is_rfc_variant):
        raise invalid(field, "must be a version 4 UUID")
    return f"uuid {key.high:016x}{key.low:016x}"
