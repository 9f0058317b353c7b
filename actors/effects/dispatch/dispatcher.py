"""Gives idle workers the first of their queues, sees that limits are kept, and tells how it went.

1. A task is started and a worker takes it in one append: started or cancelled, never both. Only
   after the commit is the task handed to the engine.
2. What is decided about one worker is decided in turn: the next only when the last was answered.
   What could not be stored is tried again; what is refused came too late, and is left.
3. The end of a task and what becomes of its worker are one append, too.
4. A task that holds its worker too long fails, and only then is the worker made to end.
5. At start nothing does any work: what was under way failed with the server before. A disk that is full
   keeps no server from starting: what could not be stored then is tried again, too.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

import structlog

from actors.effects.dispatch.engine import (
    Report,
    TaskBroke,
    TaskDone,
    TaskEngine,
    TaskLeft,
    TaskOrder,
    WorkerGone,
    WorkerUp,
)
from actors.effects.dispatch.ledger import Place, TaskLedger
from actors.effects.dispatch.orders import Orders
from actors.kernel.clock import Clock, Timer
from actors.kernel.decider import Code, Rejection
from actors.kernel.kernel import Kernel
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import TRANSIENT, Answer
from actors.task.commands import FailTask, ReleaseTask, StartTask, SucceedTask
from actors.worker.commands import (
    CallWorker,
    DrainWorker,
    FreeWorker,
    LoseWorker,
    ReadyWorker,
    RegisterWorker,
    TakeTask,
)
from events.journal import Outcome
from events.record import Recorded, id_of
from events.task import FailureKind
from events.worker import WorkerPhase, WorkerSpec

PAUSE_S = 1.0
"""Before what could not be stored is tried again."""
SERVER_ENDED = "the server ended while the task was under way"

Commands = tuple[tuple[str, object], ...]
Later = Callable[[float, Callable[[], None]], object]
Spawn = Callable[[Awaitable[None]], object]


@dataclass(slots=True)
class Step:
    """Something to decide about a worker, and what follows when it was accepted."""

    commands: Callable[[], Commands]
    """Made when its turn has come: what was decided before it counts."""
    then: Callable[[], None] | None = None


@dataclass(slots=True)
class Seat:
    """A worker, as the dispatcher sees it."""

    steps: deque[Step] = field(default_factory=deque)
    is_asking: bool = False
    task: str = ""
    """Stream of the task that the engine was given, empty for none."""
    limit: Timer | None = None
    is_up: bool = False
    """Whether the engine has told that it can be given a task, and not that it is gone."""
    is_called: bool = False
    """Whether it was told that there is work for it, since it last went."""


class Dispatch:
    """All queues and all workers."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        engine: TaskEngine,
        orders: Orders,
        clock: Clock,
        later: Later,
        spawn: Spawn,
    ) -> None:
        self._kernel = kernel
        self._engine = engine
        self._orders = orders
        self._clock = clock
        self._later = later
        self._spawn = spawn
        self._ledger = TaskLedger()
        self._seats: dict[str, Seat] = {}
        self._due: dict[str, None] = {}
        """Workers that are to be looked at."""
        self._is_serving = False
        kernel.observe(self._observe)

    @property
    def waiting(self) -> int:
        """Tasks in all queues."""
        return sum(len(place.queue) for place in self._ledger.places.values())

    def environment(self, pod: str) -> tuple[tuple[str, str], ...]:
        """Return what a pod has to be told in its environment, nothing for one of no worker."""
        worker = self._ledger.worker_of.get(f"pod/{pod}")
        return () if worker is None else self._engine.environment(worker)

    def recall(self, record: Recorded) -> None:
        """Take in a record of the past, at start."""
        self._ledger.fold(record)

    # ------------------------------------------------------------ start and end

    async def start(self, declared: Mapping[str, WorkerSpec], ended_at: int) -> Rejection | None:
        """Fail what was under way, register what is declared, and begin; return why that is refused.

        `ended_at` is when the server was last known to run, microseconds since the epoch: no task has held
        its worker since.
        """
        await self._engine.start()
        for worker, place in list(self._ledger.places.items()):
            loses = LoseWorker(reason="the server ended", task=place.task)
            commands = _losing(worker, place, SERVER_ENDED, loses, until=ended_at)
            if (refused := await self._settle(worker, commands)) is not None:
                return refused
        for name, spec in declared.items():
            await self._engine.open(f"worker/{name}", spec)
            commands = ((f"worker/{name}", RegisterWorker(name=name, spec=spec)),)
            if (refused := await self._settle(f"worker/{name}", commands)) is not None:
                return refused
        for worker, place in list(self._ledger.places.items()):
            if id_of(worker) in declared or place.phase is WorkerPhase.DEAD:
                continue
            if (refused := await self._settle(worker, ((worker, DrainWorker()),))) is not None:
                return refused
        self._is_serving = True
        for worker in self._ledger.places:
            self._call_round(worker)
        return None

    async def _settle(self, worker: str, commands: Commands) -> Rejection | None:
        """Have it stored, later if the disk takes nothing now; return why it is refused for good."""
        while True:
            answers = await self._kernel.ask_together(commands)
            refused = next((answer for answer in answers if isinstance(answer, Rejection)), None)
            if refused is None or refused.code not in TRANSIENT:
                return refused
            if refused.code is not Code.EXHAUSTED:
                self._decide(worker, Step(lambda: commands))
                return None
            room: LoopFuture[None] = LoopFuture()  # others' appends are on their way: it is soon there
            self._later(PAUSE_S, room.set)
            await room

    async def close(self) -> None:
        """Hand out nothing more."""
        self._is_serving = False
        for seat in self._seats.values():
            _disarm(seat)
        await self._engine.close()

    # ------------------------------------------------------------ rounds

    def _observe(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            for record in outcome.records or ():
                if worker := self._ledger.fold(record):
                    self._call_round(worker)

    def _call_round(self, worker: str) -> None:
        if self._is_serving and worker not in self._due and self._ledger.place(worker).queue:
            if not self._due:
                self._later(0, self._round)
            self._due[worker] = None

    def _round(self) -> None:
        due, self._due = self._due, {}
        for worker in due:
            self._look(worker)

    def _look(self, worker: str) -> None:
        place = self._ledger.place(worker)
        if not self._is_serving or not place.queue:
            return
        seat = self._seat(worker)
        if seat.steps or seat.task:
            return
        if place.phase is WorkerPhase.IDLE:
            task, limit_us = next(iter(place.queue.items()))
            commands: Commands = ((task, StartTask(worker=worker)), (worker, TakeTask(task=task)))
            self._decide(worker, Step(lambda: commands, lambda: self._begin(worker, task, limit_us)))
        elif place.phase is WorkerPhase.REGISTERED and not seat.is_called:
            seat.is_called = True
            self._kernel.tell(worker, CallWorker(name=id_of(worker))).then(
                lambda done: self._called(worker, done)
            )

    def _called(self, worker: str, done: LoopFuture[Answer]) -> None:
        if not _was_accepted(done):
            self._seat(worker).is_called = False
            self._later(PAUSE_S, lambda: self._call_round(worker))

    def _begin(self, worker: str, task: str, limit_us: int) -> None:
        seat = self._seat(worker)
        seat.task = task
        if not seat.is_up:
            return  # it went meanwhile: what is to be decided next fails the task
        seat.limit = self._clock.call_in(limit_us, lambda: self._expire(worker, task, limit_us))
        self._spawn(self._hand_over(worker, task))

    async def _hand_over(self, worker: str, task: str) -> None:
        try:
            order: TaskOrder = await self._orders.read(worker, task)
        except Exception as error:  # noqa: BLE001 - whatever it is, the task must not wait for ever
            structlog.get_logger().exception("task_unreadable", task=task)
            kind, message = FailureKind.SERVICE, f"the task could not be read: {error}"
            self.report(TaskBroke(worker=worker, task=task, kind=kind, message=message, held_us=0))
            return
        if self._seat(worker).task == task and self._is_serving:
            self._engine.run(order)

    def _expire(self, worker: str, task: str, limit_us: int) -> None:
        seat = self._seat(worker)
        if seat.task != task:
            return
        seat.limit = None
        message = f"the task held its worker longer than its limit of {limit_us / 1e6:g} s"
        fails = FailTask(worker=worker, kind=FailureKind.TIMEOUT, message=message)
        loses = LoseWorker(reason="a task ran into its limit", task=task, restart=True)
        commands: Commands = ((task, fails), (worker, loses))
        self._decide(worker, Step(lambda: commands, lambda: self._kill(worker, task)))

    def _kill(self, worker: str, task: str) -> None:
        if self._seat(worker).task == task:
            self._leave(worker)
        self._engine.kill(worker, "a task ran into its limit")

    # ------------------------------------------------------------ what the engine tells

    def report(self, report: Report) -> None:
        """Take in what the engine reports."""
        worker = report.worker
        seat = self._seat(worker)
        match report:
            case WorkerUp():
                seat.is_up = True
                self._decide(worker, Step(lambda: ((worker, ReadyWorker()),)))
            case WorkerGone():
                seat.is_up = seat.is_called = False
                self._decide(worker, Step(lambda: self._losing(worker, report.reason)))
            case TaskLeft():
                if seat.task == report.task:
                    self._leave(worker)
                    releases = ReleaseTask(worker=worker, held_us=report.held_us)
                    commands = _freeing(worker, report.task, releases)
                    self._decide(worker, Step(lambda: commands))
            case TaskDone():
                succeeds = SucceedTask(worker=worker, result=report.result, held_us=report.held_us)
                self._end(worker, report.task, succeeds)
            case TaskBroke():
                kind, message, held_us = report.kind, report.message, report.held_us
                self._end(
                    worker, report.task, FailTask(worker=worker, kind=kind, message=message, held_us=held_us)
                )
            case _:
                assert_never(report)

    def _end(self, worker: str, task: str, ends: SucceedTask | FailTask) -> None:
        if self._seat(worker).task == task:
            self._leave(worker)
            freeing = _freeing(worker, task, ends)
            self._decide(worker, Step(lambda: freeing))
        else:
            self._decide(worker, Step(lambda: ((task, ends),)))

    def _losing(self, worker: str, reason: str) -> Commands:
        place = self._ledger.place(worker)
        self._leave(worker)
        return _losing(
            worker, place, f"the worker was lost: {reason}", LoseWorker(reason=reason, task=place.task)
        )

    def _leave(self, worker: str) -> None:
        seat = self._seat(worker)
        seat.task = ""
        _disarm(seat)

    # ------------------------------------------------------------ one decision after another

    def _seat(self, worker: str) -> Seat:
        seat = self._seats.get(worker)
        if seat is None:
            seat = self._seats[worker] = Seat()
        return seat

    def _decide(self, worker: str, step: Step) -> None:
        self._seat(worker).steps.append(step)
        self._next(worker)

    def _next(self, worker: str) -> None:
        seat = self._seat(worker)
        if seat.is_asking:
            return
        if not seat.steps:
            self._call_round(worker)
            return
        if not (commands := seat.steps[0].commands()):  # nothing is known of the worker any more
            seat.steps.popleft()
            self._next(worker)
            return
        seat.is_asking = True
        self._kernel.ask_together(commands).then(lambda done: self._answered(worker, done))

    def _answered(self, worker: str, done: LoopFuture[tuple[Answer, ...]]) -> None:
        seat = self._seat(worker)
        try:
            refused = next((answer for answer in done.get() if isinstance(answer, Rejection)), None)
        except Exception as error:  # noqa: BLE001 - a bug of a decider's, logged where it was raised
            structlog.get_logger().error("dispatch_failed", worker=worker, error=str(error))
            refused = None
            seat.steps[0].then = None
        if refused is not None and refused.code in TRANSIENT:
            self._later(PAUSE_S, lambda: self._again(worker))
            return
        step = seat.steps.popleft()
        seat.is_asking = False
        if refused is None and step.then is not None:
            step.then()
        self._next(worker)

    def _again(self, worker: str) -> None:
        self._seat(worker).is_asking = False
        self._next(worker)


def _freeing(worker: str, task: str, command: object) -> Commands:
    return ((task, command), (worker, FreeWorker(task=task)))


def _losing(worker: str, place: Place, message: str, loses: LoseWorker, until: int | None = None) -> Commands:
    """Return how a worker is lost, with everything that it had."""
    fails = FailTask(worker=worker, kind=FailureKind.SERVICE, message=message, until=until)
    tasks = [*place.left, *([place.task] if place.task else [])]
    return (*((task, fails) for task in tasks), *(((worker, loses),) if place.is_known else ()))


def _was_accepted(done: LoopFuture[Answer]) -> bool:
    try:
        return not isinstance(done.get(), Rejection)
    except Exception:  # noqa: BLE001 - a bug of the decider's, logged there
        return False


def _disarm(seat: Seat) -> None:
    if seat.limit is not None:
        seat.limit.cancel()
        seat.limit = None
