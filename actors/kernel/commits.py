"""What is on its way to the journal, and what follows when it got there or did not.

1. After a commit, in this order: observers see it, replies are released, effects run.
2. A failed append fails every append of its epoch. The actors that had decided them, the ones
   they opened included, forget and load again; the next epoch begins with that. All have forgotten
   before anybody is told: who is told may decide at once.
3. A fenced journal takes nothing more: replies whose truth is unknown, and those that rest on what is,
   are withheld as long as the server has a word to say, and end as unknown.
4. What an append makes of its actors is worked out before the writer is given it, and becomes theirs
   after: a decision that cannot be evolved, encoded or taken in changes nothing.
5. An append that takes a delivery and opens streams names its receiver in `delivered`, news or not:
   so a load of an opened stream can tell that the delivery was not its own.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import structlog

from actors.kernel.decider import Code, Rejection, Send
from actors.kernel.directory import OutOfService
from actors.kernel.entity import NOTHING_STORED, EntityActor, Part
from actors.kernel.known import KnownStreams
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer, Keyed, Request
from events.journal import Append, Appender, Entry, Failure, Full, Outcome
from events.receipt import CommandReceived, ReceiptRecorded
from events.record import Delivery, Envelope, Recorded

BUSY = Rejection(Code.EXHAUSTED, "the server has more to write than it may hold; try again later")
ENDING = Rejection(Code.UNAVAILABLE, "the server is about to end; nothing was stored")
UNKNOWN = Rejection(
    Code.UNAVAILABLE,
    "the journal failed, and the server ends without knowing whether the request was stored; "
    "look, or repeat it with the same idempotency key",
)
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


class Step(NamedTuple):
    """How far an append takes one actor."""

    actor: EntityActor
    state: Any
    """State after its events of the append."""
    version: int
    """Version of the last of them."""
    delivery: Delivery | None


_new = tuple.__new__
"""Makes a named tuple without a call of Python's: every event has some."""

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
        known: KnownStreams,
        reload: Callable[[EntityActor], None],
        perform: Perform,
        at_rest: Callable[[EntityActor], None],
        on_fenced: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._encode = encode
        self._open_stream = open_stream
        self._known = known
        self._reload = reload
        self._perform = perform
        self._at_rest = at_rest
        self._on_fenced = on_fenced
        self._pending: dict[Append, Pending] = {}
        self._withheld: list[LoopFuture[Answer]] = []
        self._unsure: dict[EntityActor, None] = {}
        """Actors of which it is not known how much of their state is on disk."""
        self._is_refused = False
        """The last commit stored nothing."""
        self.is_fenced = False
        self.observers: list[Observer] = []

    @property
    def waiting(self) -> int:
        """Appends on their way."""
        return len(self._pending)

    def propose(self, parts: Sequence[Part], request: Request, reply: LoopFuture[Answer], at: int) -> None:
        """Append what was decided at a time; the actors evolve only if the writer takes it in."""
        if self.is_fenced:
            reply.set(FENCED)
            return
        opened: list[EntityActor] = []
        try:
            entries, steps, owed = self._foresee(parts, request.delivery, opened)
            result = parts[0].decision.result
            if request.keyed is not None:
                entries.append(self._receipt(request.keyed, result))
            news = _news(parts, is_marked=request.delivery is not None and bool(opened))
            delivered = tuple([(actor.stream, cursor) for actor, cursor in news]) if news else ()
            envelope = _new(
                Envelope,
                (
                    at,
                    request.principal,
                    request.origin,
                    request.request_id,
                    request.cause,
                    request.trace,
                    request.delivery,
                    delivered,
                ),
            )
            for stream, version, _ in entries:
                if version == 1:
                    self._known.add(stream)
            append = Append(entries=tuple(entries), envelope=envelope, epoch=self._writer.epoch)
            refusal = self._submit(append)
        except OutOfService as error:
            self._leave(opened)
            reply.set(error.rejection)
            return
        except Exception as error:  # noqa: BLE001 - a bug of the decider's: nothing is stored, nobody evolves
            structlog.get_logger().exception("append_refused", stream=parts[0].actor.stream)
            self._leave(opened)
            reply.fail(error)
            return
        if refusal is not None:
            self._leave(opened)
            reply.set(refusal)
            return
        for actor, cursor in news:
            actor.recorded(cursor)
        touched = []
        for actor, state, version, delivery in steps:
            actor.evolved(state, version, delivery)
            touched.append(_new(Touched, (actor, actor.generation, version)))
        self._pending[append] = _new(Pending, (touched, reply, result, owed))

    def _foresee(
        self, parts: Sequence[Part], delivery: Delivery | None, opened: list[EntityActor]
    ) -> tuple[list[Entry], list[Step], list[Owed]]:
        """Work out what an append holds, how far it takes each actor, and the effects it asks for."""
        entries: list[Entry] = []
        steps: list[Step] = []
        owed: list[Owed] = []
        for actor, decision in parts:
            state, version = _step(actor, decision.events, decision.states, entries, owed)
            steps.append(_new(Step, (actor, state, version, delivery if decision.events else None)))
            for opening in decision.opens:
                child = self._open_stream(opening.stream, opening.after)
                opened.append(child)
                state, version = _step(child, opening.events, (), entries, owed)
                steps.append(_new(Step, (child, state, version, None)))
        if opened and len({step.actor.stream for step in steps}) < len(steps):
            raise ValueError("an append opens a stream twice, or one that it changes")
        return entries, steps, owed

    def _submit(self, append: Append) -> Rejection | None:
        try:
            self._writer.submit(append)
        except Full:
            return BUSY
        except RuntimeError:  # the writer is closed: the server drains
            return ENDING
        return None

    def _receipt(self, keyed: Keyed, result: object) -> Entry:
        topic, body = self._encode(result) if result is not None else ("", b"")
        receipt = ReceiptRecorded(fingerprint=keyed.fingerprint, topic=topic, result=body)
        return Entry(keyed.stream, keyed.version, receipt)

    def _leave(self, opened: Sequence[EntityActor]) -> None:
        """Let go of actors that were made for an append that is none."""
        for actor in opened:
            self._at_rest(actor)

    # ------------------------------------------------------------ outcomes

    def conclude(self, outcomes: Sequence[Outcome]) -> None:
        """Carry out what follows from the writer's answers to one commit."""
        stored = [outcome for outcome in outcomes if outcome.records is not None]
        if stored:
            if self._is_refused:
                self._is_refused = False
                structlog.get_logger().warning("journal_stores_again")
            self._show(stored)
            concluded = [(self._pending.pop(outcome.append), outcome) for outcome in stored]
            # A reply may let an actor rest that has yet to send: one that left would not count what it sends.
            for pending, _ in concluded:
                for owed in pending.owed:
                    owed.actor.owing += 1
            for pending, outcome in concluded:
                pending.reply.set(_new(Accepted, (pending.result, outcome.revision)))
                for actor, generation, version in pending.touched:
                    if actor.generation == generation:
                        actor.advance(version)
            for pending, outcome in concluded:
                records = outcome.records or ()
                for owed in pending.owed:
                    self._perform(owed.actor, records[owed.position].revision, owed)
                    owed.actor.owing -= 1
            for pending, _ in concluded:
                for actor, _, _ in pending.touched:
                    self._at_rest(actor)
        failed = [outcome for outcome in outcomes if outcome.records is None]
        if failed:
            self._fail(failed)

    def _show(self, stored: Sequence[Outcome]) -> None:
        for observer in self.observers:
            try:
                observer(stored)
            except Exception as error:  # noqa: BLE001 - what it shows is wrong now; what is stored stays true
                structlog.get_logger().exception("observer_raised")
                self.fence(f"an observer of commits raised {type(error).__name__}: {error}")

    def _fail(self, failed: Sequence[Outcome]) -> None:
        lost: dict[EntityActor, None] = {}
        held: list[LoopFuture[Answer]] = []
        if any(outcome.failure is Failure.NOT_STORED for outcome in failed):
            lost = {
                actor: None
                for pending in self._pending.values()
                for actor, generation, _ in pending.touched
                if actor.generation == generation
            }
            for actor in lost:
                actor.forget()
                held += actor.withdraw()
            for actor in lost:
                self._reload(actor)
            self._complain(failed)
        for reply in held:
            reply.set(NOTHING_STORED)
        for outcome in failed:
            pending = self._pending.pop(outcome.append)
            if outcome.failure is Failure.FENCED:
                self.fence(outcome.detail)
                self._withheld.append(pending.reply)
                self._unsure.update((actor, None) for actor, _, _ in pending.touched)
            else:
                pending.reply.set(NOTHING_STORED)
        for actor in lost:
            self._at_rest(actor)

    def _complain(self, failed: Sequence[Outcome]) -> None:
        """Log that nothing is stored, once until something is."""
        if not self._is_refused:
            self._is_refused = True
            reasons = {outcome.detail for outcome in failed if outcome.failure is Failure.NOT_STORED}
            structlog.get_logger().warning("journal_refused", detail="; ".join(sorted(reasons)))

    def end(self) -> None:
        """Tell those whose replies are withheld that the truth will not be known here."""
        withheld, self._withheld = self._withheld, []
        for actor in self._unsure:
            withheld += actor.withdraw()
        for reply in withheld:
            reply.set(UNKNOWN)

    def fence(self, detail: str) -> None:
        """Take nothing more, and tell so once."""
        if not self.is_fenced:
            self.is_fenced = True
            self._on_fenced(detail)


