"""All views as one: which fold a stream has, what a view's identity, owner and labels are.

1. A stream whose entity has no view (a receipt, say) folds to None.
2. A view that is gone stays what it is for who must announce it; whoever stores views drops it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import events.host
import events.job
import events.pod
import events.task
import events.worker
from events.job import JobPhase
from events.pod import TERMINAL, PodPhase
from events.record import Recorded
from events.task import TaskPhase
from events.worker import WorkerPhase
from projections import hosts, jobs, pods, tasks, workers
from projections.hosts import HostView
from projections.jobs import JobView
from projections.pods import PodView
from projections.tasks import TaskView
from projections.workers import WorkerView

View = JobView | PodView | HostView | TaskView | WorkerView

TOPICS: Mapping[str, type[View]] = MappingProxyType(
    {
        "job.view:1": JobView,
        "pod.view:1": PodView,
        "host.view:1": HostView,
        "task.view:1": TaskView,
        "worker.view:1": WorkerView,
    }
)
"""The name under which each class is stored in tables; a file of tables has its own schema number."""


def fold(view: View | None, recorded: Recorded) -> View | None:
    """Return the view of the record's stream after the record; the same object when nothing changed."""
    known = _FOLDS.get(recorded.event.__class__)
    return view if known is None else known(view, recorded)


_FOLDS: Mapping[type, Callable[[Any, Recorded], View | None]] = {
    kind: known
    for topics, known in (
        (events.pod.TOPICS, pods.fold),
        (events.job.TOPICS, jobs.fold),
        (events.task.TOPICS, tasks.fold),
        (events.worker.TOPICS, workers.fold),
        (events.host.TOPICS, hosts.fold),
    )
    for kind in topics.values()
}
"""By class of event: the fold of the entity that it happens to."""

_GONE = frozenset({PodPhase.DELETED, JobPhase.DELETED, TaskPhase.DELETED})


def is_gone(view: View) -> bool:
    """Return whether the entity was deleted."""
    return view.phase in _GONE


def is_over(view: View) -> bool:
    """Return whether nothing happens to the entity by itself any more."""
    return _IS_OVER[view.__class__](view)


_IS_OVER: Mapping[type, Callable[[Any], bool]] = {
    PodView: lambda pod: pod.phase in TERMINAL and not pod.restart_at,
    JobView: lambda job: job.phase in jobs.ENDED,
    TaskView: lambda task: task.phase.is_terminal,
    HostView: lambda _: False,
    WorkerView: lambda worker: worker.phase is WorkerPhase.DEAD,
}


def stream_of(view: View) -> str:
    """Return the stream that the view is the fold of."""
    match view:
        case PodView():
            return f"pod/{view.id}"
        case JobView():
            return f"job/{view.id}"
        case HostView():
            return f"host/{view.id}"
        case TaskView():
            return f"task/{view.id}"
        case WorkerView():
            return f"worker/{view.id}"


def owner_of(view: View) -> str:
    """Return the stream of the entity's owner, empty for none."""
    return view.owner if isinstance(view, PodView) else ""


def labels_of(view: View) -> tuple[tuple[str, str], ...]:
    """Return the entity's labels."""
    return () if isinstance(view, TaskView) else view.spec.labels
