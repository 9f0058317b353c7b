"""Chains of upcasters: which current topic an old one leads to, and through which functions.

1. A topic is `<name>:<number>`; numbers count from 1 without a gap.
2. Of every name only the highest number has a class; each number below has an upcaster.
3. Whatever breaks rule 1 or 2 is refused when chains are built, not when an event is read.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from events.codec.errors import BadTables

Body = dict[str, object]
"""An event as a map: keys are field names; arrays are lists."""

Upcast = Callable[[Body], Body]
"""From a body of one schema number to a body of the next. Pure; may change and return its argument."""


def schema_of(topic: str) -> tuple[str, int]:
    """Return name and number of a topic: `("pod.placed", 1)` of `pod.placed:1`."""
    name, colon, number = topic.rpartition(":")
    if not (name and colon and number.isascii() and number.isdecimal() and number[0] != "0"):
        raise BadTables(f"topic {topic!r} is not of the form <name>:<number>")
    return name, int(number)


def merged(tables: Iterable[Mapping[str, Upcast]]) -> dict[str, Upcast]:
    """Return the union of the tables; a topic that stands in two of them is refused."""
    union: dict[str, Upcast] = {}
    for table in tables:
        for topic, upcast in table.items():
            if topic in union:
                raise BadTables(f"two upcasters from {topic!r}")
            union[topic] = upcast
    return union


def chains(
    current: Collection[str], upcasters: Mapping[str, Upcast]
) -> dict[str, tuple[str, tuple[Upcast, ...]]]:
    """Return for every old topic the current one it leads to, and the functions on the way."""
    highest: dict[str, int] = {}
    for topic in current:
        name, number = schema_of(topic)
        if name in highest:
            raise BadTables(f"two classes for {name!r}: {highest[name]} and {number}; upcast the older one")
        highest[name] = number
    for topic in upcasters:
        name, number = schema_of(topic)
        if number >= highest.get(name, 0):
            raise BadTables(f"the upcaster from {topic!r} leads to no class")
    old: dict[str, tuple[str, tuple[Upcast, ...]]] = {}
    for name, top in highest.items():
        steps: tuple[Upcast, ...] = ()
        for number in range(top - 1, 0, -1):
            topic = f"{name}:{number}"
            if topic not in upcasters:
                raise BadTables(f"no upcaster from {topic!r}, though {name}:{top} has a class")
            steps = (upcasters[topic], *steps)
            old[topic] = (f"{name}:{top}", steps)
    return old
