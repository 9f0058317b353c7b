"""How much everything of ours holds: the lengths of all tables of all our objects, by class and name.

1. A table is whatever has a length: dictionaries, lists, sets, deques. Texts and tuples are values.
2. Objects are found by the garbage collector, so that no table can be forgotten.
"""

import gc
from collections import Counter, deque
from collections.abc import Iterable, Mapping

OURS = ("actors.", "events.", "projections.", "protocol.")
TABLES = (dict, list, set, deque)


def census() -> Mapping[str, int]:
    """Count."""
    gc.collect()
    counted: Counter[str] = Counter()
    for each in gc.get_objects():
        kind = type(each)
        if str(kind.__module__).startswith(OURS):
            for name in names_of(each):
                value = getattr(each, name, None)
                if isinstance(value, TABLES):
                    counted[f"{kind.__name__}.{name}"] += len(value)
            counted[kind.__name__] += 1
    return counted


def names_of(it: object) -> Iterable[str]:
    slots = [name for kind in type(it).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*slots, *getattr(it, "__dict__", {})]
