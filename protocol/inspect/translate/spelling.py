"""Events and states as trees of plain values, and these as JSON.

1. Any of our data classes can be spelled: fields by their names, maps sorted by their keys, members
   of enumerations by their values. Equal values are spelled equally, in every process.
2. What is too long is cut, and says so where it was cut: texts, bytes, long collections, and in
   the end everything beyond a bound of bytes.
3. The body of an attachment is never spelled: only the façade that wrote it knows what is secret in
   it. Nor are more than `BYTES_SHOWN` of any bytes.
"""

import base64
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import msgspec

from events.attachment import Attachment
from protocol.trees import Tree

BYTES_SHOWN = 48
REST = "…"
"""Key, or beginning of the element, that stands for what was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is spelled."""

    size: int
    """Bytes of JSON, about."""
    text: int = 4_096
    """Characters of one text."""
    elements: int = 1_000
    """Elements of one collection."""


UNBOUNDED = Bounds(size=2**62, text=2**62, elements=2**62)


class Spelled(NamedTuple):
    """A tree, and whether all is in it."""

    tree: Tree
    is_cut: bool

    @property
    def json(self) -> str:
        """The tree as JSON."""
        return json.dumps(self.tree, ensure_ascii=False, separators=(",", ":"))


def spell(value: object, bounds: Bounds = UNBOUNDED) -> Spelled:
    """Spell a value. Raises TypeError for what is no data class and not made of plain values."""
    speller = _Speller(bounds)
    tree = speller.spell(value)
    return Spelled(tree, speller.is_cut)


class _Speller:
    """Spells one value, counting what it takes."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._left = bounds.size
        self.is_cut = False

    def spell(self, value: object) -> Tree:
        match value:
            case Enum():
                return self.spell(value.value)
            case None | bool():
                self._left -= 5
                return value
            case int():
                self._left -= 20
                return value
            case float():
                self._left -= 20
                return value if math.isfinite(value) else str(value)
            case str():
                return self._text(value)
            case bytes():
                return self._bytes(value)
            case Attachment():
                return self._map(
                    [("kind", value.kind), ("version", value.version), ("size", len(value.body))]
                )
            case Mapping():
                return self._map([(_key(key), value[key]) for key in sorted(value, key=_rank)])
            case frozenset():
                return self._sequence(sorted(value, key=_rank))
            case tuple():
                names: tuple[str, ...] = getattr(value, "_fields", ())
                if names:
                    return self._map(list(zip(names, value, strict=True)))
                return self._sequence(value)
            case list():
                return self._sequence(value)
        if isinstance(value, msgspec.Struct):
            return self._map([(name, getattr(value, name)) for name in value.__struct_fields__])
        raise TypeError(f"a {type(value).__name__} cannot be spelled")

    def _map(self, entries: Collection[tuple[str, object]]) -> Tree:
        tree: dict[str, Tree] = {}
        for place, (key, value) in enumerate(entries):
            if self._is_over(place):
                tree[REST] = f"{len(entries) - place} more"
                break
            self._left -= len(key) + 4
            tree[self._short(key)] = self.spell(value)
        return tree

    def _sequence(self, values: Collection[object]) -> Tree:
        tree: list[Tree] = []
        for place, value in enumerate(values):
            if self._is_over(place):
                tree.append(f"{REST} {len(values) - place} more")
                break
            tree.append(self.spell(value))
        return tree

    def _text(self, text: str) -> str:
        text = self._short(text)
        # Escapes make JSON longer than the text; six is what a control character takes.
        self._left -= len(text.encode()) + 5 * sum(character < " " for character in text) + 3
        return text

    def _short(self, text: str) -> str:
        if len(text) <= self._bounds.text:
            return text
        self.is_cut = True
        return f"{text[: self._bounds.text]}{REST} ({len(text)} characters)"

    def _bytes(self, value: bytes) -> Tree:
        self._left -= 4 * BYTES_SHOWN // 3 + 40
        begin = base64.b64encode(value[:BYTES_SHOWN]).decode()
        if len(value) <= BYTES_SHOWN:
            return {"size": len(value), "base64": begin}
        self.is_cut = True
        return {"size": len(value), "base64": begin, REST: f"{len(value) - BYTES_SHOWN} more bytes"}

    def _is_over(self, place: int) -> bool:
        is_over = self._left <= 0 or place >= self._bounds.elements
        self.is_cut = self.is_cut or is_over
        return is_over


def _key(key: object) -> str:
    return str(key.value if isinstance(key, Enum) else key)


def _rank(key: object) -> tuple[float, str]:
    """Numbers in their order, before texts in theirs."""
    return (key, "") if isinstance(key, int) else (math.inf, _key(key))
