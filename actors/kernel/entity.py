"""The shell around every entity: from a command in the mailbox to events on their way to disk.

1. The order is always: decide, append, evolve. What depends on the append waits for its commit.
2. State evolves at once, so the next command in the mailbox sees it; nothing outside sees it
   before the commit.
3. Every outcome, a rejection and a no-op too, is held until the version it was decided on is
   committed: what turns out not to have happened has not been told to anybody.
4. An actor whose uncommitted events are lost forgets its state and reads it again.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import pykka
import structlog
from pykka._envelope import Envelope

from actors.kernel.decider import Code, Context, Decision, Entity, Rejection
from actors.kernel.mailbox import LoopFuture, Mailbox, StopFlag
from actors.kernel.request import Accepted, Answer, Request
from events.receipt import CommandReceived
from events.record import Delivery, Recorded

NOTHING_STORED = Rejection(Code.UNAVAILABLE, "the journal did not take the request; nothing was stored")
ABANDONED = Rejection(Code.UNAVAILABLE, "the caller went away before the request was decided")
ALREADY_ANSWERED = Accepted(None, 0)


class Part(NamedTuple):
    """What one actor contributes to an append."""

    actor: "EntityActor"
    decision: Decision


class Shell(Protocol):
    """What an actor is given of the kernel."""

    def context(self, request: Request) -> Context:
        """Make the context of a decision that is taken now."""

    def propose(self, parts: Sequence[Part], request: Request, reply: LoopFuture[Answer]) -> None:
        """Append what was decided, evolve the actors, and answer after the commit."""

    def schedule(self, actor: "EntityActor") -> None:
        """Give the actor a turn."""

    def came_to_rest(self, actor: "EntityActor") -> None:
        """Take note that the actor has nothing to do."""


class Held(NamedTuple):
    """An answer that waits for a commit."""

    version: int
    reply: LoopFuture[Answer]
    answer: Answer


class EntityActor(pykka.Actor):
    """One entity in memory."""

    is_queued = False

    def __init__(self, stream: str, entity: Entity[Any], shell: Shell) -> None:
        # pykka's own constructor makes a URN and a threading event: 1.5 KB that say nothing here.
        self.actor_urn = stream
        self.mailbox = self._create_actor_inbox()
        self.mailbox.bind(self)
        self.actor_inbox = self.mailbox
        self.actor_stopped = StopFlag()  # type: ignore[assignment]  # used as an event, needs no lock
        self._actor_ref = pykka.ActorRef(self)
        self.entity = entity
        self._shell = shell
        self.state: Any = None
        self.version = 0
        """Version of the last event decided, committed or not."""
        self.committed = 0
        """Version of the last event that is on disk."""
        self.generation = 0
        """Raised whenever state is lost: what was decided before no longer counts."""
        self.is_loaded = False
        self.seen: dict[str, tuple[int, int]] | None = None
        """Highest delivery taken of each sender; None stands for no sender."""
        self.sent_until = 0
        """Version up to which everything that was sent has been answered, as last recorded."""
        self.has_sent = False
        """True when commands were sent that the recorded `sent_until` does not cover."""
        self.unanswered: dict[int, int] | None = None
        """How many sent commands of each own version wait for an answer; None for none."""
        self._held: deque[Held] | None = None

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox()

    @staticmethod
    def _create_future() -> LoopFuture[Any]:
        return LoopFuture()

    def _start_actor_loop(self) -> None:
        self.on_start()
        if not self.mailbox.empty():
            self.wake()

    @property
    def stream(self) -> str:
        """Stream id of the entity."""
        return self.actor_urn

    # ------------------------------------------------------------ turns

    def wake(self) -> None:
        """Ask for a turn, once there is state to decide on."""
        if self.is_loaded:
            self._shell.schedule(self)

    @property
    def has_work(self) -> bool:
        """True while messages wait and there is state to decide on."""
        return self.is_loaded and not self.mailbox.empty()

    @property
    def is_idle(self) -> bool:
        """True when leaving memory would lose nothing."""
        return (
            self.is_loaded
            and self.version == self.committed
            and self.mailbox.empty()
            and not self._held
            and not self.unanswered
        )

    def turn(self, limit: int) -> int:
        """Take at most `limit` messages."""
        taken = 0
        while taken < limit and self.has_work:
            envelope: Envelope[Any] = self.mailbox.get()
            taken += 1
            self.receive(envelope.message, envelope.reply_to)  # type: ignore[arg-type]  # ours alone
        if not self.has_work:
            self._shell.came_to_rest(self)
        return taken

    def receive(self, request: Request, reply: LoopFuture[Answer]) -> None:
        """Decide one command; its answer follows when what it rests on is committed."""
        if request.is_abandoned:
            reply.set(ABANDONED)
            return
        if request.delivery is not None and self.has_seen(request.delivery):
            self.release(reply, ALREADY_ANSWERED)
            return
        try:
            outcome = self.entity.decide(self.state, request.command, self._shell.context(request))
        except Exception as error:  # noqa: BLE001 - a raise in a decider is a bug; it must not end the server
            structlog.get_logger().exception(
                "decider_raised", stream=self.stream, command=type(request.command).__name__
            )
            reply.fail(error)
            return
        if isinstance(outcome, Rejection):
            self.release(reply, outcome)
            return
        if not outcome.events and request.delivery is not None:
            outcome = Decision(events=(CommandReceived(),), opens=outcome.opens, result=outcome.result)
        if outcome.events or outcome.opens or request.keyed is not None:
            self._shell.propose((Part(self, outcome),), request, reply)
        else:
            self.release(reply, Accepted(outcome.result, 0))

    # ------------------------------------------------------------ state

    def has_seen(self, delivery: Delivery) -> bool:
        """Tell whether this delivery, or a later one of its sender, was taken before."""
        last = self.seen.get(delivery.sender) if self.seen is not None else None
        return last is not None and (delivery.version, delivery.ordinal) <= last

    def apply(self, event: object, delivery: Delivery | None) -> None:
        """Evolve by the next event of the stream."""
        self.version += 1
        if delivery is not None:
            if self.seen is None:
                self.seen = {}
            self.seen[delivery.sender] = (delivery.version, delivery.ordinal)
        if type(event) is not CommandReceived:
            self.state = self.entity.evolve(self.state, self.stream, event)

    def load(self, records: Sequence[Recorded]) -> None:
        """Take in events that are on disk, following what was loaded before."""
        for record in records:
            self.apply(record.event, record.envelope.delivery)
            self.committed = self.version
            for stream, version in record.envelope.delivered:
                if stream == self.stream:
                    self.sent_until = version

    def restore(
        self, state: object, version: int, seen: Mapping[str, tuple[int, int]], sent_until: int
    ) -> None:
        """Take in a snapshot, before the events that follow it."""
        self.state, self.version, self.committed = state, version, version
        self.seen = dict(seen) if seen else None
        self.sent_until = sent_until

    def loaded(self) -> None:
        """Begin to take messages."""
        self.is_loaded = True
        if not self.mailbox.empty():
            self.wake()

    def forget(self) -> None:
        """Drop everything that is not on disk; messages wait for the next load."""
        self.generation += 1
        self.state, self.version, self.committed = None, 0, 0
        self.seen, self.sent_until = None, 0
        self.is_loaded = False
        held, self._held = self._held, None
        for _, reply, _answer in held or ():
            reply.set(NOTHING_STORED)

    # ------------------------------------------------------------ answers

    def release(self, reply: LoopFuture[Answer], answer: Answer) -> None:
        """Answer now if all that was decided is committed, else when it is."""
        if self.version == self.committed:
            reply.set(answer)
            return
        if self._held is None:
            self._held = deque()
        self._held.append(Held(self.version, reply, answer))

    def advance(self, version: int) -> None:
        """Take note that events up to a version are on disk, and release what waited for them."""
        self.committed = max(self.committed, version)
        held = self._held
        while held and held[0].version <= self.committed:
            _, reply, answer = held.popleft()
            reply.set(answer)
        if held is not None and not held:
            self._held = None

    # ------------------------------------------------------------ what it sent

    def sent(self, version: int) -> None:
        """Count one more command that an event asked for."""
        self.has_sent = True
        if self.unanswered is None:
            self.unanswered = {}
        self.unanswered[version] = self.unanswered.get(version, 0) + 1

    def answered(self, version: int) -> None:
        """Count one command less."""
        waiting = self.unanswered
        if waiting is None or version not in waiting:
            return
        waiting[version] -= 1
        if not waiting[version]:
            del waiting[version]
        if not waiting:
            self.unanswered = None

    @property
    def cursor(self) -> int:
        """Version up to which everything that was sent has been answered."""
        return min(self.unanswered) - 1 if self.unanswered else self.committed
