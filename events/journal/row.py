"""The form of an event in a row: `[is last, envelope, body]`, packed by msgpack.

1. The envelope is a bin that holds an array in the order of its fields; what is missing at its end
   has its default, what follows is of a newer version and ignored. It is packed once per append.
2. The body is a map, or, when it is long, an extension that names the blob in which the map stands.
3. A longer outer array is of a newer version; what follows the body is ignored.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgpack

from events.codec import Codec, Undecodable, UnreadableEvent
from events.codec.codec import UNREADABLE, unpack
from events.journal.blobs import BlobMissing, BlobRef, Blobs
from events.journal.store import Row
from events.record import Delivery, Envelope, Recorded

LONG = 64 * 1024
"""Bodies with more bytes than this stand in blobs."""

BLOB = 1
"""Number of the msgpack extension that names a blob."""

BLOB_MARK = b"\xc7\x20\x01"
"""How msgpack begins such an extension: 32 bytes of type 1 follow."""

BLOB_LENGTH = 35
"""Bytes of such an extension; it is the end of its row's state."""

_SYSTEM = Envelope(at=0)
_DELIVERY = Envelope._fields.index("delivery")


def pack_envelope(envelope: Envelope) -> bytes:
    """Return the envelope as an array without what is at its default at the end."""
    end = len(envelope)
    while end > 1 and envelope[end - 1] == _SYSTEM[end - 1]:
        end -= 1
    packed: bytes = msgpack.packb(envelope[:end])
    return packed


def unpack_envelope(packed: bytes) -> Envelope:
    """Return the envelope."""
    values: tuple[Any, ...] = unpack(packed)
    if len(values) <= _DELIVERY:
        return Envelope(*values)
    known = list(values[: len(_SYSTEM)])
    if known[_DELIVERY] is not None:
        known[_DELIVERY] = Delivery(*known[_DELIVERY][:3])
    return Envelope(*known)


def beginnings(envelope: Envelope) -> tuple[bytes, bytes]:
    """Return what stands before the body in the states of one append: before its last event, and of it."""
    packed: bytes = msgpack.packb(pack_envelope(envelope))
    return b"\x93\xc2" + packed, b"\x93\xc3" + packed


def blob_body(ref: BlobRef) -> bytes:
    """Return what stands in place of a long body."""
    return BLOB_MARK + bytes.fromhex(ref)


def ref_in(ending: bytes) -> BlobRef:
    """Return the blob that the last BLOB_LENGTH bytes of a state name."""
    return BlobRef(ending[len(BLOB_MARK) :].hex())


class Decoder:
    """Rows to records. Used by one thread.

    Args:
        codec: Knows the events.
        blobs: Where long bodies stand.
    """

    def __init__(self, codec: Codec, blobs: Blobs) -> None:
        self._codec = codec
        self._blobs = blobs
        self._packed: bytes | None = None
        self._envelope = _SYSTEM

    def records(self, rows: Iterable[Row], *, is_lenient: bool = False) -> Iterator[Recorded]:
        """Yield the rows as records. Raises UnreadableEvent, which names the place.

        With `is_lenient` what is wrong with an event alone is in the event's place instead.
        """
        decode, make = self._codec.decode_map, Recorded._make
        packed, envelope = self._packed, self._envelope
        for revision, stream, version, topic, state in rows:
            try:
                fields: Any = unpack(state)
                is_last, packed_now, body = fields[0], fields[1], fields[2]
                if packed_now != packed:  # rows of one append share the bytes, so they share the object
                    packed, envelope = packed_now, unpack_envelope(packed_now)
                    self._packed, self._envelope = packed, envelope
            except UNREADABLE as error:
                unreadable = Undecodable(topic, str(error))
                unreadable.place = _place(revision, stream, version)
                raise unreadable from error
            try:
                if body.__class__ is msgpack.ExtType:
                    body = self._resolve(topic, body)
                event: object = decode(topic, body)
            except UnreadableEvent as error:
                error.place = _place(revision, stream, version)
                if not is_lenient:
                    raise
                event = error
            yield make((revision, stream, version, event, envelope, is_last))

    def _resolve(self, topic: str, named: msgpack.ExtType) -> object:
        if named.code != BLOB:
            raise Undecodable(topic, f"extension {named.code} is of a newer version")
        try:
            return unpack(self._blobs.get(BlobRef(named.data.hex())))
        except (BlobMissing, *UNREADABLE) as error:
            raise Undecodable(topic, str(error)) from error


def _place(revision: int, stream: str, version: int) -> str:
    return f"revision {revision} (version {version} of {stream})"
