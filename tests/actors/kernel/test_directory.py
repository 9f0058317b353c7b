"""Actors come into memory when they are needed, and leave when they are not."""

from itertools import pairwise

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.kernel.decider import Code, Rejection
from actors.kernel.directory import PAGE, SHORT
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer, Keyed, Request
from events.codec import Codec
from events.journal import Snapshot
from events.record import Delivery
from tests.actors.kernel.account import (
    TOPICS,
    Account,
    Arm,
    Balance,
    Close,
    Fork,
    Look,
    Move,
    Open,
    Opened,
    Pay,
)
from tests.actors.kernel.harness import A, B, C, World, memory_of, results


def long_stream(events: int) -> World:
    """Make a world where A has so many events and is not in memory."""
    world = World(snapshot_schema=0)
    world.ask(A, Open())
    if events > 1:
        world.ask(A, Move(1, times=events - 1))
    world.kernel.directory.drop(world.actor(A))
    return world


def residents(world: World) -> list[str]:
    return [actor.stream for actor in world.kernel.directory.residents()]


# ---------------------------------------------------------------- loading


@pytest.mark.parametrize("events", [SHORT - 1, SHORT])
def test_a_short_stream_is_read_at_once(events: int) -> None:
    world = long_stream(events)
    assert world.kernel.directory.wake(A).is_loaded
    assert world.pages == 0


@pytest.mark.parametrize("events", [SHORT + 1, SHORT + 2, SHORT + 1 + PAGE, SHORT + 2 + PAGE])
def test_a_long_stream_is_read_by_pages_while_messages_wait(events: int) -> None:
    world = long_stream(events)
    replies = world.tell(A, Look(), Move(1), Look())
    world.think()
    assert results(replies) == [None] * 3
    world.settle()
    assert results(replies) == [Balance(events - 1), Balance(events), Balance(events)]
    assert world.pages == (events - SHORT - 1) // PAGE + 1


def test_wakes_at_once_share_a_load() -> None:
    world = long_stream(SHORT + 5)
    directory = world.kernel.directory
    assert directory.wake(A) is directory.wake(A)
    world.tell(A, Look())
    world.settle()
    assert world.pages == 1


def test_a_load_that_is_overtaken_by_a_reload_stops() -> None:
    world = long_stream(SHORT + 5)
    actor = world.kernel.directory.wake(A)
    world.kernel.directory.reload(actor)
    assert len(world.coroutines) == 2
    (look,) = world.tell(A, Look())
    world.settle()
    assert look.get() == Accepted(Balance(SHORT + 4), 0)
    assert actor.version == SHORT + 5
    assert not world.fenced


def test_a_load_that_fails_after_a_reload_says_nothing() -> None:
    world = long_stream(SHORT + 5)
    actor = world.kernel.directory.wake(A)
    read, reads = world.reader.stream, 0

    def fail_once(*args: object, **fields: object) -> object:
        nonlocal reads
        reads += 1
        if reads == 1:
            raise OSError("no disk")
        return read(*args, **fields)  # type: ignore[arg-type]

    world.kernel.directory.reload(actor)
    world.reader.stream = fail_once  # type: ignore[method-assign, assignment]
    (look,) = world.tell(A, Look())
    world.settle()
    assert reads == 2
    assert look.get() == Accepted(Balance(SHORT + 4), 0)


def test_a_stream_may_be_opened_after_its_past() -> None:
    world = long_stream(SHORT + 5)
    world.ask(B, Open())
    world.ask(B, Fork((A,), 3, after=SHORT + 5))
    assert world.events(A)[-1] == Opened(3)
    assert world.actor(A).version == SHORT + 6


def test_a_page_that_cannot_be_read_refuses_what_waits_for_it() -> None:
    world = long_stream(SHORT + 5)

    def fail(*_: object, **__: object) -> list[object]:
        raise OSError("no disk")

    looks = world.tell(A, Look(), Look())
    read, world.reader.stream = world.reader.stream, fail  # type: ignore[method-assign, assignment]
    world.settle()
    for look in looks:
        answer = look.get()
        assert isinstance(answer, Rejection)
        assert answer.reason == f"{A} is out of service: it cannot be read: no disk"
    assert not world.fenced
    world.reader.stream = read  # type: ignore[method-assign]
    assert isinstance(world.ask(A, Look()), Accepted)


# ---------------------------------------------------------------- passivation


def test_the_least_recently_used_leave_first() -> None:
    world = World(resident_bound=2)
    for stream in (A, B, C):
        world.ask(stream, Open())
    assert residents(world) == [B, C]
    world.ask(B, Look())
    world.ask(A, Look())
    assert residents(world) == [B, A]


def test_the_finished_leave_before_others() -> None:
    world = World(resident_bound=2)
    world.ask(A, Open())
    world.ask(B, Open())
    world.ask(B, Close())
    world.ask(C, Open())
    assert residents(world) == [A, C]


def test_who_is_not_finished_any_more_is_as_others() -> None:
    world = World(resident_bound=2)
    world.ask(A, Open())
    world.ask(A, Close())
    world.ask(B, Open())
    world.kernel.directory.came_to_rest(world.actor(A))
    world.ask(C, Open())
    assert residents(world) == [B, C]


def test_what_is_uncommitted_stays() -> None:
    world = World(resident_bound=0)
    for stream in (A, B):
        world.tell(stream, Open())
    world.think()
    assert residents(world) == [A, B]
    world.settle()
    assert residents(world) == []


