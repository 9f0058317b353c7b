"""What is on its way to the journal, and what follows when it got there or did not.

1. After a commit, in this order: observers see it, replies are released, effects run.
2. A failed append fails every append of its epoch. The actors that had decided them, the ones
   they opened included, forget and load again; the next epoch begins with that.
3. A fenced journal takes nothing more: replies whose truth is unknown are withheld.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from actors.kernel.decider import Code, Rejection, Send
from actors.kernel.entity import NOTHING_STORED, EntityActor, Part
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer, Request
from events.journal import Append, Appender, Entry, Failure, Full, Outcome
from events.receipt import ReceiptRecorded
from events.record import Delivery, Envelope, Recorded

BUSY = Rejection(Code.EXHAUSTED, "the server has more to write than it may hold; try again later")
FENCED = Rejection(Code.UNAVAILABLE, "the journal takes no more changes; the server is about to end")


class Owed(NamedTuple):
    """Effects that one event asks for, to be run after its commit."""

    actor: EntityActor
    position: int
    """Place of the event among the entries of its append."""
    version: int
    effects: Sequence[object]


class Touched(NamedTuple):
    """An actor that an append changes."""

    actor: EntityActor
    generation: int
    version: int
    """Version of the last event that it has in the append."""


class Pending(NamedTuple):
    """An append that the writer has not answered."""

    touched: Sequence[Touched]
    reply: LoopFuture[Answer]
    result: object
    owed: Sequence[Owed]


Observer = Callable[[Sequence[Outcome]], None]
Perform = Callable[[EntityActor, int, Owed], None]
"""Runs the effects of one event; given the revision at which it stands."""
OpenStream = Callable[[str, int], EntityActor]
"""Gives the actor of a stream that is opened after a version."""


class Commits:
    """Follows appends from their decision to their consequences."""

    def __init__(
        self,
        *,
        writer: Appender,
        encode: Callable[[object], tuple[str, bytes]],
        open_stream: OpenStream,
        reload: Callable[[EntityActor], None],
        perform: Perform,
        at_rest: Callable[[EntityActor], None],
        on_fenced: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._encode = encode
        self._open_stream = open_stream
        self._reload = reload
        self._perform = perform
        self._at_rest = at_rest
        self._on_fenced = on_fenced
        self._pending: dict[Append, Pending] = {}
        self.is_fenced = False
        self.observers: list[Observer] = []

    @property
    def waiting(self) -> int:
        """Appends on their way."""
        return len(self._pending)

    def propose(self, parts: Sequence[Part], request: Request, reply: LoopFuture[Answer], now: int) -> None:
        """Append what was decided at a time; the actors evolve only if the writer takes it in."""
        if self.is_fenced:
            reply.set(FENCED)
            return
        entries: list[Entry] = []
        for actor, decision in parts:
            version = actor.version
            for offset, event in enumerate(decision.events, 1):
                entries.append(Entry(actor.stream, version + offset, event))
            for opening in decision.opens:
                for offset, event in enumerate(opening.events, 1):
                    entries.append(Entry(opening.stream, opening.after + offset, event))
        result = parts[0].decision.result
        if request.keyed is not None:
            topic, body = self._encode(result) if result is not None else ("", b"")
            receipt = ReceiptRecorded(fingerprint=request.keyed.fingerprint, topic=topic, result=body)
            entries.append(Entry(request.keyed.stream, 1, receipt))
        envelope = Envelope(
            at=now,
            principal=request.principal,
            origin=request.origin,
            request_id=request.request_id,
            cause=request.cause,
            trace=request.trace,
            delivery=request.delivery,
            delivered=_cursors(parts),
        )
        append = Append(entries=tuple(entries), envelope=envelope, epoch=self._writer.epoch)
        try:
            self._writer.submit(append)
        except Full:
            reply.set(BUSY)
            return
        except (TypeError, ValueError) as error:  # a decision that cannot be stored is a bug of its decider
            structlog.get_logger().exception("append_refused", stream=entries[0].stream)
            reply.fail(error)
            return
        touched, owed = self._evolve(parts, request.delivery)
        self._pending[append] = Pending(touched, reply, result, owed)

    def _evolve(self, parts: Sequence[Part], delivery: Delivery | None) -> tuple[list[Touched], list[Owed]]:
        touched: list[Touched] = []
        owed: list[Owed] = []
        position = 0
        for actor, decision in parts:
            position = _apply(actor, decision.events, delivery, position, owed)
            touched.append(Touched(actor, actor.generation, actor.version))
            for opening in decision.opens:
                child = self._open_stream(opening.stream, opening.after)
                position = _apply(child, opening.events, None, position, owed)
                touched.append(Touched(child, child.generation, child.version))
        return touched, owed

    # ------------------------------------------------------------ outcomes

    def conclude(self, outcomes: Sequence[Outcome]) -> None:
        """Carry out what follows from the writer's answers to one commit."""
        stored = [outcome for outcome in outcomes if outcome.records is not None]
        if stored:
            for observer in self.observers:
                observer(stored)
            concluded = [(self._pending.pop(outcome.append), outcome) for outcome in stored]
            for pending, outcome in concluded:
                for actor, generation, version in pending.touched:
                    if actor.generation == generation:
                        actor.advance(version)
                pending.reply.set(Accepted(pending.result, outcome.revision))
            for pending, outcome in concluded:
                records = outcome.records or ()
                for owed in pending.owed:
                    self._perform(owed.actor, records[owed.position].revision, owed)
                for actor, _, _ in pending.touched:
                    if actor.is_idle:
                        self._at_rest(actor)
        failed = [outcome for outcome in outcomes if outcome.records is None]
        if failed:
            self._fail(failed)

    def _fail(self, failed: Sequence[Outcome]) -> None:
        if any(outcome.failure is Failure.NOT_STORED for outcome in failed):
            lost = {
                actor: None
                for pending in self._pending.values()
                for actor, generation, _ in pending.touched
                if actor.generation == generation
            }
            for actor in lost:
                self._reload(actor)
        for outcome in failed:
            pending = self._pending.pop(outcome.append)
            if outcome.failure is Failure.FENCED:
                self._fence(outcome.detail)
            else:
                pending.reply.set(NOTHING_STORED)

    def _fence(self, detail: str) -> None:
        if not self.is_fenced:
            self.is_fenced = True
            self._on_fenced(detail)


