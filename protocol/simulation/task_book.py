"""Tasks and workers as the laws see them: what waits, what runs, what was ever run.

1. It is part of the books (books.py): read from the journal alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from actors.effects.dispatch import TaskOrder
from actors.task.state import TaskState
from actors.worker.state import WorkerState
from events.record import Recorded
from events.task import TaskPhase
from protocol.simulation.story import LawBroken


class TaskBook:
    """Everything about tasks that is committed."""

    def __init__(self) -> None:
        self.queues: dict[str, dict[str, None]] = {}
        """What waits for each worker, in order."""
        self._running: dict[str, dict[str, None]] = {}
        self._run: dict[str, None] = {}
        """Every task that an engine was ever given."""

    def fold(self, stream: str, record: Recorded, state: TaskState) -> None:
        """Take in an event of a task."""
        del record
        queue = self.queues.setdefault(state.worker, {})
        running = self._running.setdefault(state.worker, {})
        if state.phase is TaskPhase.QUEUED:
            queue[stream] = None
        else:
            queue.pop(stream, None)
        if state.phase is TaskPhase.RUNNING:
            running[stream] = None
        else:
            running.pop(stream, None)
        if state.phase is TaskPhase.CANCELLED and (state.started_at or stream in self._run):
            raise LawBroken("a task is started or cancelled, never both", stream)

    def check(self, records: Sequence[Recorded], states: Mapping[str, Any]) -> None:
        """Look at the whole of an append: each worker has what runs, and nothing else."""
        touched = [states.get(record.stream) for record in records]
        workers = {state.worker: None for state in touched if isinstance(state, TaskState)}
        workers |= {
            record.stream: None
            for record, state in zip(records, touched, strict=True)
            if isinstance(state, WorkerState)
        }
        for worker in workers:
            has = states.get(worker)
            running = list(self._running.get(worker, ()))
            if len(running) > 1:
                raise LawBroken("one task runs in a slot", f"{worker}: {running}")
            if isinstance(has, WorkerState) and [has.task] != (running or [""]):
                raise LawBroken("a worker has what runs", f"{worker} has {has.task}, {running} run")

    def justify(self, order: TaskOrder, states: Mapping[str, Any]) -> None:
        """Raise LawBroken unless an engine may be given the task, for the first time."""
        task, worker = states.get(order.task), states.get(order.worker)
        # By now it may have run into its limit, or its worker may be gone; it had been started.
        if not isinstance(task, TaskState) or not isinstance(worker, WorkerState) or not task.started_at:
            raise LawBroken("effects follow their commit", f"{order.task} is run and was not started")
        if order.task in self._run:
            raise LawBroken("a task runs once", order.task)
        if order.program is None:
            raise LawBroken("a task has its program", order.task)
        self._run[order.task] = None
