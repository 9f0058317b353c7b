"""What a watch is about.

1. A selector is data; matching is a pure function of a selector and a view.
2. A selector without ids, owners and labels selects everything of its kind.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of entities that can be watched, as the first part of their streams."""

    JOB = "job"
    POD = "pod"
    HOST = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which changes a watcher is told of."""

    kind: Kind
    ids: frozenset[str] = frozenset()
    owner: str = ""
    """Stream of the owner, empty for any."""
    labels: tuple[tuple[str, str], ...] = ()
    """All must be among the entity's."""
