"""Calls of functions as the laws see them: what the journal says, what functions see, what callers are told.

1. A call has one task at most. It is made, started and taken by its slot in one append, and its end is
   one append with what becomes of the slot.
2. A function sees a call once, when its task is under way; and nobody sees one that was refused for
   want of room, ever.
3. A slot that is idle ends when it was so for its time, neither before nor long after.
4. When a server begins to serve, nothing is under way: what was failed with the server before.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from actors.task.state import TaskState
from actors.worker.state import WorkerState
from events.record import Recorded, entity_of
from events.task import TaskFailed, TaskPhase, TaskQueued, TaskStarted, TaskSucceeded
from events.worker import WorkerCalled, WorkerDied, WorkerFreed, WorkerLost, WorkerPhase, WorkerTook
from protocol.fn.wants import PROGRAM
from protocol.simulation.story import LawBroken

KIND = "slot"
IDLE = "IDLE_S"
"""What the configuration of every call says: how long its slot may be idle."""
PATIENCE = 30_000_000
"""Microseconds that a slot may take to end."""


class CallBook:
    """Everything about calls."""

    def __init__(self) -> None:
        self.tasks: dict[str, str] = {}
        """Stream of the task of each call."""
        self._calls: dict[str, str] = {}
        self._open: dict[str, None] = {}
        self._left: dict[str, None] = {}
        """Of those that are under way: begun by a server that is no more."""
        self._seen: dict[str, str] = {}
        self._refused: dict[str, None] = {}
        self._slots: dict[str, float] = {}
        """How long each slot may be idle, in microseconds."""
        self._idle: dict[str, int] = {}
        """Since when slots are idle."""
        self._called: dict[str, int] = {}
        """When slots that have done nothing yet were called: some time later they listen, and are timed."""

    @property
    def open(self) -> Sequence[str]:
        """Tasks that are under way."""
        return tuple(self._open)

    @property
    def idle(self) -> Mapping[str, int]:
        """Until when each slot may be idle."""
        return {slot: round(since + self._slots[slot]) for slot, since in self._idle.items()}

    # ------------------------------------------------------------ the journal

    def fold_task(self, record: Recorded, state: TaskState) -> None:
        """Take in an event of a task."""
        stream, event = record.stream, record.event
        if isinstance(event, TaskQueued):
            if event.program is None or event.program.kind != PROGRAM:
                return
            call = str(json.loads(event.program.body)["id"])
            if call in self.tasks:
                raise LawBroken("a call has one task", f"{call}: {self.tasks[call]} and {stream}")
            self.tasks[call], self._calls[stream] = stream, call
        if stream in self._calls:
            if state.phase.is_terminal:
                self._open.pop(stream, None)
                if self._left.pop(stream, "") is None and state.phase is not TaskPhase.FAILED:
                    raise LawBroken("unfinished calls fail with their server", f"{stream}: {state.phase}")
            else:
                self._open[stream] = None

    def fold_worker(self, record: Recorded, state: WorkerState) -> None:
        """Take in an event of a worker."""
        stream, at = record.stream, record.envelope.at
        if state.spec.kind != KIND:
            return
        if stream not in self._slots and state.spec.pod is not None:
            environment = dict(state.spec.pod.containers[0].environment)
            self._slots[stream] = float(environment[IDLE]) * 1e6
        since = self._idle.pop(stream, None)
        if state.phase is WorkerPhase.IDLE:
            self._idle[stream] = at if since is None else since
        if isinstance(record.event, WorkerCalled):
            self._called[stream] = at
        elif isinstance(record.event, WorkerTook):
            self._called.pop(stream, None)
        if isinstance(record.event, WorkerDied) and record.event.reason == "idle":
            was_idle = at - (at if since is None else since)
            at_most = at - self._called[stream] if stream in self._called else was_idle
            if at_most < self._slots[stream] or was_idle > self._slots[stream] + PATIENCE:
                raise LawBroken(
                    "idle slots end in time", f"{stream} ends after {was_idle}, not {self._slots[stream]}"
                )

    def check(self, records: Sequence[Recorded]) -> None:
        """Look at the whole of an append."""
        for record in records:
            if record.stream in self._calls:
                match record.event:
                    case TaskQueued():
                        kinds = [type(each.event) for each in records]
                        if kinds != [TaskQueued, TaskStarted, WorkerTook]:
                            raise LawBroken("a call and its slot begin together", f"{record.stream}: {kinds}")
                    case TaskSucceeded() | TaskFailed():
                        workers = [each for each in records if entity_of(each.stream) == "worker"]
                        if not any(isinstance(each.event, WorkerFreed | WorkerLost) for each in workers):
                            raise LawBroken("a call and its slot end together", record.stream)
                    case _:
                        pass

    def check_start(self, *, may_be_late: bool) -> None:
        """Look when a server begins to serve; where the disk refuses, what it found under way fails later."""
        if self._open and not may_be_late:
            raise LawBroken("unfinished calls fail with their server", f"{list(self._open)} are under way")
        self._left = dict(self._open)

    # ------------------------------------------------------------ functions and callers

    def see(self, call: str, process: str, states: Mapping[str, Any]) -> None:
        """Take in that a process sees a call."""
        stream = self.tasks.get(call)
        task = states.get(stream or "")
        if not isinstance(task, TaskState) or not task.started_at:
            raise LawBroken("effects follow their commit", f"{process} sees {call}, which is not begun")
        if call in self._seen:
            raise LawBroken("a call is seen once", f"{call} by {self._seen[call]} and {process}")
        if call in self._refused:
            raise LawBroken("what was refused is seen by nobody", f"{call} by {process}")
        self._seen[call] = process

    def refuse(self, call: str) -> None:
        """Take in that a caller was told to try elsewhere."""
        self._refused[call] = None
        if call in self._seen:
            raise LawBroken("what was refused is seen by nobody", f"{call} by {self._seen[call]}")

    def finish(self, call: str, states: Mapping[str, Any], *, is_success: bool, was_started: bool) -> None:
        """Take in that a caller was told how a call ended."""
        stream = self.tasks.get(call)
        if stream is None:
            if was_started or is_success:
                raise LawBroken("an end follows its commit", f"{call} has no task")
            return
        phase = states[stream].phase
        wanted = TaskPhase.SUCCEEDED if is_success else TaskPhase.FAILED
        if phase is not TaskPhase.DELETED and (was_started or is_success) and phase is not wanted:
            raise LawBroken(
                "an end follows its commit", f"{call} is told {wanted.value} and is {phase.value}"
            )
        if is_success and call not in self._seen:
            raise LawBroken("what succeeds was seen", call)
