"""Finds the actor of a stream, wakes it from the journal, and lets idle ones leave memory.

1. A stream has at most one actor. Concurrent wakes of one stream share one load.
2. A short stream is read at once on the loop; a long one by a reader, while messages wait.
3. Beyond the bound the least recently used idle actors leave, finished ones first. An actor that
   has anything uncommitted, waiting or unanswered stays.
4. A stream without events has no actor for longer than its messages take.
5. A stream that grows leaves snapshots when its actor comes to rest; a load begins with the newest.
6. An entity whose stream cannot be read is out of service, and it alone: its messages are refused with
   the reason until it can be read, which each further message tries. The log says so once.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import structlog
from pykka._envelope import Envelope

from actors.kernel.decider import Code, Entity, Rejection
from actors.kernel.entity import EntityActor, Shell
from actors.kernel.known import KnownStreams
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Answer, Request
from actors.kernel.snapshots import Snapshots
from events.record import Recorded, entity_of

SHORT = 200
"""Events that a point read on the loop may take in."""
PAGE = 1000
"""Events that a reader takes in at once."""


class Streams(Protocol):
    """What the directory reads."""

    def stream(self, stream: str, *, after: int = 0, limit: int) -> list[Recorded]:
        """Return events of a stream after a version, oldest first."""


class OutOfService(Exception):  # noqa: N818 - said of an entity
    """The stream of an entity cannot be read."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


