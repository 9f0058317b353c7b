"""What can happen to a worker: something that takes one task at a time.

1. A worker outlives the processes that do its work: when one is lost, the worker is `registered`
   again until the next one is ready.
2. A worker that we start ourselves runs in a pod, which it owns.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.frozen import frozen
from events.pod import PodSpec
from events.word import Word


class WorkerPhase(Word):
    """Whether a worker takes tasks."""

    REGISTERED = "registered"
    """Known, and nothing is there yet that could do its work."""
    IDLE = "idle"
    BUSY = "busy"
    DRAINING = "draining"
    """Ends what it has, and takes nothing more."""
    DEAD = "dead"


@frozen
class WorkerSpec:
    """What is declared of a worker."""

    kind: str
    """What its tasks are for: only whoever runs them knows the word."""
    labels: tuple[tuple[str, str], ...] = ()
    """Sorted by key, then value."""
    pod: PodSpec | None = None
    """What runs it, None for a worker that runs elsewhere."""


@frozen
class WorkerRegistered:
    """The worker exists, perhaps again."""

    spec: WorkerSpec


@frozen
class WorkerCalled:
    """There is work for it: it has a pod from now on, or has it still."""

    pod: str
    """Stream of the pod."""
    again: bool = False
    """Whether the pod was there already: it may have been stopped."""


@frozen
class WorkerReady:
    """What does its work is there."""


@frozen
class WorkerTook:
    """It has a task."""

    task: str
    """Stream of the task."""


@frozen
class WorkerFreed:
    """It no longer has the task."""

    task: str


@frozen
class WorkerLost:
    """What did its work is gone, or is to go; what it had failed in the same append."""

    reason: str
    restart: bool = False
    """Whether its pod has to be made to end: it may still run."""


@frozen
class WorkerDraining:
    """It takes nothing more."""

    reason: str


@frozen
class WorkerDied:
    """It is gone, until it is registered again."""

    reason: str


WorkerEvent = (
    WorkerRegistered
    | WorkerCalled
    | WorkerReady
    | WorkerTook
    | WorkerFreed
    | WorkerLost
    | WorkerDraining
    | WorkerDied
)

TOPICS: Mapping[str, type[WorkerEvent]] = MappingProxyType(
    {
        "worker.registered:1": WorkerRegistered,
        "worker.called:1": WorkerCalled,
        "worker.ready:1": WorkerReady,
        "worker.took:1": WorkerTook,
        "worker.freed:1": WorkerFreed,
        "worker.lost:1": WorkerLost,
        "worker.draining:1": WorkerDraining,
        "worker.died:1": WorkerDied,
    }
)
"""The name under which each class is stored."""
