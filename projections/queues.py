"""What waits for each worker, and how long it may take until something of it has ended.

1. A queue is the queued tasks of one worker, in the order of the journal. A task that leaves takes
   its place with it.
2. A delay has two ends: the lower one takes what tasks expect, the higher one what they may take.
   An expectation never counts for more than its limit, so the lower end is never above the higher.
3. Nothing is allowed for what may still come.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from events.task import TaskPhase
from projections.tasks import TaskView


class Delay(NamedTuple):
    """How long it takes from now until a task has ended, in microseconds."""

    minimum_us: int
    maximum_us: int


class Queues:
    """The queues of all workers."""

    def __init__(self) -> None:
        self._queues: dict[str, dict[str, TaskView]] = {}

    def put(self, task: TaskView) -> None:
        """Take in how a task is now."""
        queue = self._queues.get(task.worker)
        if task.phase is TaskPhase.QUEUED:
            if queue is None:
                queue = self._queues[task.worker] = {}
            queue[task.id] = task
        elif queue is not None and queue.pop(task.id, None) is not None and not queue:
            del self._queues[task.worker]

    def of(self, worker: str) -> Mapping[str, TaskView]:
        """Return what waits for a worker, by id, in order. Not to be changed."""
        return self._queues.get(worker, {})

    def ahead(self, task: TaskView) -> Iterator[TaskView]:
        """Yield what waits before a queued task."""
        for other in self.of(task.worker).values():
            if other.id == task.id:
                return
            yield other

    def delay(self, task: TaskView, running: TaskView | None, now: int) -> Delay:
        """Return how long a task takes from now on; `running` is what its worker has."""
        match task.phase:
            case TaskPhase.QUEUED:
                least = most = 0
                for one in (*self.ahead(task), task):
                    least += expected_us(one)
                    most += one.limit_us
                left = _left(running, now) if running is not None else Delay(0, 0)
                return Delay(left.minimum_us + least, left.maximum_us + most)
            case TaskPhase.ASSIGNED:
                return Delay(expected_us(task), task.limit_us)
            case TaskPhase.RUNNING:
                return _left(task, now)
            case _:
                return Delay(0, 0)


def expected_us(task: TaskView) -> int:
    """Return how long a task expects to hold its worker, at most as long as it may."""
    return min(task.estimate_us, task.limit_us)


def _left(running: TaskView, now: int) -> Delay:
    if running.phase is TaskPhase.ASSIGNED:
        return Delay(expected_us(running), running.limit_us)
    if running.phase is not TaskPhase.RUNNING:
        return Delay(0, 0)
    elapsed = now - running.started_at
    return Delay(max(0, expected_us(running) - elapsed), max(0, running.limit_us - elapsed))