class Directory:
    """All actors in memory."""

    def __init__(
        self,
        *,
        entities: Mapping[str, Entity[Any]],
        point_reader: Streams,
        read_page: Callable[[str, int, int], Awaitable[list[Recorded]]],
        spawn: Callable[[Awaitable[None]], object],
        snapshots: Snapshots | None = None,
        known: KnownStreams | None = None,
        mailbox_bound: int = 10_000,
        resident_bound: int = 250_000,
    ) -> None:
        self._entities = entities
        self._point_reader = point_reader
        self._read_page = read_page
        self._spawn = spawn
        self._snapshots = snapshots
        self._known = KnownStreams() if known is None else known
        self._mailbox_bound = mailbox_bound
        self._resident_bound = resident_bound
        self._shell: Shell | None = None
        self._actors: dict[str, EntityActor] = {}
        self.resident: Callable[[str], EntityActor | None] = self._actors.get
        """The actor of a stream if it is in memory."""
        self._idle: OrderedDict[str, None] = OrderedDict()
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._unreadable: dict[str, Rejection] = {}
        """What is answered for streams whose last load has failed."""
        self._reported: set[str] = set()
        """Streams of which the log knows that they cannot be read."""

    def bind(self, shell: Shell) -> None:
        """Give what every actor needs; once, before anything else."""
        self._shell = shell

    def __len__(self) -> int:
        return len(self._actors)

    def residents(self) -> Iterator[EntityActor]:
        """Go through all actors in memory; none may come or go meanwhile."""
        return iter(self._actors.values())

    def deliver(self, stream: str, request: Request, reply: LoopFuture[Answer]) -> None:
        """Put a command into the mailbox of its entity."""
        if entity_of(stream) not in self._entities:
            reply.set(Rejection(Code.NOT_FOUND, f"there is no kind of entity for {stream}"))
            return
        if self._unreadable and self._unreadable.pop(stream, None) is not None:
            self._load(self._actors[stream])
        actor = self.wake(stream)
        if self._unreadable and (refusal := self._unreadable.get(stream)) is not None:
            reply.set(refusal)
            return
        if request.delivery is None and len(actor.mailbox) >= self._mailbox_bound:
            reply.set(
                Rejection(
                    Code.EXHAUSTED, f"{stream} has {self._mailbox_bound} requests waiting; try again later"
                )
            )
            return
        actor.mailbox.put(Envelope(request, reply))

    def wake(self, stream: str) -> EntityActor:
        """Return the actor of a stream, perhaps while its state is still being read."""
        actor = self._actors.get(stream)
        if actor is None:
            actor = self._add(stream)
            self._load(actor)
        return actor

    def refusal(self, stream: str) -> Rejection | None:
        """Return why the entity of a stream is out of service; None when it is not."""
        return self._unreadable.get(stream)

    def open(self, stream: str, after: int) -> EntityActor:
        """Return the actor of a stream that is opened after a version that it is known to have.

        Raises ValueError when it has another, OutOfService when that cannot be told.
        """
        actor = self._actors.get(stream)
        if actor is None:
            actor = self._add(stream)
            if after:
                self._load(actor)
            else:
                actor.loaded()
        if not actor.is_loaded:
            self._load_now(actor)
        if actor.version != after:
            self.came_to_rest(actor)
            raise ValueError(f"{stream} is opened after version {after} and has {actor.version}")
        return actor

    def reload(self, actor: EntityActor) -> None:
        """Let an actor forget what is not on disk and read what is."""
        actor.forget()
        self._load(actor)

    def place(self, stream: str) -> EntityActor:
        """Make the actor of a stream that is about to be filled from a scan of the journal."""
        return self._add(stream)

    def drop(self, actor: EntityActor) -> None:
        """Let an idle actor leave memory."""
        if self._actors.get(actor.stream) is actor:
            del self._actors[actor.stream]
            self._idle.pop(actor.stream, None)
            self._finished.pop(actor.stream, None)
        actor.actor_stopped.set()

    def came_to_rest(self, actor: EntityActor) -> None:
        """Take note that an actor has nothing to do, and make room if there are too many."""
        stream = actor.stream
        if not actor.is_idle or self._actors.get(stream) is not actor:
            return
        if not actor.version:
            self.drop(actor)
            return
        if self._snapshots is not None and actor.entity.snapshot_schema:
            self._snapshots.save_if_due(actor)
        finished = actor.state is not None and actor.entity.is_finished(actor.state)
        resting, other = (self._finished, self._idle) if finished else (self._idle, self._finished)
        other.pop(stream, None)
        resting[stream] = None
        resting.move_to_end(stream)
        while len(self._actors) > self._resident_bound and (self._finished or self._idle):
            oldest, _ = (self._finished or self._idle).popitem(last=False)
            candidate = self._actors.get(oldest)
            if candidate is not None and candidate.is_idle:
                self.drop(candidate)

    # ------------------------------------------------------------ loading

    def _add(self, stream: str) -> EntityActor:
        if self._shell is None:
            raise AssertionError("the directory has no shell yet")
        actor = EntityActor(stream, self._entities[entity_of(stream)], self._shell)
        self._actors[stream] = actor
        return actor

    def _load(self, actor: EntityActor) -> None:
        if not self._known.may_have(actor.stream):
            actor.loaded()
            return
        try:
            if self._snapshots is not None and actor.entity.snapshot_schema:
                self._snapshots.restore(actor)
            records = self._point_reader.stream(actor.stream, after=actor.version, limit=SHORT + 1)
            actor.load(records)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            self._take_out(actor, error)
            return
        if len(records) <= SHORT:
            self._loaded(actor)
        else:
            self._spawn(self._load_rest(actor, actor.generation))

    async def _load_rest(self, actor: EntityActor, generation: int) -> None:
        try:
            while True:
                records: Sequence[Recorded] = await self._read_page(actor.stream, actor.version, PAGE)
                if actor.generation != generation:
                    return
                actor.load(records)
                if len(records) < PAGE:
                    break
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            if actor.generation == generation:  # else a later load has the word
                self._take_out(actor, error)
            return
        self._loaded(actor)

    def _load_now(self, actor: EntityActor) -> None:
        """Read on the loop what is still to be read, for a decision that cannot wait. Raises OutOfService."""
        actor.forget()
        self._unreadable.pop(actor.stream, None)
        try:
            while records := self._point_reader.stream(actor.stream, after=actor.version, limit=PAGE):
                actor.load(records)
        except Exception as error:
            raise OutOfService(self._take_out(actor, error)) from error
        self._loaded(actor)

    def _loaded(self, actor: EntityActor) -> None:
        if actor.stream in self._reported:
            self._reported.discard(actor.stream)
            structlog.get_logger().warning("stream_readable_again", stream=actor.stream)
        actor.loaded()

    def _take_out(self, actor: EntityActor, error: Exception) -> Rejection:
        """Refuse what waits for an entity whose stream cannot be read, and say why."""
        stream = actor.stream
        if stream not in self._reported:
            self._reported.add(stream)
            structlog.get_logger().exception("stream_unreadable", stream=stream, exc_info=error)
        actor.forget()
        refusal = Rejection(Code.UNAVAILABLE, f"{stream} is out of service: it cannot be read: {error}")
        # The actor stays: it counts what its entity has sent and is not answered.
        self._unreadable[stream] = refusal
        while not actor.mailbox.empty():
            reply = actor.mailbox.get().reply_to
            if reply is not None:
                reply.set(refusal)
        return refusal
