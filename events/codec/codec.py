"""The codec: topics to classes, objects to msgpack maps and back.

1. A topic is our own text with a schema number, never a path of a module; a class has one topic.
2. Everything is worked out when the codec is built; encoding and decoding only call.
3. What is decoded equals what was encoded. A body of an old topic goes through its upcasters.
4. Fields at their default are left out, and filled in by the class when missing. A released
   class is never changed (events/pod.py, rule 3), so neither are its defaults.
5. Keys that the class does not know are ignored, so that a field can be added; values of another type
   than declared are refused.
6. A codec may be used by several threads.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import GenericAlias
from typing import Any, get_args, get_origin

import msgspec
from immutables import Map

from events.codec.errors import BadTables, Undecodable, Unencodable, UnknownTopic
from events.codec.sharing import Form, Forms, Shared
from events.codec.upcasters.chain import Body, Upcast, chains, merged
from events.frozen import is_frozen

UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, LookupError, AttributeError)
"""What msgspec and upcasters raise on a body that does not fit."""

Buffer = bytes | msgspec.Raw
"""Bytes, or a part of some, that are msgpack."""


class Codec:
    """Encodes and decodes instances of the classes that the tables name.

    Args:
        tables: Topic to class, such as `events.job.TOPICS`. Classes are made by `frozen`.
        upcasters: Old topic to the function that brings its body one number further.
        interned: Classes whose values many events share (events/codec/sharing.py).
        remembered: How many values of each interned class are remembered.
    """

    def __init__(
        self,
        tables: Iterable[Mapping[str, type]],
        *,
        upcasters: Iterable[Mapping[str, Upcast]] = (),
        interned: tuple[type, ...] = (),
        remembered: int = 4096,
    ) -> None:
        self._pack = msgspec.msgpack.Encoder(enc_hook=_plain).encode
        self._forms = Forms()
        for kind in interned:
            self._share(kind, remembered)
        self._encoders: dict[type, tuple[str, Callable[[Any], bytes]]] = {}
        self.decoders: dict[str, Callable[[Buffer], Any]] = {}
        """By topic, for whoever decodes many rows: raises what UNREADABLE names. Not to be changed."""
        self._readers: dict[str, Callable[[Body], Any]] = {}
        """As `decoders`, for bodies that are maps already."""
        for table in tables:
            for topic, kind in table.items():
                self._register(topic, kind)
        self._old = chains(self.decoders, merged(upcasters))

    def encode(self, event: object) -> tuple[str, bytes]:
        """Return topic and body. Raises Unencodable, which is a bug of whoever made the event."""
        try:
            topic, encode = self._encoders[event.__class__]
        except KeyError:
            raise Unencodable(f"class {type(event).__qualname__} has no topic") from None
        try:
            return topic, encode(event)
        except (ValueError, TypeError, AttributeError, OverflowError, msgspec.MsgspecError) as error:
            raise Unencodable(f"{topic}: {error}") from error

    def decode(self, topic: str, body: Buffer) -> object:
        """Return the object. Raises UnknownTopic or Undecodable."""
        decode = self.decoders.get(topic)
        if decode is None:
            return self._decode_old(topic, body)
        try:
            return decode(body)
        except UNREADABLE as error:
            raise Undecodable(topic, f"{type(error).__name__}: {error}") from error

    def knows(self, kind: type) -> bool:
        """Return whether instances of the class can be encoded."""
        return kind in self._encoders

    def topic_of(self, kind: type) -> str:
        """Return the topic under which instances of a class are stored. Raises Unencodable."""
        try:
            return self._encoders[kind][0]
        except KeyError:
            raise Unencodable(f"class {kind.__qualname__} has no topic") from None

    def _decode_old(self, topic: str, body: Buffer) -> object:
        if topic not in self._old:
            raise UnknownTopic(topic)
        current, steps = self._old[topic]
        try:
            plain: Body = _MAPS.decode(body)
            for step in steps:
                plain = step(plain)
            return self._readers[current](plain)
        except UNREADABLE as error:
            raise Undecodable(topic, f"upcaster: {type(error).__name__}: {error}") from error

    def _register(self, topic: str, kind: type) -> None:
        if topic in self.decoders:
            raise BadTables(f"two classes under the topic {topic!r}")
        if kind in self._encoders:
            raise BadTables(
                f"class {kind.__qualname__} has the topics {self._encoders[kind][0]!r} and {topic!r}"
            )
        if not is_frozen(kind):
            raise BadTables(f"class {kind.__qualname__} of the topic {topic!r} was not made by `frozen`")
        encode, decode, read = self._ways(kind, self._forms.of(kind))
        self._encoders[kind] = (topic, encode)
        self.decoders[topic] = decode
        self._readers[topic] = read

    def _share(self, kind: type, limit: int) -> None:
        encode, decode, _ = self._ways(kind, self._forms.of(kind))
        shared: Shared[Any] = Shared(encode, decode, limit=limit)
        self._forms.share(kind, Form(bytes, shared.pack, shared.unpack))

    def _ways(
        self, kind: type, form: Form | None
    ) -> tuple[Callable[[Any], bytes], Callable[[Buffer], Any], Callable[[Body], Any]]:
        """Return how instances of a class are encoded, decoded, and read from a map."""
        pack, written = self._pack, kind if form is None else form.kind
        decode = msgspec.msgpack.Decoder(written, dec_hook=_declared).decode
        read = partial(msgspec.convert, type=written, dec_hook=_declared)
        if form is None:
            return pack, decode, read
        into, back = form.into, form.back
        return (
            lambda value: pack(into(value)),
            lambda body: back(decode(body)),
            lambda body: back(read(body)),
        )


_MAPS = msgspec.msgpack.Decoder(dict)


def _plain(value: object) -> object:
    """Return what is packed in place of a value that msgspec does not know."""
    if isinstance(value, Map):
        return dict(sorted(value.items()))  # equal maps are equal bytes
    raise TypeError(f"a {type(value).__qualname__} has no form in msgpack")


def _declared(kind: Any, plain: Any) -> Any:  # noqa: ANN401 - an annotation, and whatever was stored
    """Return a value of a type that msgspec does not know, from what was packed in its place."""
    if get_origin(kind) is Map:
        key, value = get_args(kind)
        return Map(msgspec.convert(plain, GenericAlias(dict, (key, value)), dec_hook=_declared))
    raise TypeError(f"nothing can be read as {kind}")
