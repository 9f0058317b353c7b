"""Instances that a workflow has yet to take, and in which order it takes them.

1. First those to be added, then those to be updated, then those to be removed.
2. Among those to be updated, unavailable ones come first, then killed ones, then available ones;
   what a pod reports meanwhile counts. None is unknown: a job knows each of its pods.
3. Instances are taken in the order of their numbers where nothing else decides.
4. Taking some of 100 000 costs what is taken: `cursor` never goes back.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from immutables import Map

from events.frozen import EMPTY, frozen, replace
from events.job import InstanceRange
from events.ranges import numbers

W = TypeVar("W")

UNAVAILABLE, KILLED, AVAILABLE = 0, 1, 2
"""Ranks of instances to be updated, in the order in which they are taken."""


@frozen
class Waiting:
    """What a workflow has yet to take."""

    adding: tuple[InstanceRange, ...] = ()
    returning: Map[int, None] = EMPTY
    """To be added as soon as the pod that an earlier workflow removes is gone."""
    updating: Map[int, None] = EMPTY
    urgent: Map[int, int] = EMPTY
    """Those of `updating` that are not available, with their rank."""
    cursor: int = 0
    """No instance below it waits to be updated."""
    removing: tuple[InstanceRange, ...] = ()

    @property
    def is_ready(self) -> bool:
        """True when an instance may be taken."""
        return bool(self.adding or self.updating or self.removing)

    def first(self, *, to_add: int, others: int) -> tuple[int, ...]:
        """Return the instances to take next: so many to add, and so many of the others."""
        added = tuple(islice(numbers(self.adding), to_add))
        if not (self.updating or self.removing):
            return added
        urgent = sorted(self.urgent, key=lambda each: (self.urgent[each], each))[:others]
        left = max(0, min(others - len(urgent), len(self.updating) - len(self.urgent)))
        rest = islice(self._available(), left)
        removed = islice(numbers(self.removing), max(0, others - len(urgent) - left))
        return (*added, *urgent, *rest, *removed)

    def _available(self) -> Iterator[int]:
        number = self.cursor
        while True:
            if number in self.updating and number not in self.urgent:
                yield number
            number += 1

    def without(self, taken: Collection[int]) -> "Waiting":
        """Return what is left when some were taken."""
        if not (self.updating or self.removing):
            return replace(self, adding=_rest(self.adding, taken))
        updating, urgent = self.updating, self.urgent
        moved = [each for each in taken if each in updating]
        if moved:
            updating = _without(updating, moved)
            urgent = _without(urgent, moved)
        cursor = self.cursor
        while updating and cursor not in updating:
            cursor += 1
        return replace(
            self,
            adding=_rest(self.adding, taken),
            updating=updating,
            urgent=urgent,
            cursor=cursor,
            removing=_rest(self.removing, taken),
        )

    def ranked(self, instance: int, rank: int) -> "Waiting":
        """Return the same with what is known now of an instance."""
        if instance not in self.updating or self.urgent.get(instance, AVAILABLE) == rank:
            return self
        if rank == AVAILABLE:
            return replace(self, urgent=self.urgent.delete(instance))
        return replace(self, urgent=self.urgent.set(instance, rank))

    def gone(self, instance: int) -> "Waiting":
        """Return the same when the pod of an instance is gone: now another may be made."""
        if instance not in self.returning:
            return self
        adding = (*self.adding, (instance, instance))
        return replace(self, adding=adding, returning=self.returning.delete(instance))


def ranges_of(instances: Iterable[int]) -> tuple[InstanceRange, ...]:
    """Return instances as ranges, sorted, as few as there can be."""
    given = tuple(instances)
    if len(given) == 1:
        return ((given[0], given[0]),)
    return joined((each, each) for each in given)


def joined(ranges: Iterable[InstanceRange]) -> tuple[InstanceRange, ...]:
    """Return the instances of ranges as ranges, sorted, as few as there can be."""
    found: list[InstanceRange] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def _rest(ranges: tuple[InstanceRange, ...], taken: Collection[int]) -> tuple[InstanceRange, ...]:
    """Return ranges without what was taken from their beginning."""
    for place, (first, last) in enumerate(ranges):
        left = first
        while left <= last and left in taken:
            left += 1
        if left <= last:
            return ((left, last), *ranges[place + 1 :])
    return ()


def _without(whole: Map[int, W], keys: Sequence[int]) -> Map[int, W]:
    changed = whole.mutate()
    for key in keys:
        changed.pop(key, None)
    return changed.finish()
