"""What follows when the journal does not take an append, or does not say."""

from collections.abc import Sequence

import pytest
from eventsourcing.persistence import StoredEvent
from structlog.testing import capture_logs

from actors.kernel.commits import UNKNOWN
from actors.kernel.decider import Code, Rejection
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


def test_what_rests_on_what_is_not_known_ends_with_it(world: World) -> None:
    """No-ops and refusals, alone and together, asked for before and after the fence."""
    world.fail_with(Fault.UNKNOWN_FOR_GOOD)
    replies = world.tell(A, Move(5), Look(), Move(-100))
    world.settle()
    replies += world.tell(A, Look(), Move(-100))
    together = world.kernel.ask_together([(A, Look()), (B, Look())])
    world.settle()
    assert results(replies) == [None] * 5
    assert not together.is_done
    world.kernel.commits.end()
    assert [reply.get() for reply in replies] == [UNKNOWN] * 5
    assert together.get() == (UNKNOWN, UNKNOWN)


def test_who_hears_of_a_failure_may_decide_at_once(world: World) -> None:
    """All who lost something have forgotten it before anybody is told."""
    world.fail_with(Fault.BEFORE_INSERT)
    world.tell(A, Move(5))
    world.tell(B, Move(5))
    world.think()
    looked = world.kernel.ask_together([(A, Look())])

    def decide(_: object) -> None:
        world.kernel.ask_together([(B, Move(1))])

    looked.then(decide)
    world.settle()
    assert looked.get() == (NOTHING_STORED,)
    assert not world.fenced
    assert world.state(B) == Account(11)


def test_who_is_answered_and_raises_takes_nothing_from_others(world: World) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("a bug of who was answered")

    (first,) = world.tell(A, Move(1))
    first.then(fail)
    others = world.tell(A, Note("seen")) + world.tell(B, Pay((A,), 1))
    with capture_logs() as logs:
        world.settle()
    assert [log["event"] for log in logs] == ["callback_raised"]
    assert results(others) == ["accepted", Balance(9)]
    assert world.shown == [(A, "seen")]
    assert world.state(A) == Account(12)


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


def damage(world: World, stream: str, topic: str) -> StoredEvent:
    """Let an entity leave memory, and its first event be of another topic; returns what it was."""
    world.kernel.directory.drop(world.actor(stream))
    events = world.recorder._stored_events
    place = next(place for place, event in enumerate(events) if event.originator_id == stream)
    good = events[place]
    events[place] = StoredEvent(good.originator_id, good.originator_version, topic, good.state)
    return good


def repair(world: World, good: StoredEvent) -> None:
    events = world.recorder._stored_events
    names = [(event.originator_id, event.originator_version) for event in events]
    events[names.index((good.originator_id, good.originator_version))] = good


def test_a_stream_that_cannot_be_read_takes_its_entity_out_of_service_alone(world: World) -> None:
    world.ask(A, Move(1))
    damage(world, A, "account.lost:1")
    with capture_logs() as logs:
        replies = [world.ask(A, command) for command in (Look(), Move(1), Move(1))]
    for reply in replies:
        assert isinstance(reply, Rejection)
        assert reply.code is Code.UNAVAILABLE
        assert reply.reason.startswith(
            f"{A} is out of service: it cannot be read: revision 1 (version 1 of {A})"
        )
        assert "account.lost:1" in reply.reason
    assert [log["event"] for log in logs] == ["stream_unreadable"]
    assert not world.fenced
    assert world.ask(B, Move(1)) == Accepted(Balance(11), 4)


def test_an_entity_whose_stream_can_be_read_again_is_back(world: World) -> None:
    good = damage(world, A, "account.lost:1")
    assert results(world.tell(A, Look())) == [Code.UNAVAILABLE]
    repair(world, good)
    with capture_logs() as logs:
        assert world.ask(A, Look()) == Accepted(Balance(10), 0)
    assert [log["event"] for log in logs] == ["stream_readable_again"]
    assert world.ask(A, Move(1)) == Accepted(Balance(11), 3)


def test_what_was_sent_to_an_entity_out_of_service_arrives_when_it_is_back(world: World) -> None:
    good = damage(world, B, "account.lost:1")
    (paid,) = world.tell(A, Pay((B,), 4))
    world.settle()
    assert isinstance(paid.get(), Accepted)
    assert world.actor(A).unanswered
    repair(world, good)
    world.run()
    assert world.state(B) == Account(14)
    assert not world.actor(A).unanswered


def test_a_sender_out_of_service_does_not_forget_what_is_unanswered(world: World) -> None:
    """Its actor is lost while a command of its own is on its way, and comes back."""
    good = damage(world, B, "account.lost:1")
    world.tell(A, Pay((B,), 4))
    world.settle()
    actor = world.actor(A)
    stored = world.recorder._stored_events
    own = next(event for event in stored if event.originator_id == A)
    stored[stored.index(own)] = StoredEvent(A, 1, "account.lost:1", own.state)
    world.fail_with(Fault.BEFORE_INSERT)
    world.ask(A, Move(1))
    assert isinstance(world.ask(A, Look()), Rejection)
    repair(world, own)
    assert world.ask(A, Look()) == Accepted(Balance(6), 0)
    assert world.actor(A) is actor
    assert actor.unanswered
    repair(world, good)
    world.run()
    assert world.state(B) == Account(14)
    assert not actor.unanswered


def test_an_opening_of_a_stream_that_cannot_be_read_is_refused(world: World) -> None:
    damage(world, B, "account.lost:1")
    answer = world.ask(A, Fork((B,), 1, after=1))
    assert isinstance(answer, Rejection)
    assert answer.code is Code.UNAVAILABLE
    assert world.ask(A, Look()) == Accepted(Balance(10), 0)


@pytest.mark.parametrize("all_or_none", [True, False])
def test_a_joint_decision_goes_on_without_who_is_out_of_service(world: World, *, all_or_none: bool) -> None:
    damage(world, A, "account.lost:1")
    answered = world.kernel.ask_together([(A, Move(1)), (B, Move(1))], all_or_none=all_or_none)
    world.settle()
    first, second = answered.get()
    assert isinstance(first, Rejection)
    if all_or_none:
        assert second == first
    else:
        assert isinstance(second, Accepted)
        assert second.result == Balance(11)