def test_what_is_unanswered_stays_until_it_is_answered() -> None:
    """Else the record of what was delivered would cover what was not."""
    world = World(resident_bound=0)
    world.ask(A, Open(10))
    world.ask(B, Open())
    world.tell(A, Pay((B,), 1), Move(1))
    world.think()
    world.writer.commit()
    world.writer.deliver()
    assert world.actor(A).unanswered == {2: 1}
    world.settle()
    assert residents(world) == []
    assert world.state(B).balance == 1


def test_what_waits_stays() -> None:
    world = World(resident_bound=0)
    world.ask(A, Open(10))
    world.tell(A, Look())
    assert residents(world) == [A]


def test_names_of_nothing_leave_memory() -> None:
    world = World()
    assert world.ask(A, Look()) != world.ask(B, Open())
    assert residents(world) == [B]


def test_who_left_does_not_take_its_successor_along() -> None:
    """An actor of nothing may leave while its receipt is on the way; a successor is then another."""
    world = World()
    world.request(A, Request(command=Fork((B,)), keyed=Keyed("receipt/1", "f")))
    world.settle()
    old = world.actor(A)
    world.kernel.directory.drop(old)
    successor = world.kernel.directory.wake(A)
    assert successor is not old
    world.kernel.directory.came_to_rest(old)
    world.kernel.directory.drop(old)
    assert world.kernel.directory.resident(A) is successor


def test_a_command_wakes_who_left() -> None:
    world = World(resident_bound=0)
    world.ask(A, Open(10))
    assert residents(world) == []
    assert world.ask(A, Move(1)) == Accepted(Balance(11), 2)


# ---------------------------------------------------------------- snapshots and equality


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 260), min_size=1, max_size=6),
    schema=st.sampled_from([0, 1]),
    other=st.sampled_from([None, "wrong schema", "wrong body", "wrong topic"]),
)
def test_an_actor_is_the_fold_of_its_stream(sizes: list[int], schema: int, other: str | None) -> None:
    """Left and woken, restarted, from snapshot and tail or from all events: always the same."""
    world = World(snapshot_schema=schema)
    world.ask(A, Open(1000))
    world.ask(B, Open())
    world.request(A, Request(command=Move(1), delivery=Delivery(B, 1, 0)))
    for number, size in enumerate(sizes):
        world.ask(A, Move(1, times=size))
        world.ask(A, Pay((B,), 1))
        world.request(A, Request(command=Move(1), delivery=Delivery(C, number + 1, 0)))
        world.settle()
    live = memory_of(world.actor(A))
    snapshot = world.reader.snapshot(A)
    assert (snapshot is not None) == (schema == 1 and sum(sizes) + 2 * len(sizes) >= 198)
    if snapshot is not None and other is not None:
        world.recorder.put_snapshots([spoilt(snapshot, other)])
    world.kernel.directory.drop(world.actor(A))
    world.kernel.directory.wake(A)
    world.settle()
    assert memory_of(world.actor(A)) == live
    assert world.actor(A).first_sent == (0 if world.actor(A).sent_until else world.actor(A).first_sent)
    world.crash()
    assert memory_of(world.actor(A)) == live


def spoilt(snapshot: Snapshot, how: str) -> Snapshot:
    match how:
        case "wrong schema":
            topic, state = Codec((TOPICS,)).encode(Account(-1))
            return snapshot._replace(
                schema="account.snapshot:2", body=msgpack.packb((topic, state, {}, 0, 0))
            )
        case "wrong body":
            return snapshot._replace(body=b"\xc1 no msgpack")
        case _:
            return snapshot._replace(body=snapshot.body.replace(b"account.state:1", b"account.state:9"))


def test_a_snapshot_spares_reading_what_it_holds() -> None:
    world = World()
    world.ask(A, Open())
    world.ask(A, Move(1, times=600))
    world.ask(A, Move(1))
    snapshot = world.reader.snapshot(A)
    assert snapshot is not None
    assert snapshot.version == 601
    world.kernel.directory.drop(world.actor(A))
    assert world.kernel.directory.wake(A).is_loaded
    assert world.actor(A).state.balance == 601
    assert world.pages == 0


def test_snapshots_are_as_far_apart_as_their_streams_are_long() -> None:
    world = World()
    world.ask(A, Open())
    taken: list[int] = []
    for _ in range(80):
        world.ask(A, Move(1, times=50))
        snapshot = world.reader.snapshot(A)
        if snapshot is not None and snapshot.version not in taken:
            taken.append(snapshot.version)
    assert taken[0] == 201
    assert len(taken) < 14
    assert all(after - before >= max(200, after // 4) for before, after in pairwise(taken))


def test_a_restart_takes_no_snapshot_anew() -> None:
    world = World()
    world.ask(A, Open())
    world.ask(A, Move(1, times=600))
    world.crash()
    assert not world.writer.can_commit
    assert world.actor(A).saved == 601


def test_a_state_that_no_codec_knows_has_no_snapshot() -> None:
    world = World()
    world.ask(A, Open())
    del world.codec._encoders[type(world.state(A))]
    world.ask(A, Move(1, times=300))
    assert world.reader.snapshot(A) is None
    assert world.ask(A, Look()) == Accepted(Balance(300), 0)


def test_an_armed_timer_does_not_keep_an_actor() -> None:
    world = World(resident_bound=0)
    world.ask(A, Open())
    world.ask(A, Arm("bell", world.clock.now() + 1))
    assert residents(world) == []


def test_a_mailbox_of_an_actor_that_loads_is_bounded_too() -> None:
    world = long_stream(SHORT + 5)
    world.mailbox_bound = 2
    world.crash()
    world.kernel.directory.drop(world.actor(A))
    replies: list[LoopFuture[Answer]] = world.tell(A, Look(), Look(), Look())
    assert results(replies) == [None, None, Code.EXHAUSTED]
    world.settle()
    assert len(results(replies)) == 3
