"""What waits for whom, and who has what: a fold of what tasks and workers have committed.

1. A queue is in the order of the journal.
2. Nothing is kept of a worker that is dead and has no task left.
3. The fold of a commit says which workers may have something to do now.
"""

from dataclasses import dataclass, field

from events.receipt import CommandReceived
from events.record import Recorded
from events.task import TOPICS as TASKS
from events.task import (
    TaskAssigned,
    TaskCancelled,
    TaskFailed,
    TaskQueued,
    TaskReleased,
    TaskStarted,
    TaskSucceeded,
)
from events.worker import TOPICS as WORKERS
from events.worker import (
    WorkerCalled,
    WorkerDied,
    WorkerDraining,
    WorkerFreed,
    WorkerLost,
    WorkerPhase,
    WorkerReady,
    WorkerRegistered,
    WorkerTook,
)

OF_TASKS = frozenset(TASKS.values()) - {CommandReceived}
OF_WORKERS = frozenset(WORKERS.values()) - {CommandReceived}
HEEDED = OF_TASKS | OF_WORKERS
"""Classes of events that the books change with."""


@dataclass(slots=True)
class Place:
    """A worker, as far as it is to be given work."""

    is_known: bool = False
    """False for one that only tasks name."""
    phase: WorkerPhase = WorkerPhase.DEAD
    pod: str = ""
    task: str = ""
    """Stream of the task that it has, empty for none."""
    queue: dict[str, int] = field(default_factory=dict)
    """Streams of the tasks that wait, in order, each with its limit in microseconds."""
    left: dict[str, None] = field(default_factory=dict)
    """Tasks that have neither ended nor the worker, and are not in the queue."""


class TaskLedger:
    """The books of all workers."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.worker_of: dict[str, str] = {}
        """Worker of each pod, by their streams."""
        self._waits_for: dict[str, str] = {}

    def place(self, worker: str) -> Place:
        """Return the books of a worker; those of one that is not known are empty."""
        return self.places.get(worker) or Place()

    def _open(self, worker: str) -> Place:
        place = self.places.get(worker)
        if place is None:
            place = self.places[worker] = Place()
        return place

    def _tidy(self, worker: str) -> None:
        """Forget a worker that is dead and has nothing: of those that come and go nothing is to be kept."""
        place = self._open(worker)
        if place.phase is WorkerPhase.DEAD and not (place.task or place.queue or place.left):
            del self.places[worker]

    def fold(self, record: Recorded) -> str:
        """Take in what was committed; return the worker that may have something to do, empty for none."""
        kind = record.event.__class__
        if kind in OF_TASKS:
            return self._fold_task(record.stream, record.event)
        if kind in OF_WORKERS:
            return self._fold_worker(record.stream, record.event)
        return ""

    def _fold_task(self, task: str, event: object) -> str:
        match event:
            case TaskQueued():
                self._open(event.worker).queue[task] = event.limit_us
                self._waits_for[task] = event.worker
                return event.worker
            case TaskAssigned():
                self._place_of(task).queue.pop(task, None)
                self._place_of(task).left[task] = None
            case TaskStarted():
                self._place_of(task).queue.pop(task, None)
                self._place_of(task).left.pop(task, None)
            case TaskCancelled():
                return self._end(task)
            case TaskReleased():
                self._place_of(task).left[task] = None
            case TaskSucceeded() | TaskFailed():
                return self._end(task)
            case _:
                pass
        return ""

    def _place_of(self, task: str) -> Place:
        return self._open(self._waits_for[task])

    def _end(self, task: str) -> str:
        worker = self._waits_for.pop(task)
        place = self._open(worker)
        place.queue.pop(task, None)
        place.left.pop(task, None)
        self._tidy(worker)
        return worker

    def _fold_worker(self, worker: str, event: object) -> str:
        place = self._open(worker)
        match event:
            case WorkerRegistered():
                place.is_known, place.phase = True, WorkerPhase.REGISTERED
            case WorkerCalled():
                place.pod = event.pod
                self.worker_of[event.pod] = worker
            case WorkerReady():
                place.phase = WorkerPhase.IDLE
            case WorkerTook():
                place.phase, place.task = WorkerPhase.BUSY, event.task
            case WorkerFreed():
                place.task = ""
                if place.phase is WorkerPhase.BUSY:
                    place.phase = WorkerPhase.IDLE
            case WorkerLost():
                place.task = ""
                if place.phase is not WorkerPhase.DRAINING:
                    place.phase = WorkerPhase.REGISTERED
            case WorkerDraining():
                place.phase = WorkerPhase.DRAINING
            case WorkerDied():
                self.worker_of.pop(place.pod, None)
                place.phase, place.pod = WorkerPhase.DEAD, ""
                self._tidy(worker)
            case _:
                self._tidy(worker)
                return ""
        return worker
