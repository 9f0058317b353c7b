"""Frozen, slotted classes that are cheap to make, to change, to write and to read: structs of msgspec.

1. `frozen` means `dataclass(frozen=True, slots=True, kw_only=True)`, and `replace` the standard library's;
   type checkers take it so. Fields, equality, hash and repr are as there.
2. A server of events makes little else than such objects: every event, state and view is one. A struct is
   made and changed in C, and the codec reads and writes it without a detour through maps.
3. A struct's type hints are also its form in the journal: a field at its default is left out there.
4. No struct is looked at by the collector of cycles: frozen values hold what was there before them, never
   what will hold them. Do not put a mutable thing into one that could come to refer to it.
5. Classes with bases or with `__post_init__` are refused: what a journal reads runs no code.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, dataclass_transform, overload

import msgspec
from immutables import Map

C = TypeVar("C", bound=type)

__all__ = ["EMPTY", "frozen", "is_frozen", "replace"]

EMPTY: Map[Any, Any] = Map()
"""The persistent map without entries: one object for all states that have none."""

if TYPE_CHECKING:
    from dataclasses import replace as replace  # noqa: PLC0414 - the type checker knows its arguments
else:
    from msgspec.structs import replace


@overload
@dataclass_transform(frozen_default=True, kw_only_default=True)
def frozen(cls: C, /) -> C: ...


@overload
@dataclass_transform(frozen_default=True, kw_only_default=True)
def frozen(*, kw_only: bool = True, eq: bool = True) -> Callable[[C], C]: ...


def frozen(cls: C | None = None, /, *, kw_only: bool = True, eq: bool = True) -> C | Callable[[C], C]:
    """Make a class a frozen one with slots. Raises TypeError for what it cannot be for.

    Without `eq` an object equals only itself, and is hashed as such.
    """

    def make(plain: C) -> C:
        if plain.__bases__ != (object,) or hasattr(plain, "__post_init__"):
            raise TypeError(f"{plain.__name__} has a base or code that runs when it is made")
        scope = {name: value for name, value in plain.__dict__.items() if name not in _OF_THE_PLAIN}
        made: Any = msgspec.StructMeta(
            plain.__name__,
            (msgspec.Struct,),
            scope,
            frozen=True,
            kw_only=kw_only,
            eq=eq,
            omit_defaults=True,
            gc=False,
        )
        return made  # type: ignore[no-any-return]  # the class that was given, made anew

    return make if cls is None else make(cls)


def is_frozen(kind: object) -> TypeGuard[type[msgspec.Struct]]:
    """Return whether something is a class that `frozen` made."""
    return isinstance(kind, msgspec.StructMeta)


_OF_THE_PLAIN = ("__dict__", "__weakref__")
"""What the class that is decorated has only because it has no slots."""
