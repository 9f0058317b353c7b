"""What may be asked of a worker."""

from actors.job.commands import ReportPod
from events.frozen import frozen
from events.worker import WorkerSpec


@frozen
class RegisterWorker:
    """The worker is wanted: register it, or take over what changed in it."""

    name: str
    spec: WorkerSpec


@frozen
class CallWorker:
    """There is work for the worker: let its pod run, if it has one."""

    name: str


@frozen
class ReadyWorker:
    """What does its work is there."""


@frozen
class TakeTask:
    """Have this task."""

    task: str
    """Stream of the task."""


@frozen
class FreeWorker:
    """No longer have this task."""

    task: str


@frozen
class LoseWorker:
    """What did its work is gone, or is to go."""

    reason: str
    task: str = ""
    """The task that it must have, empty for none: what becomes of it is decided together with this."""
    restart: bool = False
    """Whether its pod has to be made to end."""


@frozen
class DrainWorker:
    """The worker is no longer wanted: end what it has, take nothing more."""

    reason: str = "no longer declared"


WorkerCommand = (
    RegisterWorker | CallWorker | ReadyWorker | TakeTask | FreeWorker | LoseWorker | DrainWorker | ReportPod
)
