"""Saves the states of streams that grow, and begins their loads there.

1. A snapshot is disposable: it is ignored when its schema is another, or when it cannot be read.
2. It is taken of an actor at rest, so of a state that is on disk, once at least `SPACING` events and
   a quarter of the stream have come since the last: all snapshots of a stream of n events together
   cost O(n), however large its state grows with it.
3. Law: snapshot and tail fold to the same actor as all events.
"""

from collections.abc import Callable
from typing import Any

import msgpack
import structlog

from actors.kernel.decider import Entity
from actors.kernel.entity import EntityActor
from events.codec import Codec, Undecodable, UnknownTopic
from events.journal import Snapshot

SPACING = 200
"""Events that are at least between two snapshots."""

UNREADABLE = (Undecodable, UnknownTopic, ValueError, TypeError, LookupError)


class Snapshots:
    """The way of actors to the journal's snapshots and back.

    Args:
        codec: Knows the state's class of every entity that has a `snapshot_schema`.
        read: Gives the newest snapshot of a stream.
        submit: Takes a snapshot to be stored when there is time.
    """

    def __init__(
        self,
        *,
        codec: Codec,
        read: Callable[[str], Snapshot | None],
        submit: Callable[[Snapshot], None],
    ) -> None:
        self._codec = codec
        self._read = read
        self._submit = submit

    def save_if_due(self, actor: EntityActor) -> None:
        """Take a snapshot of an actor at rest if enough has come since the last."""
        if not _is_due(actor):
            return
        if not actor.saved and (found := self._current(actor)) is not None:
            actor.saved = found.version  # it was filled from a scan, which passes snapshots by
            if not _is_due(actor):
                return
        actor.saved = actor.version
        try:
            topic, state = self._codec.encode(actor.state)
        except TypeError:  # a bug, but the events say all that the snapshot would
            structlog.get_logger().exception("snapshot_unencodable", stream=actor.stream)
            return
        body: bytes = msgpack.packb((topic, state, actor.seen or {}, actor.sent_until, actor.first_sent))
        self._submit(Snapshot(actor.stream, actor.version, schema_of(actor.entity), body))

    def restore(self, actor: EntityActor) -> None:
        """Let an actor that has read nothing yet begin at its newest snapshot, if there is one of use."""
        found = self._current(actor)
        if found is None:
            return
        try:
            topic, body, seen, sent_until, first_sent = msgpack.unpackb(found.body, use_list=False)
            state = self._codec.decode(topic, body)
        except UNREADABLE as error:
            structlog.get_logger().warning("snapshot_unreadable", stream=actor.stream, error=str(error))
            return
        actor.restore(state, found.version, seen, sent_until, first_sent)

    def _current(self, actor: EntityActor) -> Snapshot | None:
        found = self._read(actor.stream)
        return found if found is not None and found.schema == schema_of(actor.entity) else None


def schema_of(entity: Entity[Any]) -> str:
    """Name the form of an entity's snapshots."""
    return f"{entity.name}.snapshot:{entity.snapshot_schema}"


def _is_due(actor: EntityActor) -> bool:
    since = actor.version - actor.saved
    return since >= SPACING and since >= actor.version // 4 and actor.state is not None
