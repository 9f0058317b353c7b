"""Instances of a job as ranges: of each, the first and the last number."""

from collections.abc import Iterable, Sequence
from itertools import chain

from events.job import InstanceRange


def numbers(ranges: Sequence[InstanceRange]) -> Iterable[int]:
    """Return the instances of ranges, in their order; worked out as they are asked for."""
    if len(ranges) == 1:  # as nearly always, and then it need not be a generator
        ((first, last),) = ranges
        return range(first, last + 1)
    return chain.from_iterable(range(first, last + 1) for first, last in ranges)


def size(ranges: Iterable[InstanceRange]) -> int:
    """Return how many instances ranges have."""
    return sum(last - first + 1 for first, last in ranges)
