"""Classical memory of a programme: what is declared, and what its regions hold.

1. BIT and OCTET are bytes on the wire, INTEGER 64 bits with a sign, REAL a double.
2. Everything here is plain: no arrays, so that it can be compared, stored and sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

MAX_CELLS = 65_536
"""Of all regions of a programme together."""


class MemoryType(Enum):
    """The type of a region's cells."""

    BIT = "BIT"
    OCTET = "OCTET"
    INTEGER = "INTEGER"
    REAL = "REAL"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a region."""

    region: str
    index: int

    def __str__(self) -> str:
        return f"{self.region}[{self.index}]"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One region."""

    name: str
    type: MemoryType
    length: int
    """Cells, at least 1."""


@dataclass(frozen=True, slots=True)
class Octets:
    """The content of a BIT region (each 0 or 1) or of an OCTET region."""

    values: bytes


@dataclass(frozen=True, slots=True)
class Integers:
    """The content of an INTEGER region."""

    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reals:
    """The content of a REAL region."""

    values: tuple[float, ...]


MemoryValue = Octets | Integers | Reals
Patches = Mapping[str, MemoryValue]
"""Region name to what it holds before the first shot; regions that are not named hold zeros."""
