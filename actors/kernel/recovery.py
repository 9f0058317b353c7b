"""Fills memory from the journal at start, and finds the work that was left.

1. One pass over all events; the state of every stream is folded as its events come.
2. A command that was sent and not recorded as answered is derived again, from the event that
   asked for it. It is left out when its receiver has taken it: then only the record of the
   answer is missing.
3. Streams that are finished may leave memory during the pass; if they go on, they are read again.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from actors.kernel.decider import Entity, Send
from actors.kernel.directory import SHORT, Directory, Streams
from actors.kernel.entity import EntityActor
from actors.kernel.known import KnownStreams
from events.receipt import CommandReceived
from events.record import Delivery, Recorded, entity_of

TAIL = 16
"""Events since the last recorded answer that are kept before they are looked through."""

Kept = tuple[int, int, object, Any]
"""Version, revision, event, and the state after it."""


class Recovery:
    """The state of everything, as far as the pass has come."""

    def __init__(
        self,
        entities: Mapping[str, Entity[Any]],
        directory: Directory,
        reader: Streams,
        known: KnownStreams,
    ) -> None:
        self._entities = entities
        self._known = known
        self._directory = directory
        self._resident = directory.resident
        self._reader = reader
        self._tails: dict[str, list[Kept]] = {}
        self._sends: dict[str, list[tuple[int, int, int, Send]]] = {}

    def take(self, record: Recorded) -> None:
        """Take in the next event of the journal."""
        revision, stream, version, event, envelope, _ = record
        actor = self._resident(stream)
        if actor is None:  # as with every first event
            if version == 1:
                self._known.add(stream)
            if entity_of(stream) not in self._entities:
                return
            actor = self._directory.place(stream)
            self._catch_up(actor, version)
        if actor.replay(version, event, envelope):
            self._forget_answered(actor)
        senders = actor.entity.senders
        if senders is not None and event.__class__ not in senders:
            return
        tail = self._tails.get(stream)
        if tail is None:
            tail = self._tails[stream] = []
        tail.append((version, revision, event, actor.state))
        if len(tail) > TAIL:  # short, so that taking the first out costs nothing
            self._look_through(actor, tail.pop(0))

    def _forget_answered(self, actor: EntityActor) -> None:
        if tail := self._tails.get(actor.stream):
            tail[:] = [kept for kept in tail if kept[0] > actor.sent_until]
        if sends := self._sends.get(actor.stream):
            sends[:] = [kept for kept in sends if kept[0] > actor.sent_until]

    def unanswered(self) -> Iterator[tuple[EntityActor, Delivery, Send, int]]:
        """Yield each command that its receiver has not taken, in order of its sender's versions.

        Afterwards every actor takes messages.
        """
        residents = {actor.stream: actor for actor in self._directory.residents()}
        for stream, tail in self._tails.items():
            if (actor := residents.get(stream)) is not None:
                for kept in tail:
                    self._look_through(actor, kept)
        self._tails.clear()
        for actor in residents.values():
            actor.loaded()
        for stream, sends in self._sends.items():
            sender = self._directory.wake(stream)
            for version, revision, ordinal, send in sends:
                delivery = Delivery(stream, version, ordinal)
                if not self._directory.wake(send.to).has_seen(delivery):
                    yield sender, delivery, send, revision
                else:
                    sender.first_sent = sender.first_sent or version
        self._sends.clear()

    def _look_through(self, actor: EntityActor, kept: Kept) -> None:
        version, revision, event, state = kept
        if type(event) is CommandReceived:
            return
        sends = [effect for effect in actor.entity.react(state, event) if isinstance(effect, Send)]
        if sends:
            self._sends.setdefault(actor.stream, []).extend(
                (version, revision, ordinal, send) for ordinal, send in enumerate(sends)
            )

    def _catch_up(self, actor: EntityActor, version: int) -> None:
        while actor.version < version - 1:
            records = self._reader.stream(
                actor.stream, after=actor.version, limit=min(SHORT, version - 1 - actor.version)
            )
            actor.load(records)