def _step(
    actor: EntityActor,
    events: Sequence[object],
    states: Sequence[object],
    entries: list[Entry],
    owed: list[Owed],
) -> tuple[Any, int]:
    """Work out the state and version to which events take an actor; add its entries and what they ask for."""
    evolve, react = actor.entity.evolve, actor.entity.react
    stream, state, version = actor.stream, actor.state, actor.version
    for place, event in enumerate(events):
        version += 1
        if type(event) is not CommandReceived:
            state = states[place] if states else evolve(state, stream, event)
            effects = react(state, event)
            if effects:
                owed.append(_new(Owed, (actor, len(entries), version, effects)))
        entries.append(_new(Entry, (stream, version, event)))
    return state, version


def _news(parts: Sequence[Part], *, is_marked: bool) -> list[tuple[EntityActor, int]]:
    """Say of each actor how far what it sent has been answered, where that is news or a mark."""
    news = []
    for actor, decision in parts:
        if (actor.first_sent or is_marked) and decision.events:
            cursor = actor.cursor
            if actor.first_sent and cursor >= actor.first_sent:
                news.append((actor, cursor))
            elif is_marked:
                news.append((actor, actor.sent_until))
    return news


def sends_of(owed: Owed) -> list[tuple[Delivery, Send]]:
    """Name each command that an event sends: the same names whenever they are derived again."""
    sends = (effect for effect in owed.effects if isinstance(effect, Send))
    return [(Delivery(owed.actor.stream, owed.version, ordinal), send) for ordinal, send in enumerate(sends)]


def all_records(outcomes: Sequence[Outcome]) -> list[Recorded]:
    """Return the records of stored outcomes, in order."""
    return [record for outcome in outcomes for record in outcome.records or ()]
