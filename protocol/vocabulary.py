"""Everything that stands in the journal: which entities have actors, and the codec of their events.

1. Who serves a journal and who only reads it know the same: both ask here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from actors import catalog, host, job, pod, task, worker
from actors.job.commands import JobAccepted
from actors.job.state import JobState
from actors.kernel.decider import Entity
from actors.pod.state import PodState
from actors.task.commands import TasksAccepted
from actors.worker.state import WorkerState
from events import catalog as catalog_events
from events import host as host_events
from events import job as job_events
from events import pod as pod_events
from events import receipt as receipt_events
from events import task as task_events
from events import worker as worker_events
from events.codec import Codec
from events.pod import PodSpec

ENTITIES: tuple[Entity[Any], ...] = (
    job.ENTITY,
    pod.ENTITY,
    host.ENTITY,
    task.ENTITY,
    worker.ENTITY,
    catalog.ENTITY,
)
"""Everything that has an actor."""

RESULTS: Mapping[str, type] = MappingProxyType(
    {"result.job_accepted:1": JobAccepted, "result.tasks_accepted:1": TasksAccepted}
)
"""Answers that receipts keep."""

STATES: Mapping[str, type] = MappingProxyType(
    {"job.state:1": JobState, "pod.state:1": PodState, "worker.state:1": WorkerState}
)
"""States that snapshots hold. Another form is another number here, and another schema of the entity."""


def journal_codec() -> Codec:
    """Return the codec of everything that the journal holds."""
    return Codec(
        (
            job_events.TOPICS,
            pod_events.TOPICS,
            host_events.TOPICS,
            task_events.TOPICS,
            worker_events.TOPICS,
            catalog_events.TOPICS,
            receipt_events.TOPICS,
            RESULTS,
            STATES,
        ),
        interned=(PodSpec,),
    )
