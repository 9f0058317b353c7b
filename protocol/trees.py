"""Trees of plain values, as JSON has them, and where two of them differ.

1. Maps are compared by key, lists by position. 1 and true are not equal.
"""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | None"
"""What JSON can say."""


class Difference(NamedTuple):
    """One place in which two trees differ."""

    path: str
    """Keys and positions, joined by dots."""
    before: Tree
    after: Tree
    is_added: bool = False
    """True when there was nothing before; `before` is then None."""
    is_removed: bool = False


def differences(before: Tree, after: Tree, path: str = "") -> Iterable[Difference]:
    """Yield where two trees differ, in the order of the first one's keys, then the second's."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [*before, *(key for key in after if key not in before)]
        parts = [(key, before.get(key), after.get(key), key in before, key in after) for key in keys]
    elif isinstance(before, list) and isinstance(after, list):
        length = max(len(before), len(after))
        parts = [
            (
                str(place),
                before[place] if place < len(before) else None,
                after[place] if place < len(after) else None,
                place < len(before),
                place < len(after),
            )
            for place in range(length)
        ]
    else:
        if before != after or type(before) is not type(after):
            yield Difference(path, before, after)
        return
    for key, old, new, was, is_now in parts:
        here = f"{path}.{key}" if path else key
        if was and is_now:
            yield from differences(old, new, here)
        else:
            yield Difference(here, old, new, is_added=not was, is_removed=not is_now)
