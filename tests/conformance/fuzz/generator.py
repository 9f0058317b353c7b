"""Any message of any type, small or nasty, from a seeded source of chance.

1. Nothing is known of any API but the shape of its messages, and the names of a few types whose values
   are drawn from what the server has already told, so that calls reach what is behind the first check.
2. The same seed makes the same messages as long as the server answers the same.
"""

import copy
import math
import random
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

DEPTH = 7
MAX_FIELDS = 5
MAX_KNOWN = 50

TEXTS = (
    "",
    "a",
    "A name",
    "sleep 1",
    "root",
    "/default",
    "default",
    "name",
    "creation_time",
    "1-1-1",
    "1-2-1",
    "../../etc/passwd",
    "%s%n'\"; DROP TABLE jobs; --",
    "ünïcödé \u202e\U0001f4a9",
    "\0",
    "x" * 5000,
    "0",
    "-1",
    "1e999",
    "01234567-89ab-4cde-8f01-23456789abcd",
    "01234567-89ab-4cde-8f01-23456789abcd-0",
    "01234567-89ab-4cde-8f01-23456789abcd-4294967295-18446744073709551615",
)
AMOUNTS = (0.0, 0.5, 1.0, -1.0, 1e308, -1e308, 5e-324, math.inf, -math.inf, math.nan)
_BITS: Mapping[int, tuple[int, int]] = MappingProxyType(
    {
        FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
        FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
        FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
        FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    }
)


class Generator:
    """Makes messages."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._known: dict[str, list[str]] = {}

    def learn(self, message: Message) -> None:
        """Remember the texts of an answer under the type of message that they stand in."""
        for field, value in message.ListFields():
            of = field.message_type
            if of is not None and of.GetOptions().map_entry:
                continue
            if of is not None:
                for part in value[:3] if field.is_repeated else (value,):
                    self.learn(part)
            elif isinstance(value, str) and len(value) < 100:
                known = self._known.setdefault(message.DESCRIPTOR.full_name, [])
                if value not in known:
                    known.append(value)
                    del known[:-MAX_KNOWN]

    def message(self, descriptor: Descriptor, depth: int = DEPTH) -> Message:
        """Any message of a type: a few of its fields are set."""
        message = GetMessageClass(descriptor)()
        fields: Sequence[FieldDescriptor] = list(descriptor.fields)
        wanted = self._chance.sample(fields, min(len(fields), self._chance.randint(0, MAX_FIELDS)))
        for field in fields:
            is_wanted = field.is_required or self._is_known(field) or field in wanted
            if is_wanted and (depth or field.is_required or field.message_type is None):
                self._fill(message, field, max(depth - 1, 0))
        return message

    def variant(self, sample: Message) -> Message:
        """A message that is known to be good, with something else laid over it."""
        message = copy.deepcopy(sample)
        fields = cast("Sequence[FieldDescriptor]", sample.DESCRIPTOR.fields)
        for _ in range(self._chance.randint(0, 3)):
            self._fill(message, self._chance.choice(fields), 2)
        return message

    def mangled(self, descriptor: Descriptor) -> bytes:
        """Bytes that may be a message of a type, or nearly, or not at all."""
        chance = self._chance
        whole = bytearray(self.message(descriptor).SerializePartialToString())
        match chance.randrange(4):
            case 0:
                return chance.randbytes(chance.randint(0, 200))
            case 1:
                return bytes(whole[: chance.randint(0, len(whole))])
            case 2:
                for _ in range(min(len(whole), 3)):
                    whole[chance.randrange(len(whole))] = chance.randrange(256)
                return bytes(whole)
            case _:
                place = chance.randint(0, len(whole))
                return bytes(whole[:place]) + chance.randbytes(5) + bytes(whole[place:])

    def _is_known(self, field: FieldDescriptor) -> bool:
        """Whether a field is to be set because there is something true to say in it."""
        of = field.message_type
        return of is not None and of.full_name in self._known and self._chance.random() < 0.7

    def _fill(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        chance, of = self._chance, field.message_type
        if of is not None and of.GetOptions().map_entry:
            key, value = of.fields_by_name["key"], of.fields_by_name["value"]
            entries = getattr(message, field.name)
            for _ in range(chance.randint(1, 3)):
                if value.message_type is not None:
                    entries[self._value(message, key)].CopyFrom(self.message(value.message_type, depth))
                else:
                    entries[self._value(message, key)] = self._value(message, value)
        elif of is not None and field.is_repeated:
            getattr(message, field.name).extend(
                self.message(of, depth) for _ in range(chance.choice((1, 1, 2, 5)))
            )
        elif of is not None:
            getattr(message, field.name).CopyFrom(self.message(of, depth))
        elif field.is_repeated:
            getattr(message, field.name).extend(
                self._value(message, field) for _ in range(chance.choice((1, 2, 20)))
            )
        else:
            setattr(message, field.name, self._value(message, field))

    def _value(self, message: Message, field: FieldDescriptor) -> object:
        chance = self._chance
        if field.enum_type is not None:
            return chance.choice(field.enum_type.values).number
        makers: Mapping[int, Callable[[], object]] = {
            FieldDescriptor.CPPTYPE_BOOL: lambda: chance.random() < 0.5,
            FieldDescriptor.CPPTYPE_DOUBLE: lambda: chance.choice(AMOUNTS),
            FieldDescriptor.CPPTYPE_FLOAT: lambda: chance.choice((0.0, 1.5, -2.0, math.inf, math.nan)),
            FieldDescriptor.CPPTYPE_STRING: lambda: self._text(message, field),
        }
        if (make := makers.get(field.cpp_type)) is not None:
            return make()
        first, last = _BITS[field.cpp_type]
        return chance.choice((0, 1, 2, 3, chance.randint(first, last), first, last))

    def _text(self, message: Message, field: FieldDescriptor) -> str | bytes:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return self._chance.randbytes(self._chance.choice((0, 1, 100)))
        known = self._known.get(message.DESCRIPTOR.full_name)
        if known and self._chance.random() < 0.7:
            return self._chance.choice(known)
        return self._chance.choice(TEXTS)
