"""The kernel put together: entities in, commands in, events out, effects out.

1. It knows no entity and no API by name; it is told of entities and of who carries out effects.
2. Everything here runs on the event loop's thread.
3. A caller is answered after the commit, or not at all when the truth is not known.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from actors.kernel.clock import Clock
from actors.kernel.collector import collector_paused
from actors.kernel.commits import Commits, Observer, Owed
from actors.kernel.decider import ArmTimer, Code, Context, Entity, Rejection, Send
from actors.kernel.directory import Directory
from actors.kernel.dispatcher import Dispatcher, Runnable
from actors.kernel.entity import NOTHING_STORED, EntityActor
from actors.kernel.idempotency import Keys
from actors.kernel.joint import Joint
from actors.kernel.known import KnownStreams
from actors.kernel.mailbox import LoopFuture
from actors.kernel.post import Parcel, Post
from actors.kernel.recovery import Recovery
from actors.kernel.request import Answer, Keyed, Request
from actors.kernel.snapshots import Snapshots
from actors.kernel.timers import Timers
from events.codec import Codec
from events.journal import Appender, Outcome, Reader
from events.record import Delivery, Recorded

PAUSE_S = 0.001
"""Time between two looks whether all the entities of a joint decision are in memory."""

Performer = Callable[[str, Any], None]
"""Carries out one kind of effect; given the stream it belongs to. Twice does no harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the kernel needs of the world."""

    clock: Clock
    new_id: Callable[[], str]
    defer: Callable[[Callable[[], None]], object]
    """Runs soon on the loop."""
    later: Callable[[float, Callable[[], None]], object]
    """Runs on the loop after so many seconds."""
    spawn: Callable[[Awaitable[None]], object]
    """Runs a coroutine beside the rest."""
    read_page: Callable[[str, int, int], Awaitable[list[Recorded]]]
    """Reads a page of a stream off the loop: stream, after which version, how many."""
    on_fenced: Callable[[str], None]
    """Told once that the journal takes no more appends."""


class Kernel:
    """All actors, and everything between them and the journal."""

    def __init__(
        self,
        *,
        entities: Iterable[Entity[Any]],
        codec: Codec,
        writer: Appender,
        point_reader: Reader,
        world: Surroundings,
        dispatcher: Dispatcher | None = None,
        mailbox_bound: int = 10_000,
        resident_bound: int = 250_000,
    ) -> None:
        self._world = world
        self._entities: Mapping[str, Entity[Any]] = {entity.name: entity for entity in entities}
        self._dispatcher = dispatcher if dispatcher is not None else Dispatcher(world.defer)
        self._dispatcher.on_crash = self._crashed
        self._performers: dict[type, Performer] = {}
        self._undecided = 0
        """Joint decisions that wait."""
        self._reader = point_reader
        self._known = KnownStreams()
        self.directory = Directory(
            entities=self._entities,
            point_reader=point_reader,
            read_page=world.read_page,
            spawn=world.spawn,
            snapshots=Snapshots(codec=codec, read=point_reader.snapshot, submit=writer.submit_snapshot),
            known=self._known,
            mailbox_bound=mailbox_bound,
            resident_bound=resident_bound,
        )
        self.directory.bind(self)
        self.commits = Commits(
            writer=writer,
            encode=codec.encode,
            open_stream=self.directory.open,
            known=self._known,
            reload=self.directory.reload,
            perform=self._perform,
            at_rest=self.directory.came_to_rest,
            on_fenced=world.on_fenced,
        )
        self.propose = self.commits.propose
        """Appends what was decided at a time, and answers after the commit."""
        self.post = Post(
            deliver=self.directory.deliver, later=world.later, at_rest=self.directory.came_to_rest
        )
        self.timers = Timers(clock=world.clock, deliver=self.directory.deliver)
        self._keys = Keys(read=self._newest, decode=codec.decode)

    # ------------------------------------------------------------ set up

    def observe(self, observer: Observer) -> None:
        """Show every commit to somebody, before its replies are released."""
        self.commits.observers.append(observer)

    def perform_with(self, effect: type, performer: Performer) -> None:
        """Name who carries out a kind of effect."""
        self._performers[effect] = performer

    def recover(
        self, records: Iterable[Recorded], also: Mapping[type, Callable[[Recorded], None]]
    ) -> Callable[[], None]:
        """Fill memory from a scan of the whole journal; `also` names, by class of event, who is shown it.

        Returns what takes up the work that was left: to be called once everybody is ready.
        """
        recovery = Recovery(self._entities, self.directory, self._reader, self._known)
        with collector_paused():
            for record in records:
                recovery.take(record)
                if (show := also.get(record.event.__class__)) is not None:
                    show(record)
        self._known.is_filled = True
        return lambda: self._resume(recovery)

    def _resume(self, recovery: Recovery) -> None:
        left = list(recovery.unanswered())
        # An answer that comes at once is not to let its sender leave before it has sent all.
        for actor, _, _, _ in left:
            actor.owing += 1
        for actor, delivery, send, revision in left:
            self.post.send(Parcel(actor, send.to, send.command, delivery, revision))
            actor.owing -= 1
        for actor in list(self.directory.residents()):
            for effect in actor.entity.outstanding(actor.state) if actor.state is not None else ():
                self._carry_out(actor, effect)
            self.directory.came_to_rest(actor)

    # ------------------------------------------------------------ commands

    def tell(self, stream: str, command: object, *, cause: int = 0) -> LoopFuture[Answer]:
        """Give an entity a command of the server's own."""
        reply: LoopFuture[Answer] = LoopFuture()
        self.directory.deliver(stream, Request(command=command, cause=cause), reply)
        return reply

    async def claim(self, keyed: Keyed, is_kept: Callable[[object], bool] = lambda _: True) -> Answer | Keyed:
        """Answer from the receipt of a key, or with the key: then the caller has it, and gives it back.

        For who has to look at the rest of a request only when it is not a repeat. `is_kept` tells of
        an answer whether anything of what it is about is still kept; else the key is free.
        """
        return await self._keys.claim(keyed, is_kept)

    def give_back(self, keyed: Keyed) -> None:
        """Let others have a key that was claimed."""
        self._keys.give_back(keyed)

    async def ask(
        self,
        stream: str,
        request: Request,
        *,
        is_claimed: bool = False,
        afterwards: Callable[[LoopFuture[Answer]], None] | None = None,
    ) -> Answer:
        """Give an entity a command of a caller and wait for the answer.

        A caller who goes away while it waits leaves undone what was not decided yet; what was
        decided is carried through. A key that was claimed before is given back. `afterwards` is called
        when the entity has answered, whoever waits for that.
        """
        keyed = request.keyed
        if keyed is not None and not is_claimed:
            keys = self._keys
            claimed = await keys.claim(keyed) if keys.is_under_way(keyed) else keys.take(keyed)
            if not isinstance(claimed, Keyed):
                return claimed
        reply: LoopFuture[Answer] = LoopFuture()
        if keyed is not None:
            reply.then(lambda _: self._keys.give_back(keyed))
        if afterwards is not None:
            reply.then(afterwards)
        self.directory.deliver(stream, request, reply)
        try:
            return await reply
        finally:
            request.is_abandoned = not reply.is_done

    def ask_together(
        self,
        commands: Sequence[tuple[str, object]],
        *,
        cause: int = 0,
        all_or_none: bool = True,
        request: Request | None = None,
    ) -> LoopFuture[tuple[Answer, ...]]:
        """Give several entities a command each; what they decide is one atomic append.

        The decisions are taken in stream order, in one step, once all the entities are in memory: before
        this returns if they are, and have nothing to do that was asked of them earlier.
        With `all_or_none` one rejection leaves all undone, else the rejected are left out. `request`
        tells who asks, when that is not the server; a key that was claimed leaves its receipt, and is not
        free before the answer, whenever the caller gives it back.
        """
        if len({stream for stream, _ in commands}) < len(commands):
            raise ValueError("each entity may be named once")
        joint = Joint(
            commands=commands,
            request=request if request is not None else Request(command=None, cause=cause),
            all_or_none=all_or_none,
            wake=self.directory.wake,
            refusal=self.directory.refusal,
            shell=self,
        )
        if request is not None and (keyed := request.keyed) is not None:
            self._keys.hold(keyed)
            joint.answered.then(lambda _: self._keys.give_back(keyed))
        if self._undecided or not joint.decide_if_next():
            self._undecided += 1
            self._world.defer(lambda: self._decide(joint))
        return joint.answered

    def _decide(self, joint: Joint) -> None:
        """Take a joint decision, or look again soon."""
        if joint.is_possible:
            self._undecided -= 1
            joint.decide()
        else:
            self._world.later(PAUSE_S, lambda: self._decide(joint))

    # ------------------------------------------------------------ what actors need

    def context(self, request: Request) -> Context:
        """Make the context of a decision that is taken now."""
        return Context(
            now=self._world.clock.now(),
            new_id=self._world.new_id,
            principal=request.principal,
            origin=request.origin,
            cause=request.cause,
        )

    def schedule(self, actor: EntityActor) -> None:
        """Give the actor a turn."""
        self._dispatcher.add(actor)

    def came_to_rest(self, actor: EntityActor) -> None:
        """Take note that the actor has nothing to do."""
        self.directory.came_to_rest(actor)

    # ------------------------------------------------------------ effects

    def _perform(self, actor: EntityActor, revision: int, owed: Owed) -> None:
        ordinal = 0
        for effect in owed.effects:
            if isinstance(effect, Send):
                delivery = Delivery(actor.stream, owed.version, ordinal)
                ordinal += 1
                self.post.send(Parcel(actor, effect.to, effect.command, delivery, revision))
            else:
                self._carry_out(actor, effect)

    def _carry_out(self, actor: EntityActor, effect: object) -> None:
        if isinstance(effect, ArmTimer):
            self.timers.arm(actor.stream, effect)
            return
        performer = self._performers.get(type(effect))
        if performer is None:
            structlog.get_logger().error("effect_unknown", stream=actor.stream, effect=type(effect).__name__)
            return
        try:
            performer(actor.stream, effect)
        except Exception:  # noqa: BLE001 - its bug; what else follows from the commit goes on
            structlog.get_logger().exception(
                "performer_raised", stream=actor.stream, effect=type(effect).__name__
            )

    def _crashed(self, actor: Runnable, error: Exception) -> None:
        # What it decided may be half in memory; only the journal knows what is true.
        structlog.get_logger().error("actor_crashed", actor=str(actor), exc_info=error)
        self.commits.fence(f"{actor} raised {type(error).__name__}: {error}")

    def _newest(self, stream: str) -> Recorded | None:
        records = (
            self._reader.stream(stream, limit=1, descending=True) if self._known.may_have(stream) else ()
        )
        return records[0] if records else None

    # ------------------------------------------------------------ the writer's answers

    def conclude(self, outcomes: Sequence[Outcome]) -> None:
        """Take the writer's answers to one commit, on the loop."""
        self.commits.conclude(outcomes)


def rejection_of(answer: Answer) -> Rejection | None:
    """Return the rejection that an answer is, None when it was accepted."""
    return answer if isinstance(answer, Rejection) else None


__all__ = ["NOTHING_STORED", "Code", "Kernel", "Performer", "Surroundings", "rejection_of"]
