"""The codec: topics to classes, objects to msgpack maps and back.

1. A topic is our own text with a schema number, never a path of a module; a class has one topic.
2. Everything is generated when the codec is built; encoding and decoding only call.
3. What is decoded equals what was encoded. A body of an old topic goes through its upcasters.
4. A codec may be used by several threads: packing runs in one call that keeps the interpreter lock.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import msgpack
from cattrs.errors import StructureHandlerNotFoundError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from events.codec.conversion import Structure, converter
from events.codec.errors import BadTables, Undecodable, Unencodable, UnknownTopic
from events.codec.interning import Interned
from events.codec.upcasters.chain import Upcast, chains, merged

UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, StructureHandlerNotFoundError)
"""What msgpack and generated functions raise on a body that does not fit."""

unpack: Callable[[bytes], Any] = partial(msgpack.unpackb, use_list=False, strict_map_key=False)
"""Bytes to maps and tuples; keys of maps may be numbers."""


class Codec:
    """Encodes and decodes instances of the classes that the tables name.

    Args:
        tables: Topic to class, such as `events.job.TOPICS`.
        upcasters: Old topic to the function that brings its body one number further.
        interned: Classes whose values many events share (events/codec/interning.py).
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
        packer = msgpack.Packer()
        self._pack: Callable[[object], bytes] = packer.pack
        self._converter = converter()
        for kind in interned:
            self._intern(kind, remembered)
        self._encoders: dict[type, tuple[str, Callable[[Any], Any]]] = {}
        self._decoders: dict[str, tuple[Structure, type]] = {}
        for table in tables:
            for topic, kind in table.items():
                self._register(topic, kind)
        self._old = chains(self._decoders, merged(upcasters))

    def encode(self, event: object) -> tuple[str, bytes]:
        """Return topic and body. Raises Unencodable, which is a bug of whoever made the event."""
        try:
            topic, to_map = self._encoders[event.__class__]
        except KeyError:
            raise Unencodable(f"class {type(event).__qualname__} has no topic") from None
        try:
            return topic, self._pack(to_map(event))
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise Unencodable(f"{topic}: {error}") from error

    def decode(self, topic: str, body: bytes) -> object:
        """Return the object. Raises UnknownTopic or Undecodable."""
        try:
            plain = unpack(body)
        except UNREADABLE as error:
            raise Undecodable(topic, str(error)) from error
        return self.decode_map(topic, plain)

    def decode_map(self, topic: str, body: object) -> object:
        """Return the object of a body that is unpacked already, by `unpack` of this module."""
        decoder = self._decoders.get(topic)
        if decoder is None:
            topic, body = self._upcast(topic, body)
            decoder = self._decoders[topic]
        from_map, kind = decoder
        try:
            if body.__class__ is not dict:
                raise TypeError("not a map")
            return from_map(body, kind)
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

    def _upcast(self, topic: str, body: object) -> tuple[str, object]:
        if topic not in self._old:
            raise UnknownTopic(topic)
        current, steps = self._old[topic]
        if not isinstance(body, dict):
            raise Undecodable(topic, "not a map")
        try:
            for step in steps:
                body = step(body)
        except UNREADABLE as error:
            raise Undecodable(topic, f"upcaster: {type(error).__name__}: {error}") from error
        return current, body

    def _register(self, topic: str, kind: type) -> None:
        if topic in self._decoders:
            raise BadTables(f"two classes under the topic {topic!r}")
        if kind in self._encoders:
            raise BadTables(
                f"class {kind.__qualname__} has the topics {self._encoders[kind][0]!r} and {topic!r}"
            )
        self._encoders[kind] = (topic, self._converter.get_unstructure_hook(kind))
        self._decoders[topic] = (self._converter.get_structure_hook(kind), kind)

    def _intern(self, kind: type, limit: int) -> None:
        to_map: Callable[[Any], Any] = make_dict_unstructure_fn(
            kind, self._converter, _cattrs_omit_if_default=True
        )
        from_map: Callable[[Any, Any], Any] = make_dict_structure_fn(
            kind, self._converter, _cattrs_detailed_validation=False
        )
        values: Interned[Any] = Interned(
            lambda value: self._pack(to_map(value)),
            lambda packed: from_map(unpack(packed), kind),
            limit=limit,
        )
        self._converter.register_unstructure_hook(kind, values.pack)
        self._converter.register_structure_hook(kind, lambda packed, _: values.unpack(packed))
