"""Tasks that are done in time only: for planning, load tests and simulation.

1. What a task takes is for the plan to say; a worker is up a while after it was opened or lost.
2. Nothing is told inside a call of the engine; reports come from the clock.
"""

from collections.abc import Callable
from dataclasses import dataclass

from actors.effects.dispatch.engine import (
    Listener,
    Report,
    TaskBroke,
    TaskDone,
    TaskLeft,
    TaskOrder,
    WorkerGone,
    WorkerUp,
)
from actors.kernel.clock import Clock
from events.task import FailureKind
from events.worker import WorkerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """What a task takes, and how it ends."""

    held_us: int = 0
    after_us: int | None = None
    """Time that it goes on without its worker; None: it ends as it leaves it."""
    result: bytes | None = b""
    """None for a task that fails by itself."""
    is_crash: bool = False
    """Whether the worker is lost instead."""


@dataclass(slots=True)
class Booth:
    """A worker."""

    task: str = ""
    is_up: bool = False
    generation: int = 0
    """Raised when it is lost: what was planned before does not happen."""


class SimulatedTaskEngine:
    """An engine that does nothing, at the right times.

    Args:
        listener: Told of everything.
        clock: Of the reports.
        plan: Says of an order what it takes.
        start_us: Microseconds until a worker is up.
    """

    def __init__(
        self, listener: Listener, clock: Clock, plan: Callable[[TaskOrder], TaskPlan], *, start_us: int = 0
    ) -> None:
        self._listener = listener
        self._clock = clock
        self._plan = plan
        self._start_us = start_us
        self._booths: dict[str, Booth] = {}
        self._is_closed = False

    async def start(self) -> None:
        """Do nothing: there is nothing to make ready."""

    async def close(self) -> None:
        """Tell nothing any more."""
        self._is_closed = True

    async def open(self, worker: str, spec: WorkerSpec) -> None:
        """Have the worker be up soon."""
        del spec
        self._booths[worker] = Booth()
        self._rise(worker)

    def environment(self, worker: str) -> tuple[tuple[str, str], ...]:
        """Return nothing: there is no process."""
        del worker
        return ()

    def run(self, order: TaskOrder) -> None:
        """Let the task take its time."""
        booth, plan = self._booths[order.worker], self._plan(order)
        if not booth.is_up or booth.task:
            raise RuntimeError(f"{order.worker} cannot take {order.task}")
        booth.task = order.task
        self._after(order.worker, plan.held_us, lambda: self._held(order, plan))

    def kill(self, worker: str, reason: str) -> None:
        """Let the worker be lost."""
        if self._booths[worker].is_up:
            self._after(worker, 0, lambda: self.lose(worker, reason))
            self._booths[worker].task = ""

    def lose(self, worker: str, reason: str) -> None:
        """Let the worker be lost now, and another one come."""
        booth = self._booths[worker]
        if booth.is_up:
            booth.is_up, booth.task = False, ""
            booth.generation += 1
            self._tell(WorkerGone(worker=worker, reason=reason))
            self._rise(worker)

    def _rise(self, worker: str) -> None:
        def rise() -> None:
            self._booths[worker].is_up = True
            self._tell(WorkerUp(worker=worker))

        self._after(worker, self._start_us, rise)

    def _held(self, order: TaskOrder, plan: TaskPlan) -> None:
        worker, task = order.worker, order.task
        booth = self._booths[worker]
        if booth.task != task:
            return
        if plan.is_crash:
            self.lose(worker, "it crashed")
            return
        booth.task = ""
        if plan.after_us is None or plan.result is None:
            self._conclude(worker, task, plan)
            return
        self._tell(TaskLeft(worker=worker, task=task, held_us=None))
        self._after(worker, plan.after_us, lambda: self._conclude(worker, task, plan))

    def _conclude(self, worker: str, task: str, plan: TaskPlan) -> None:
        if plan.result is None:
            kind, message = FailureKind.USER, "the task failed by itself"
            self._tell(TaskBroke(worker=worker, task=task, kind=kind, message=message))
        else:
            self._tell(TaskDone(worker=worker, task=task, result=plan.result))

    def _after(self, worker: str, microseconds: int, call: Callable[[], None]) -> None:
        generation = self._booths[worker].generation

        def due() -> None:
            if not self._is_closed and self._booths[worker].generation == generation:
                call()

        self._clock.call_at(self._clock.now() + microseconds, due)

    def _tell(self, report: Report) -> None:
        self._listener(report)
