"""Memory values as plain arrays, for msgpack.

1. The first element names the variant: 0 octets, 1 integers, 2 reals.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar, assert_never

from actors.effects.quantum.memory import Integers, MemoryValue, Octets, Reals

_Number = TypeVar("_Number", int, float)


def named_values_from(plain: Iterable[object]) -> tuple[tuple[str, MemoryValue], ...]:
    """Read pairs of a name and the plain form of a value.

    Raises:
        ValueError: when there is anything else.
    """
    named = []
    for pair in plain:
        match pair:
            case [str(name), value]:
                named.append((name, value_from(value)))
            case _:
                raise ValueError("not a name and the content of a region")
    return tuple(named)


def value_of(value: MemoryValue) -> tuple[int, object]:
    """The plain form."""
    match value:
        case Octets(octets):
            return 0, octets
        case Integers(integers):
            return 1, integers
        case Reals(reals):
            return 2, reals
        case _:
            assert_never(value)


def value_from(plain: object) -> MemoryValue:
    """Read the plain form.

    Raises:
        ValueError: when it is none.
    """
    match plain:
        case [0, bytes(octets)]:
            return Octets(octets)
        case [1, [*integers]]:
            return Integers(tuple(only(int, integers)))
        case [2, [*reals]]:
            return Reals(tuple(only(float, reals)))
        case _:
            raise ValueError("not the content of a region")


def only(number: type[_Number], plain: Iterable[object]) -> Iterator[_Number]:
    """Pass on numbers of one kind.

    Raises:
        ValueError: for anything else.
    """
    for it in plain:
        if not isinstance(it, number):
            raise ValueError("not a number of the right kind")  # noqa: TRY004 as for any other fault
        yield it
