"""What follows when the journal does not take an append, or does not say."""

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from actors.kernel.commits import UNKNOWN
from actors.kernel.decider import Code
from actors.kernel.entity import NOTHING_STORED
from actors.kernel.request import Accepted
from events.journal import Fault, MemoryRecorder
from tests.actors.kernel.account import Account, Balance, Fork, Look, Move, Note, Open, Opened, Pay
from tests.actors.kernel.harness import A, B, C, World, memory_of, results


@pytest.fixture
def world() -> World:
    world = World()
    world.ask(A, Open(10))
    world.ask(B, Open(10))
    return world


def test_what_is_not_stored_was_never_so(world: World) -> None:
    """Appends, held answers and children of one epoch fail together; later commands work."""
    before = memory_of(world.actor(A)), memory_of(world.actor(B))
    world.fail_with(Fault.BEFORE_INSERT)
    replies = [
        *world.tell(A, Move(5), Look(), Move(-100), Fork((C,), 1)),
        *world.tell(B, Look(), Move(1), Note("never")),
    ]
    world.think()
    replies += world.tell(C, Look(), Move(1))
    world.settle()
    refused = Code.UNAVAILABLE
    assert results(replies) == [refused] * 4 + [Balance(10), refused, refused] + [refused, refused]
    assert (memory_of(world.actor(A)), memory_of(world.actor(B))) == before
    assert world.kernel.directory.resident(C) is None
    assert world.shown == []
    assert results(world.tell(A, Move(1))) == [None]
    world.settle()
    assert world.ask(A, Look()) == Accepted(Balance(11), 0)
    assert isinstance(world.ask(A, Fork((C,), 2)), Accepted)
    assert world.state(C) == Account(2)
    assert not world.fenced


def test_an_old_epochs_appends_are_refused(world: World) -> None:
    """What was decided after the failed commit, and before anybody heard of it, fails too."""
    world.fail_with(Fault.BEFORE_INSERT)
    world.tell(A, Move(5))
    world.think()
    world.writer.commit()
    late = world.tell(A, Move(1), Look()) + world.tell(B, Move(1))
    world.think()
    world.writer.deliver()
    fresh = world.tell(A, Move(2))
    world.settle()
    assert [reply.get() for reply in late] == [NOTHING_STORED] * 3
    assert results(fresh) == [Balance(12)]
    assert world.events(A)[1:] == world.events(A)[-1:]
    assert world.state(B) == Account(10)
    assert world.actor(B).version == 1


def test_messages_that_wait_are_decided_on_what_is_true(world: World) -> None:
    world.fail_with(Fault.BEFORE_INSERT)
    world.tell(A, Move(5))
    world.think()
    waiting = world.tell(A, Look())
    world.writer.commit()
    world.writer.deliver()
    world.settle()
    assert results(waiting) == [Balance(10)]


def test_failures_in_a_row(world: World) -> None:
    world.fail_with(*[Fault.BEFORE_INSERT] * 3)
    assert [world.ask(A, Move(1)) for _ in range(3)] == [NOTHING_STORED] * 3
    assert world.ask(A, Move(1)) == Accepted(Balance(11), 3)


@pytest.mark.parametrize("fault", [Fault.UNKNOWN_STORED, Fault.UNKNOWN_ABSENT])
def test_an_unknown_outcome_is_found_out(world: World, fault: Fault) -> None:
    world.fail_with(fault)
    (moved, noted) = world.tell(A, Move(5), Note("it is so"))
    world.settle()
    is_stored = fault is Fault.UNKNOWN_STORED
    assert results([moved, noted]) == ([Balance(15), "accepted"] if is_stored else [Code.UNAVAILABLE] * 2)
    assert world.shown == ([(A, "it is so")] if is_stored else [])
    assert world.ask(A, Look()) == Accepted(Balance(15 if is_stored else 10), 0)
    live = memory_of(world.actor(A))
    world.crash()
    assert memory_of(world.actor(A)) == live


