"""Event classes to and from bytes, under names of our own."""

from events.codec.codec import Codec
from events.codec.errors import BadTables, Undecodable, Unencodable, UnknownTopic, UnreadableEvent
from events.codec.upcasters import UPCASTERS
from events.codec.upcasters.chain import Body, Upcast

__all__ = [
    "UPCASTERS",
    "BadTables",
    "Body",
    "Codec",
    "Undecodable",
    "Unencodable",
    "UnknownTopic",
    "UnreadableEvent",
    "Upcast",
]
