"""Amounts of resources as whole numbers, so that sums and differences stay exact.

1. One unit is a millionth of a core, a mebibyte or a device. Amounts are rounded to it once, when
   they are read from a spec; what is taken from a host and given back leaves it as it was.
2. The order of the fields is the order in which lacks are named.
"""

from typing import NamedTuple

from events.capacity import Resources

_PER_ONE = 1_000_000


class Units(NamedTuple):
    """A vector of amounts."""

    cpu: int = 0
    memory: int = 0
    disk: int = 0
    gpu: int = 0

    def plus(self, other: "Units") -> "Units":
        """Return the sums, kind by kind."""
        cpu, memory, disk, gpu = other
        return Units(self.cpu + cpu, self.memory + memory, self.disk + disk, self.gpu + gpu)

    def minus(self, other: "Units") -> "Units":
        """Return the differences, kind by kind; negative where more is taken than there is."""
        cpu, memory, disk, gpu = other
        return Units(self.cpu - cpu, self.memory - memory, self.disk - disk, self.gpu - gpu)

    def most(self, other: "Units") -> "Units":
        """Return the larger amounts, kind by kind."""
        return Units(*(max(mine, its) for mine, its in zip(self, other, strict=True)))


def units(resources: Resources) -> Units:
    """Return amounts in units."""
    return Units(
        cpu=round(resources.cpu * _PER_ONE),
        memory=round(resources.memory_mb * _PER_ONE),
        disk=round(resources.disk_mb * _PER_ONE),
        gpu=round(resources.gpu * _PER_ONE),
    )


def spelled(amounts: Units) -> str:
    """Return the amounts that are not 0 for people, such as `cpu 0.5, memory 100 MB`."""
    suffixes = Units._fields, ("", " MB", " MB", "")
    each = zip(*suffixes, amounts, strict=True)
    return ", ".join(f"{name} {amount / _PER_ONE:g}{suffix}" for name, suffix, amount in each if amount)
