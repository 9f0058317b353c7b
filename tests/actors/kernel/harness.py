"""A kernel on a journal in memory, taken step by step: no thread, no loop, no time but its own.

1. `step` does the next thing that is due; `settle` does all that does not need time to pass.
2. `crash` forgets everything but the journal, and starts anew over it.
3. The same calls give the same run, to the last event.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import replace
from types import coroutine
from typing import Any

from actors.kernel.clock import VirtualClock
from actors.kernel.decider import Context, Rejection
from actors.kernel.decider import Outcome as DecisionOutcome
from actors.kernel.dispatcher import Dispatcher
from actors.kernel.entity import EntityActor
from actors.kernel.kernel import Kernel, Surroundings
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer, Request
from events.codec import Codec
from events.journal import Committer, Fault, Journal, MemoryRecorder, Outcome, Reader, SteppedWriter
from events.receipt import TOPICS as KERNEL_TOPICS
from events.record import Recorded
from tests.actors.kernel.account import ACCOUNT, TOPICS, Account, Show

A, B, C = "account/a", "account/b", "account/c"


@coroutine
def _turn() -> Generator[None, None, None]:
    """Let others go on first."""
    yield


class World:
    """One journal, and the kernel that lives over it now.

    Args:
        max_appends: Bound of the writer's queue.
        batch_events: How many events one commit stores.
        mailbox_bound: As the kernel's.
        resident_bound: As the kernel's.
        dispatcher: Makes the dispatcher from what defers; the kernel's own when None.
        snapshot_schema: Of accounts.
        decide: Decides for accounts.
    """

    def __init__(
        self,
        *,
        max_appends: int = 20_000,
        batch_events: int = 2_000,
        mailbox_bound: int = 10_000,
        resident_bound: int = 250_000,
        dispatcher: Callable[[Callable[[Callable[[], None]], object]], Dispatcher] | None = None,
        snapshot_schema: int = 1,
        decide: Callable[[Account | None, object, Context], DecisionOutcome] = ACCOUNT.decide,
    ) -> None:
        self.codec = Codec((TOPICS, KERNEL_TOPICS))
        self.recorder = MemoryRecorder("test")
        self.max_appends = max_appends
        self.batch_events = batch_events
        self.mailbox_bound = mailbox_bound
        self.resident_bound = resident_bound
        self.make_dispatcher = dispatcher
        self.snapshot_schema = snapshot_schema
        self.decide = decide
        self.clock = VirtualClock()
        self.shown: list[tuple[str, str]] = []
        """What performers were given: stream and text."""
        self.commits: list[tuple[Recorded, ...]] = []
        """Records of each append, as observers saw them."""
        self.fenced: list[str] = []
        self.pages = 0
        """Pages that were read off the loop."""
        self.start()

    def start(self) -> None:
        """Start a kernel over the journal."""
        self.deferred: deque[Callable[[], None]] = deque()
        self.coroutines: deque[Awaitable[None]] = deque()
        self.clock = VirtualClock(self.clock.now())
        journal = Journal.in_memory(self.codec, recorder=self.recorder)
        self.committer = Committer(journal, max_appends=self.max_appends, batch_events=self.batch_events)
        self.writer = SteppedWriter(self.committer, self._conclude)
        self.reader: Reader = journal.reader()
        self.kernel = Kernel(
            entities=(replace(ACCOUNT, snapshot_schema=self.snapshot_schema, decide=self.decide),),
            codec=self.codec,
            writer=self.writer,
            point_reader=self.reader,
            world=Surroundings(
                clock=self.clock,
                new_id=lambda: "id",
                defer=self.deferred.append,
                later=lambda seconds, call: self.clock.call_at(
                    self.clock.now() + round(seconds * 1_000_000), call
                ),
                spawn=self.coroutines.append,
                read_page=self._read_page,
                on_fenced=self.fenced.append,
            ),
            dispatcher=self.make_dispatcher(self.deferred.append) if self.make_dispatcher else None,
            mailbox_bound=self.mailbox_bound,
            resident_bound=self.resident_bound,
        )
        self.kernel.perform_with(Show, lambda stream, effect: self.shown.append((stream, effect.text)))
        self.kernel.observe(
            lambda outcomes: self.commits.extend(outcome.records or () for outcome in outcomes)
        )
        self.kernel.recover(self.reader.scan(), {})()

    def crash(self) -> None:
        """Lose all but the journal; then start."""
        for left in self.coroutines:
            left.close()  # type: ignore[attr-defined]  # a coroutine
        self.start()

    def _conclude(self, outcomes: Sequence[Outcome]) -> None:
        self.kernel.conclude(outcomes)

    async def _read_page(self, stream: str, after: int, limit: int) -> list[Recorded]:
        await _turn()
        self.pages += 1
        return self.reader.stream(stream, after=after, limit=limit)

    # ------------------------------------------------------------ steps

    def step(self, pick: Callable[[int], int] = lambda _: 0) -> bool:
        """Do one of the things that need no time; False when there is none."""
        possible: list[Callable[[], None]] = []
        if self.deferred:
            possible.append(self._call)
        if self.coroutines:
            possible.append(self._advance)
        if self.writer.can_deliver:
            possible.append(self.writer.deliver)
        if self.writer.can_commit:
            possible.append(self.writer.commit)
        if possible:
            possible[pick(len(possible))]()
        return bool(possible)

    def _call(self) -> None:
        self.deferred.popleft()()

    def _advance(self) -> None:
        running: Any = self.coroutines.popleft()
        try:
            running.send(None)
        except StopIteration:
            return
        self.coroutines.append(running)

    def think(self) -> None:
        """Let actors decide; nothing is committed."""
        while self.deferred:
            self.deferred.popleft()()

    def settle(self) -> None:
        """Do all that needs no time."""
        while self.step():
            pass

    def run(self) -> None:
        """Do all, letting time pass as far as something waits for it."""
        self.settle()
        while (due := self.clock.next_at()) is not None:
            self.clock.advance(due - self.clock.now())
            self.settle()

    # ------------------------------------------------------------ looking

    def tell(self, stream: str, *commands: object) -> list[LoopFuture[Answer]]:
        """Give commands to one entity."""
        return [self.kernel.tell(stream, command) for command in commands]

    def ask(self, stream: str, command: object) -> Answer:
        """Give a command and do all that needs no time."""
        (reply,) = self.tell(stream, command)
        self.settle()
        return reply.get()

    def request(self, stream: str, request: Request) -> LoopFuture[Answer]:
        """Put a request into a mailbox."""
        reply: LoopFuture[Answer] = LoopFuture()
        self.kernel.directory.deliver(stream, request, reply)
        return reply

    def actor(self, stream: str) -> EntityActor:
        """Return the actor of a stream that is in memory."""
        actor = self.kernel.directory.resident(stream)
        assert actor is not None
        return actor

    def state(self, stream: str) -> Account:
        """Return the state of an entity that is in memory or wakes at once."""
        actor = self.kernel.directory.wake(stream)
        self.settle()
        assert isinstance(actor.state, Account)
        return actor.state

    def events(self, stream: str) -> list[object]:
        """Return the events of a stream, as they stand in the journal."""
        return [record.event for record in self.reader.stream(stream, limit=1_000_000)]

    def fail_with(self, *faults: Fault) -> None:
        """Let the next commits fail."""
        self.recorder.plan(*faults)


def memory_of(actor: EntityActor) -> tuple[object, ...]:
    """Return all that an actor knows of its stream."""
    return actor.state, actor.version, actor.committed, actor.seen, actor.sent_until


def results(replies: Sequence[LoopFuture[Answer]]) -> list[object]:
    """Return what was answered: results, refusals by their code, None for what waits."""
    return [_result(reply.get()) if reply.is_done else None for reply in replies]


def _result(answer: Answer) -> object:
    match answer:
        case Accepted(result):
            return "accepted" if result is None else result
        case Rejection(code):
            return code
