"""A kernel with tasks and workers, its dispatcher and a simulated engine, taken step by step.

1. What a task takes is set by the test, by id; without that it takes a second and ends well.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from actors import pod, task, worker
from actors.effects.dispatch import Dispatch, Report, TaskOrder
from actors.effects.dispatch.ledger import HEEDED
from actors.effects.dispatch.orders import Orders
from actors.effects.dispatch.simulated import SimulatedTaskEngine, TaskPlan
from actors.kernel.clock import VirtualClock
from actors.kernel.decider import Rejection
from actors.kernel.kernel import Kernel, Surroundings
from actors.pod.commands import RequestPlacement
from actors.task.commands import NewTask, SubmitTasks, TaskGroup
from events import pod as pod_events
from events import receipt as receipt_events
from events import task as task_events
from events import worker as worker_events
from events.attachment import Attachment
from events.codec import Codec
from events.journal import Committer, Journal, MemoryRecorder, Outcome, SteppedWriter
from events.record import Recorded
from events.worker import WorkerSpec

SECOND = 1_000_000
W = "worker/w"
PROGRAM = Attachment("test.program", 1, b"run")


class Hall:
    """One journal, and what lives over it now.

    Args:
        spec: Of the one worker, None for none declared.
    """

    def __init__(self, spec: WorkerSpec | None = WorkerSpec(kind="test")) -> None:  # noqa: B008 - frozen
        self.spec = spec
        self.codec = Codec(
            (task_events.TOPICS, worker_events.TOPICS, pod_events.TOPICS, receipt_events.TOPICS),
            interned=(pod_events.PodSpec,),
        )
        self.recorder = MemoryRecorder("hall")
        self.clock = VirtualClock()
        self.plans: dict[str, TaskPlan] = {}
        self.ran: list[str] = []
        """Tasks that the engine was given, in order."""
        self.programs: list[Attachment | None] = []
        self.reports: list[Report] = []
        self.refused: Rejection | None = None
        self.start()

    def start(self) -> None:
        """Start over the journal."""
        self.deferred: deque[Callable[[], None]] = deque()
        self.coroutines: deque[Any] = deque()
        self.clock = VirtualClock(self.clock.now())
        journal = Journal.in_memory(self.codec, recorder=self.recorder)
        self.reader = journal.reader()
        self.writer = SteppedWriter(Committer(journal, max_appends=100, batch_events=100), self._conclude)
        self.kernel = Kernel(
            entities=(task.ENTITY, worker.ENTITY, pod.ENTITY),
            codec=self.codec,
            writer=self.writer,
            point_reader=self.reader,
            world=Surroundings(
                clock=self.clock,
                new_id=lambda: "id",
                defer=self.deferred.append,
                later=self.later,
                spawn=self.coroutines.append,
                read_page=self.read_page,
                on_fenced=lambda _: None,
            ),
        )
        self.kernel.perform_with(RequestPlacement, lambda _stream, _effect: None)
        self.engine = SimulatedTaskEngine(self._heard, self.clock, self._planned)
        self.dispatch = Dispatch(
            kernel=self.kernel,
            engine=self.engine,
            orders=Orders(self.read_page),
            clock=self.clock,
            later=self.later,
            spawn=self.coroutines.append,
        )
        self.kernel.recover(self.reader.scan(), dict.fromkeys(HEEDED, self.dispatch.recall))()
        self.refused = asyncio.run(self._begin())
        self.settle()

    async def _begin(self) -> Rejection | None:
        last = self.reader.page(max(1, self.reader.head()), 1)
        ended_at = last[0].envelope.at if last else 0
        declared = {} if self.spec is None else {"w": self.spec}
        beginning = asyncio.ensure_future(self.dispatch.start(declared, ended_at))
        while not beginning.done():
            self.settle()
            await asyncio.sleep(0)
        return beginning.result()

    def later(self, seconds: float, call: Callable[[], None]) -> object:
        return self.clock.call_at(self.clock.now() + round(seconds * SECOND), call)

    async def read_page(self, stream: str, after: int, limit: int) -> list[Recorded]:
        return self.reader.stream(stream, after=after, limit=limit)

    def _conclude(self, outcomes: Sequence[Outcome]) -> None:
        self.kernel.conclude(outcomes)

    def _heard(self, report: Report) -> None:
        self.reports.append(report)
        self.dispatch.report(report)

    def _planned(self, order: TaskOrder) -> TaskPlan:
        self.ran.append(order.task.removeprefix("task/"))
        self.programs.append(order.program)
        return self.plans.get(self.ran[-1], TaskPlan(held_us=SECOND, result=b"done"))

    # ------------------------------------------------------------ steps

    def settle(self) -> None:
        """Do all that needs no time."""
        while True:
            if self.deferred:
                self.deferred.popleft()()
            elif self.coroutines:
                self._go_on(self.coroutines.popleft())
            elif self.writer.can_deliver:
                self.writer.deliver()
            elif self.writer.can_commit:
                self.writer.commit()
            elif self.clock.next_at() == self.clock.now():
                self.clock.advance()
            else:
                return

    def _go_on(self, running: Awaitable[None]) -> None:
        try:
            running.send(None)  # type: ignore[attr-defined] # a coroutine
        except StopIteration:
            return
        self.coroutines.append(running)

    def wait(self, microseconds: int) -> None:
        """Let time pass, and do all that comes."""
        end = self.clock.now() + microseconds
        self.settle()
        while (due := self.clock.next_at()) is not None and due <= end:
            self.clock.advance(due - self.clock.now())
            self.settle()
        self.clock.advance(end - self.clock.now())

    def submit(self, *ids: str, limit_us: int = 60 * SECOND, plan: TaskPlan | None = None) -> None:
        """Queue tasks of one request."""
        if plan is not None:
            self.plans |= dict.fromkeys(ids, plan)
        group = TaskGroup(
            worker=W,
            limit_us=limit_us,
            keep_us=10**12,
            program=PROGRAM,
            tasks=tuple(NewTask(id=id) for id in ids),  # noqa: A001 - the name of the thing
        )
        reply = self.kernel.tell(f"task/{ids[0]}", SubmitTasks(groups=(group,)))
        self.settle()
        assert not isinstance(reply.get(), Rejection)

    # ------------------------------------------------------------ looking

    def state(self, stream: str) -> Any:
        """Return the state of an entity."""
        actor = self.kernel.directory.wake(stream)
        self.settle()
        return actor.state

    def phases(self, *ids: str) -> list[str]:
        """Return the phases of tasks."""
        return [self.state(f"task/{id}").phase.value for id in ids]  # noqa: A001

    def tell(self, stream: str, command: object) -> None:
        """Give a command and do all that needs no time."""
        self.kernel.tell(stream, command)
        self.settle()
