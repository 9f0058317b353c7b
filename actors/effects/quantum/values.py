"""Memory values as plain arrays, for msgpack.

1. The first element names the variant: 0 octets, 1 integers, 2 reals.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar, assert_never

from actors.effects.quantum.memory import Integers, MemoryValue, Octets, Reals

_Number = TypeVar("_Number", int, float)


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
            return Integers(tuple(_only(int, integers)))
        case [2, [*reals]]:
            return Reals(tuple(_only(float, reals)))
        case _:
            raise ValueError("not the content of a region")


def _only(number: type[_Number], plain: Iterable[object]) -> Iterator[_Number]:
    for it in plain:
        if not isinstance(it, number):
            raise ValueError("not a number of the right kind")  # noqa: TRY004 as for any other fault
        yield it