def test_a_fenced_journal_withholds_what_may_be_untrue(world: World) -> None:
    world.fail_with(Fault.UNKNOWN_FOR_GOOD)
    withheld = world.tell(A, Move(5), Look()) + world.tell(B, Move(1))
    world.settle()
    assert results(withheld) == [None, None, None]
    assert len(world.fenced) == 1
    later = world.tell(A, Move(1)) + world.tell(C, Open(), Look())
    world.settle()
    assert results(later) == [Code.UNAVAILABLE, Code.UNAVAILABLE, Code.NOT_FOUND]
    assert len(world.fenced) == 1
    world.kernel.commits.end()
    assert [withheld[0].get(), withheld[2].get()] == [UNKNOWN, UNKNOWN]
    world.crash()
    assert world.state(A) == Account(15)


def test_a_journal_that_refuses_is_told_of_once_until_it_stores_again(world: World) -> None:
    with capture_logs() as logs:
        for _ in range(2):
            world.fail_with(Fault.BEFORE_INSERT)
            assert world.ask(A, Move(1)) == NOTHING_STORED
        world.ask(A, Move(1))
        world.ask(A, Move(1))
    told = [log["event"] for log in logs]
    assert told == ["journal_refused", "journal_stores_again"]


def test_what_was_acknowledged_survives_any_failure(world: World) -> None:
    """Every fault at every commit of a story: no more and no less than what was answered is there."""
    faults: Sequence[Fault] = (Fault.BEFORE_INSERT, Fault.UNKNOWN_STORED, Fault.UNKNOWN_ABSENT)
    for fault in faults:
        world.fail_with(fault)
        replies = world.tell(A, *[Move(1)] * 3)
        world.settle()
        replies += world.tell(A, *[Move(1)] * 3)
        world.settle()
        accepted = sum(isinstance(reply.get(), Accepted) for reply in replies)
        assert len(world.events(A)) == world.actor(A).version == 1 + accepted
        world.recorder = MemoryRecorder("test")
        world.crash()
        world.ask(A, Open(10))


def test_a_reload_keeps_count_of_what_was_sent(world: World) -> None:
    """A sender that loses an event still waits for the answers to what it sent before."""
    world.tell(A, Pay((B,), 1))
    world.think()
    world.writer.commit()
    world.writer.deliver()
    assert world.actor(A).unanswered == {2: 1}
    world.fail_with(Fault.BEFORE_INSERT)
    world.tell(A, Move(1))
    world.think()
    world.writer.commit()
    world.writer.deliver()
    assert world.actor(A).unanswered == {2: 1}
    assert world.actor(A).first_sent == 2
    world.run()
    assert world.state(B) == Account(11)
    world.ask(A, Move(1))
    assert world.commits[-1][0].envelope.delivered == ((A, 2),)


def test_a_long_stream_reloads_by_pages() -> None:
    world = World(snapshot_schema=0)
    world.ask(A, Open(10))
    world.ask(A, Move(1, times=500))
    world.fail_with(Fault.BEFORE_INSERT)
    world.kernel.tell(A, Move(1))
    world.think()
    world.writer.commit()
    world.writer.deliver()
    (look,) = world.tell(A, Look())
    assert not world.actor(A).is_loaded
    world.settle()
    assert look.get() == Accepted(Balance(510), 0)


def test_an_opened_child_that_was_lost_may_be_opened_again(world: World) -> None:
    world.fail_with(Fault.BEFORE_INSERT)
    world.ask(A, Fork((C,), 1))
    world.ask(A, Fork((C,), 2))
    assert world.events(C) == [Opened(2)]


def test_a_stream_that_cannot_be_read_is_reported_and_not_answered(world: World) -> None:
    world.ask(A, Move(1))
    stored = world.recorder._stored_events
    world.kernel.directory.drop(world.actor(A))
    stored[0] = type(stored[0])(
        stored[0].originator_id, stored[0].originator_version, "account.lost:1", stored[0].state
    )
    (reply,) = world.tell(A, Look())
    world.settle()
    assert not reply.is_done
    assert len(world.fenced) == 1
    assert "account.lost:1" in world.fenced[0]
