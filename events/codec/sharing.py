"""Values that many events share: packed once each, and one object in memory.

1. A shared value stands inside its event as a msgpack bin that holds its own map.
2. A class that holds such values has a twin, in whose fields they are bytes; the twin is what is written
   and read, and `Form` goes between the two. A class that holds none needs no form.
3. Packing remembers by identity: hashing a deep value costs more than packing most events.
4. Unpacking remembers by bytes, so that equal values read are one object while remembered.
5. Both memories are bounded, and only save work: forgetting changes no result.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from types import GenericAlias, NoneType, UnionType
from typing import Any, Generic, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
from immutables import Map

from events.frozen import is_frozen

T = TypeVar("T")


class Form(NamedTuple):
    """How values of a type are written, when not as they are."""

    kind: Any
    """Type of what is written."""
    into: Callable[[Any], Any]
    back: Callable[[Any], Any]


class Shared(Generic[T]):
    """Both directions for one class. May be used by several threads."""

    def __init__(self, pack: Callable[[T], bytes], unpack: Callable[[bytes], T], *, limit: int) -> None:
        self._pack = pack
        self._packed: dict[int, tuple[T, bytes]] = {}
        """By `id`; the value is kept with its bytes, so that its id names nothing else meanwhile."""
        self._limit = limit
        self.unpack: Callable[[bytes], T] = lru_cache(limit)(unpack)
        """Value of the bytes; the same object for the same bytes while remembered."""

    def pack(self, value: T) -> bytes:
        """Return the bytes of the value."""
        known = self._packed.get(id(value))
        if known is not None:
            return known[1]
        packed = self._pack(value)
        if len(self._packed) >= self._limit:
            self._packed.clear()  # in one step, because another thread may be reading; evicting singly is not
        self._packed[id(value)] = (value, packed)
        return packed


class Forms:
    """The forms of all types, worked out when they are asked for."""

    def __init__(self) -> None:
        self._known: dict[Any, Form | None] = {}

    def share(self, kind: type, form: Form) -> None:
        """Name the form of a shared class; before anything that holds it is asked for."""
        self._known[kind] = form

    def of(self, kind: Any) -> Form | None:  # noqa: ANN401 - an annotation
        """Return the form of a type, None when it is written as it is."""
        if kind not in self._known:
            self._known[kind] = self._of_struct(kind) if is_frozen(kind) else self._of_generic(kind)
        return self._known[kind]

    def _of_struct(self, kind: type[msgspec.Struct]) -> Form | None:
        fields = msgspec.structs.fields(kind)
        forms = {each.name: form for each in fields if (form := self.of(each.type)) is not None}
        if not forms:
            return None
        written = [
            (each.name, form.kind, *map(form.into, _default(each)))
            if (form := forms.get(each.name)) is not None
            else (each.name, each.type, *_default(each))
            for each in fields
        ]
        twin = msgspec.defstruct(
            kind.__name__, written, frozen=True, kw_only=True, omit_defaults=True, gc=False
        )
        into = [(name, form.into) for name, form in forms.items()]
        back = [(name, form.back) for name, form in forms.items()]
        return Form(twin, _between(twin, into), _between(kind, back))

    def _of_generic(self, kind: Any) -> Form | None:  # noqa: ANN401 - an annotation
        origin, args = get_origin(kind), [arg for arg in get_args(kind) if arg is not NoneType]
        is_endless = origin is tuple and args[-1] is ...
        forms = [self.of(arg) for arg in args if arg is not ...]
        if not any(forms):
            return None
        parts = [
            form if form is not None else Form(arg, _same, _same)
            for form, arg in zip(forms, args, strict=False)
        ]
        last = parts[-1]
        if origin in (Union, UnionType) and len(parts) == 1:
            return Form(last.kind | None, _if_any(last.into), _if_any(last.back))
        if is_endless:
            return Form(GenericAlias(tuple, (last.kind, ...)), _each(last.into), _each(last.back))
        if origin is tuple:
            return Form(
                GenericAlias(tuple, tuple([part.kind for part in parts])),
                _side_by_side([part.into for part in parts]),
                _side_by_side([part.back for part in parts]),
            )
        if origin is Map and forms[0] is None:
            return Form(
                GenericAlias(dict, (args[0], last.kind)), _by_key(last.into, dict), _by_key(last.back, Map)
            )
        raise TypeError(f"a shared value cannot stand in {kind}")


def _default(field: msgspec.structs.FieldInfo) -> tuple[Any, ...]:
    return () if field.required else (field.default,)


def _same(value: T) -> T:
    return value


def _between(kind: type, ways: Iterable[tuple[str, Callable[[Any], Any]]]) -> Callable[[Any], Any]:
    """Return what makes of a struct one of another class with the same fields, some of them changed."""
    every = tuple(ways)
    last: tuple[msgspec.Struct | None, Any] = (None, None)

    def change(value: msgspec.Struct) -> Any:  # noqa: ANN401 - a struct of the class
        nonlocal last
        known, made = last  # in one step, because another thread may be at it
        if known is value:  # one spec stands in many events after each other
            return made
        fields = msgspec.structs.asdict(value)
        for name, way in every:
            fields[name] = way(fields[name])
        made = kind(**fields)
        last = (value, made)
        return made

    return change


def _if_any(way: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else way(value)


def _each(way: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: tuple([way(value) for value in values])


def _side_by_side(ways: Iterable[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    return lambda values: tuple([way(value) for way, value in zip(ways, values, strict=True)])


def _by_key(way: Callable[[Any], Any], made: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: made({key: way(value) for key, value in values.items()})
