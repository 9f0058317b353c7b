"""Values for a programme's memory, checked against its declarations.

1. All or nothing: a patch that is not right refuses its configuration.
"""

import math
from collections.abc import Sequence
from typing import assert_never

from actors.effects.quantum.memory import (
    Declaration,
    Integers,
    MemoryType,
    MemoryValue,
    Octets,
    Patches,
    Reals,
)
from actors.effects.quantum.refusals import JobRefused

_INT64 = range(-(2**63), 2**63)


def check_patches(declarations: Sequence[Declaration], patches: Patches) -> None:
    """See that every patched region is declared and is given what it can hold.

    Raises:
        JobRefused: naming the first region, in order of name, that is not right.
    """
    declared = {declaration.name: declaration for declaration in declarations}
    for name, value in sorted(patches.items(), key=lambda entry: entry[0]):
        declaration = declared.get(name)
        if declaration is None:
            raise JobRefused(f"the programme declares no region {name[:64]!r}")
        if fault := _fault(declaration, value):
            raise JobRefused(f"region {name!r}, {declaration.type.value}[{declaration.length}]: {fault}")


def _fault(declaration: Declaration, value: MemoryValue) -> str:
    if (needed := _variant(declaration.type)) is not type(value):
        return f"its values are to be given as {_WORDS[needed]}, not as {_WORDS[type(value)]}"
    if len(value.values) != declaration.length:
        return f"{len(value.values)} values are given"
    match value:
        case Octets(values):
            if declaration.type is MemoryType.BIT and any(octet > 1 for octet in values):
                return "a bit is neither 0 nor 1"
        case Integers(values):
            if any(integer not in _INT64 for integer in values):
                return "an integer does not fit 64 bits"
        case Reals(values):
            if not all(map(math.isfinite, values)):
                return "a number is not finite"
        case _:
            assert_never(value)
    return ""


_WORDS: dict[type[MemoryValue], str] = {Octets: "binary", Integers: "integers", Reals: "reals"}


def _variant(memory_type: MemoryType) -> type[MemoryValue]:
    match memory_type:
        case MemoryType.BIT | MemoryType.OCTET:
            return Octets
        case MemoryType.INTEGER:
            return Integers
        case MemoryType.REAL:
            return Reals
        case _:
            assert_never(memory_type)
