"""The form of an event in a row: `[is last, envelope, body]`, packed by msgpack.

1. The envelope is a bin that holds an array in the order of its fields; what is missing at its end
   has its default, what follows is of a newer version and ignored. It is packed once per append.
2. The body is a map, or, when it is long, an extension that names the blob in which the map stands.
3. A longer outer array is of a newer version; what follows the body is ignored.
"""

from collections.abc import Iterable, Iterator
from typing import NoReturn

import msgspec

from events.codec import Codec, Undecodable, UnreadableEvent
from events.codec.codec import UNREADABLE, Buffer
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


class _State(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is packed in a row."""

    is_last: bool
    envelope: bytes
    body: msgspec.Raw


_state = msgspec.msgpack.Decoder(_State).decode
_pack = msgspec.msgpack.Encoder().encode
_envelope = msgspec.msgpack.Decoder(Envelope).decode


def pack_envelope(envelope: Envelope) -> bytes:
    """Return the envelope as an array without what is at its default at the end."""
    end = len(envelope)
    while end > 1 and envelope[end - 1] == _SYSTEM[end - 1]:
        end -= 1
    return _pack(envelope[:end])


def unpack_envelope(packed: bytes) -> Envelope:
    """Return the envelope. Raises what UNREADABLE names."""
    try:
        return _envelope(packed)
    except msgspec.ValidationError:
        known = msgspec.msgpack.decode(packed, type=list)[: len(_SYSTEM)]
        if known[_DELIVERY:] and known[_DELIVERY] is not None:
            known[_DELIVERY] = known[_DELIVERY][: len(Delivery._fields)]
        return msgspec.convert(known, Envelope)


def beginnings(envelope: Envelope) -> tuple[bytes, bytes]:
    """Return what stands before the body in the states of one append: before its last event, and of it."""
    packed = _pack(pack_envelope(envelope))
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
        decoders, new = self._codec.decoders, tuple.__new__  # as `Recorded(…)`, which would call Python's
        packed, envelope = self._packed, self._envelope
        for revision, stream, version, topic, state in rows:
            try:
                row = _state(state)
                if row.envelope != packed:  # rows of one append share the bytes, so they share the object
                    envelope = unpack_envelope(row.envelope)
                    packed = row.envelope
                    self._packed, self._envelope = packed, envelope
            except UNREADABLE as error:
                _refuse(error, topic, _place(revision, stream, version))
            try:
                event = decoders[topic](row.body)
            except UNREADABLE:
                try:
                    event = self._decode_unusual(topic, row.body)
                except UnreadableEvent as error:
                    error.place = _place(revision, stream, version)
                    if not is_lenient:
                        raise
                    event = error
            yield new(Recorded, (revision, stream, version, event, envelope, row.is_last))

    def _decode_unusual(self, topic: str, body: Buffer) -> object:
        """Decode a body that is of an old form, or stands in a blob, or does not fit."""
        try:
            named: msgspec.msgpack.Ext = _EXTENSION.decode(body)
        except UNREADABLE:
            return self._codec.decode(topic, body)
        if named.code != BLOB:
            raise Undecodable(topic, f"extension {named.code} is of a newer version")
        try:
            whole = self._blobs.get(BlobRef(bytes(named.data).hex()))
        except BlobMissing as error:
            raise Undecodable(topic, str(error)) from error
        return self._codec.decode(topic, whole)


_EXTENSION = msgspec.msgpack.Decoder(msgspec.msgpack.Ext)


def _refuse(error: Exception, topic: str, place: str) -> NoReturn:
    unreadable = Undecodable(topic, str(error))
    unreadable.place = place
    raise unreadable from error


def _place(revision: int, stream: str, version: int) -> str:
    return f"revision {revision} (version {version} of {stream})"
