"""What a watch is about.

1. A selector is data; matching is a pure function of a selector and a view.
2. A selector without ids, owners and labels selects everything of its kind.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from projections.hosts import HostView
from projections.jobs import JobView
from projections.pods import PodView
from projections.tasks import TaskView
from projections.view import View, labels_of, owner_of
from projections.workers import WorkerView


class Kind(StrEnum):
    """Kinds of entities that can be watched, as the first part of their streams."""

    JOB = "job"
    POD = "pod"
    HOST = "host"
    TASK = "task"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which changes a watcher is told of."""

    kind: Kind
    ids: frozenset[str] = frozenset()
    owner: str = ""
    """Stream of the owner, empty for any."""
    labels: tuple[tuple[str, str], ...] = ()
    """All must be among the entity's."""


def kind_of(view: View) -> Kind:
    """Return the kind of entity that a view is of."""
    match view:
        case PodView():
            return Kind.POD
        case JobView():
            return Kind.JOB
        case HostView():
            return Kind.HOST
        case TaskView():
            return Kind.TASK
        case WorkerView():
            return Kind.WORKER
        case _:
            assert_never(view)


def matches(selector: Selector, view: View) -> bool:
    """Return whether a view is selected. Jobs and hosts have no owner, so no owner selects them."""
    return (
        kind_of(view) is selector.kind
        and (not selector.ids or view.id in selector.ids)
        and (not selector.owner or owner_of(view) == selector.owner)
        and (not selector.labels or set(selector.labels) <= set(labels_of(view)))
    )
