"""What the kernel relies on of pykka, and what an actor costs."""

import asyncio
import gc
import inspect
import tracemalloc

import pykka
import pytest
from pykka._actor import ActorInbox
from pykka._envelope import Envelope

from actors.kernel.entity import EntityActor
from actors.kernel.mailbox import LoopFuture, Mailbox
from actors.kernel.request import Accepted, Request
from tests.actors.kernel.account import Balance, Look, Move, Open
from tests.actors.kernel.harness import A, World


@pytest.fixture
def world() -> World:
    world = World()
    world.ask(A, Open(10))
    return world


def test_the_hooks_are_where_they_were(world: World) -> None:
    """Fails when a release of pykka moves what it offers to makers of runtimes."""
    assert pykka.Actor.__abstractmethods__ == {"_create_actor_inbox", "_create_future", "_start_actor_loop"}
    assert isinstance(inspect.getattr_static(pykka.Actor, "_create_actor_inbox"), staticmethod)
    assert isinstance(inspect.getattr_static(pykka.Actor, "_create_future"), staticmethod)
    assert Envelope.__slots__ == ["message", "reply_to"]
    assert {name for name in vars(ActorInbox) if not name.startswith("_")} == {"put", "get", "empty"}
    assert {"get", "set", "set_exception"} <= set(vars(pykka.Future))
    actor = world.actor(A)
    assert isinstance(actor._create_actor_inbox(), Mailbox)
    assert isinstance(actor._create_future(), LoopFuture)
    ref = actor.actor_ref
    assert (ref.actor_urn, ref.actor_inbox, ref.actor_class) == (A, actor.mailbox, EntityActor)
    assert ref.is_alive()
    actor._start_actor_loop()


def test_references_reach_our_actors(world: World) -> None:
    ref = world.actor(A).actor_ref
    ref.tell(Request(command=Move(1)))
    reply = ref.ask(Request(command=Look()), block=False)
    assert isinstance(reply, LoopFuture)
    assert not reply.is_done
    world.settle()
    assert reply.get() == Accepted(Balance(11), 0)


def test_who_left_is_dead_to_references(world: World) -> None:
    actor = world.actor(A)
    world.kernel.directory.drop(actor)
    with pytest.raises(pykka.ActorDeadError):
        actor.actor_ref.tell(Request(command=Look()))


def test_messages_that_wait_are_taken_when_the_loop_starts(world: World) -> None:
    (reply,) = world.tell(A, Look())
    world.deferred.clear()
    world.actor(A).is_queued = False
    world.kernel._dispatcher._is_armed = False
    world.actor(A)._start_actor_loop()
    world.settle()
    assert reply.is_done


def test_an_empty_mailbox_holds_no_queue() -> None:
    mailbox = Mailbox()
    with pytest.raises(LookupError):
        mailbox.get()
    for number in range(3):
        mailbox.put(Envelope(number))
    assert len(mailbox) == 3
    assert [mailbox.get().message for _ in range(3)] == [0, 1, 2]
    assert mailbox.empty()
    assert len(mailbox) == 0
    assert mailbox._queue is None


def test_an_idle_actor_costs_little(world: World) -> None:
    """A bound of sanity, far above what is measured: a million actors are to fit into memory."""
    count = 500
    streams = [f"account/{number:06}" for number in range(count)]
    tracemalloc.start()
    try:
        for stream in streams:
            world.kernel.directory.open(stream, 0)
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / count < 1500


def test_a_future_takes_one_value() -> None:
    future: LoopFuture[int] = LoopFuture()
    told: list[int] = []
    with pytest.raises(asyncio.InvalidStateError):
        future.get()
    future.then(lambda done: told.append(done.get()))
    future.then(lambda done: told.append(-done.get()))
    future.set(1)
    future.then(lambda done: told.append(done.get() * 10))
    assert told == [1, -1, 10]
    with pytest.raises(asyncio.InvalidStateError):
        future.set(2)


def test_a_future_may_fail() -> None:
    future: LoopFuture[int] = LoopFuture()
    future.set_exception((ValueError, ValueError("no"), None))
    with pytest.raises(ValueError, match="no"):
        future.get()
    other: LoopFuture[int] = LoopFuture()
    other.set_exception()
    with pytest.raises(RuntimeError):
        other.get()