def _apply(
    actor: EntityActor,
    events: Sequence[object],
    delivery: Delivery | None,
    position: int,
    owed: list[Owed],
) -> int:
    """Evolve an actor by its events of an append; answer the position after them."""
    react = actor.entity.react
    for event in events:
        actor.apply(event, delivery)
        effects = react(actor.state, event) if actor.state is not None else ()
        if effects:
            owed.append(Owed(actor, position, actor.version, effects))
        position += 1
    return position


def _cursors(parts: Sequence[Part]) -> tuple[tuple[str, int], ...]:
    """Say of each actor how far what it sent has been answered, where that is news."""
    news = []
    for actor, decision in parts:
        cursor = actor.cursor
        if actor.has_sent and decision.events and cursor > actor.sent_until:
            actor.sent_until = cursor
            actor.has_sent = bool(actor.unanswered)
            news.append((actor.stream, cursor))
    return tuple(news)


def sends_of(owed: Owed) -> list[tuple[Delivery, Send]]:
    """Name each command that an event sends: the same names whenever they are derived again."""
    sends = (effect for effect in owed.effects if isinstance(effect, Send))
    return [(Delivery(owed.actor.stream, owed.version, ordinal), send) for ordinal, send in enumerate(sends)]


def all_records(outcomes: Sequence[Outcome]) -> list[Recorded]:
    """Return the records of stored outcomes, in order."""
    return [record for outcome in outcomes for record in outcome.records or ()]
