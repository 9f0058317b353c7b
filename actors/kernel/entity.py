"""The shell around every entity: from a command in the mailbox to events on their way to disk.

1. The order is always: decide, append, evolve. What depends on the append waits for its commit.
2. State evolves at once, so the next command in the mailbox sees it; nothing outside sees it
   before the commit.
3. Every outcome, a rejection and a no-op too, is held until the version it was decided on is
   committed: what turns out not to have happened has not been told to anybody.
4. An actor whose uncommitted events are lost forgets its state and reads it again.
5. A command of another entity is decided once: a no-op and a refusal leave an event too, so that a
   repeat finds it taken. Two leave none: a refusal that asks to be tried again, and any answer of an
   entity that does not exist, since events alone make an entity.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import pykka
import structlog
from pykka._envelope import Envelope

from actors.kernel.decider import Code, Context, Decision, Entity, Rejection, Send
from actors.kernel.mailbox import LoopFuture, Mailbox, StopFlag
from actors.kernel.request import TRANSIENT, Accepted, Answer, Request
from events.receipt import CommandReceived
from events.record import Delivery, Recorded
from events.record import Envelope as RecordEnvelope

NOTHING_STORED = Rejection(Code.UNAVAILABLE, "the journal did not take the request; nothing was stored")
ABANDONED = Rejection(Code.UNAVAILABLE, "the caller went away before the request was decided")
ALREADY_ANSWERED = Accepted(None, 0)
TAKEN = Decision(events=(CommandReceived(),))


class OutOfOrder(LookupError):  # noqa: N818 - said of what was found
    """An event does not follow the one before it: the journal has lost some, or a reader has."""

    def __init__(self, stream: str, version: int, before: int) -> None:
        super().__init__(f"version {version} of {stream} stands after {before}")


class Part(NamedTuple):
    """What one actor contributes to an append."""

    actor: "EntityActor"
    decision: Decision


class Shell(Protocol):
    """What an actor is given of the kernel."""

    def context(self, request: Request) -> Context:
        """Make the context of a decision that is taken now."""

    def propose(self, parts: Sequence[Part], request: Request, reply: LoopFuture[Answer], at: int) -> None:
        """Append what was decided at a time, evolve the actors, and answer after the commit."""

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

    def __init__(self, stream: str, entity: Entity[Any], shell: Shell) -> None:
        # pykka's own constructor makes a URN and a threading event: 1.5 KB that say nothing here.
        self.actor_urn = self.stream = stream
        self.actor_inbox = self.mailbox = Mailbox(self)
        self.is_stopped = False
        self.is_queued = False
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
        self.first_sent = 0
        """First own version with a command that `sent_until` does not cover, 0 for none."""
        self.saved = 0
        """Version of its newest snapshot, as far as it knows."""
        self.unanswered: dict[int, int] | None = None
        """How many sent commands of each own version wait for an answer; None for none."""
        self.owing = 0
        """Events on disk that have not asked for their effects yet: what it sends is not counted before."""
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

    # pykka keeps both; here they are made when somebody asks, and an idle actor is 300 bytes smaller.

    @property
    def _actor_ref(self) -> pykka.ActorRef[Any]:  # type: ignore[override]
        return pykka.ActorRef(self)

    @property
    def actor_stopped(self) -> StopFlag:  # type: ignore[override]
        """What pykka takes for an event of threads."""
        return StopFlag(self)

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
            and not self.owing
        )

    def turn(self, limit: int) -> int:
        """Take at most `limit` messages."""
        taken = 0
        mailbox = self.mailbox
        while taken < limit and self.is_loaded and not mailbox.empty():
            envelope: Envelope[Any] = mailbox.get()
            taken += 1
            reply: Any = envelope.reply_to
            self.receive(envelope.message, LoopFuture() if reply is None else reply)
        if self.version == self.committed and not self.has_work:
            self._shell.came_to_rest(self)
        return taken

    def receive(self, request: Request, reply: LoopFuture[Answer]) -> None:
        """Decide one command; its answer follows when what it rests on is committed."""
        if request.is_abandoned:
            reply.set(ABANDONED)
            return
        delivery = request.delivery
        if delivery is not None and self.has_seen(delivery):
            self.release(reply, ALREADY_ANSWERED)
            return
        context = self._shell.context(request)
        try:
            outcome = self.entity.decide(self.state, request.command, context)
        except Exception as error:  # noqa: BLE001 - a raise in a decider is a bug; it must not end the server
            structlog.get_logger().exception(
                "decider_raised", stream=self.stream, command=type(request.command).__name__
            )
            reply.fail(error)
            return
        if isinstance(outcome, Rejection):
            if delivery is not None and self.version and outcome.code not in TRANSIENT:
                # Decided again after a restart it might be accepted. Its sender needs to know only its end.
                self._shell.propose((Part(self, TAKEN),), request, reply, context.now)
            else:
                self.release(reply, outcome)
            return
        if delivery is not None and not outcome.events and (self.version or outcome.opens):
            outcome = Decision(events=TAKEN.events, opens=outcome.opens, result=outcome.result)
        if outcome.events or outcome.opens or request.keyed is not None:
            part = tuple.__new__(Part, (self, outcome))  # as `Part(…)`, which would call Python's
            self._shell.propose((part,), request, reply, context.now)
        else:
            self.release(reply, Accepted(outcome.result, 0))

    # ------------------------------------------------------------ state

    def has_seen(self, delivery: Delivery) -> bool:
        """Tell whether this delivery, or a later one of its sender, was taken before."""
        last = self.seen.get(delivery.sender) if self.seen is not None else None
        return last is not None and (delivery.version, delivery.ordinal) <= last

    def evolved(self, state: object, version: int, delivery: Delivery | None) -> None:
        """Take over the state after events that are on their way to disk."""
        self.state, self.version = state, version
        if delivery is not None:
            self._mark(delivery)

    def _mark(self, delivery: Delivery) -> None:
        if self.seen is None:
            self.seen = {}
        self.seen[delivery.sender] = (delivery.version, delivery.ordinal)

    def load(self, records: Sequence[Recorded], *, recall: bool = True) -> None:
        """Take in events that are on disk, following what was loaded before.

        With `recall` it takes note of what they sent.
        """
        for _, stream, version, event, envelope, _ in records:
            if version != self.version + 1:
                raise OutOfOrder(stream, version, self.version)
            self.version = self.committed = version
            if type(event) is not CommandReceived:
                self.state = self.entity.evolve(self.state, stream, event)
                if (
                    recall
                    and not self.first_sent
                    and any(type(effect) is Send for effect in self.entity.react(self.state, event))
                ):
                    self.first_sent = version
            delivered = envelope.delivered
            for named, cursor in delivered:
                if named == stream:
                    self.sent_until = cursor
                    if self.first_sent <= cursor:
                        self.first_sent = 0
            # A delivery belongs to one actor; when streams were opened with it, it is named (commits.py).
            if envelope.delivery is not None and (not delivered or delivered[0][0] == stream):
                self._mark(envelope.delivery)

    def replay(self, version: int, event: object, envelope: RecordEnvelope) -> bool:
        """Take in the next event, as `load` without recall; tell whether more is known to be answered."""
        if version != self.version + 1:
            raise OutOfOrder(self.stream, version, self.version)
        self.version = self.committed = version
        if event.__class__ is not CommandReceived:
            self.state = self.entity.evolve(self.state, self.stream, event)
        delivered, delivery = envelope.delivered, envelope.delivery
        if delivery is not None and (not delivered or delivered[0][0] == self.stream):
            self._mark(delivery)
        if not delivered:
            return False
        cursor = dict(delivered).get(self.stream, self.sent_until)
        is_news = cursor != self.sent_until
        self.sent_until = cursor
        return is_news

    def restore(
        self,
        state: object,
        version: int,
        seen: Mapping[str, tuple[int, int]],
        sent_until: int,
        first_sent: int = 0,
    ) -> None:
        """Take in a snapshot, before the events that follow it."""
        self.state, self.version, self.committed, self.saved = state, version, version, version
        self.seen = dict(seen) if seen else None
        self.sent_until, self.first_sent = sent_until, first_sent

    def loaded(self) -> None:
        """Begin to take messages."""
        self.is_loaded = True
        if not self.mailbox.empty():
            self.wake()

    def forget(self) -> None:
        """Drop all state, on disk or not; messages wait for the next load, answers for `withdraw`."""
        self.generation += 1
        self.state, self.version, self.committed = None, 0, 0
        self.seen, self.sent_until, self.first_sent = None, 0, 0
        self.is_loaded = False

    def withdraw(self) -> list[LoopFuture[Answer]]:
        """Give away the replies that wait for a commit which will not come."""
        held, self._held = self._held, None
        return [reply for _, reply, _ in held or ()]

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
        if not self.first_sent:
            self.first_sent = version
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

    def recorded(self, cursor: int) -> None:
        """Take note that a cursor is on its way to disk."""
        self.sent_until = cursor
        if self.first_sent <= cursor:
            self.first_sent = min(self.unanswered) if self.unanswered else 0

    @property
    def cursor(self) -> int:
        """Version up to which everything that was sent has been answered."""
        if self.owing:  # what is on disk and has yet to be sent is not among the unanswered
            return self.sent_until
        return min(self.unanswered) - 1 if self.unanswered else self.committed
