"""The laws of the shell: what is decided, appended, released and done, and in which order."""

from itertools import chain, count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.kernel.commits import ENDING
from actors.kernel.decider import Code, Context, Outcome, Rejection
from actors.kernel.request import Accepted, Keyed, Request
from events.receipt import ReceiptRecorded
from tests.actors.kernel.account import (
    ACCOUNT,
    Account,
    Balance,
    BreakDecide,
    BreakEvent,
    BreakEvolve,
    BreakResult,
    Fork,
    Look,
    Move,
    Moved,
    Note,
    Open,
    Opened,
    Pay,
    Show,
)
from tests.actors.kernel.harness import A, B, C, World, memory_of, results


@pytest.fixture
def world() -> World:
    world = World()
    world.ask(A, Open(10))
    return world


def test_nothing_is_released_before_what_it_rests_on_is_committed(world: World) -> None:
    replies = world.tell(A, Look(), Move(5), Look(), Move(-100))
    world.think()
    assert results(replies) == [Balance(10), None, None, None]
    world.writer.commit()
    assert results(replies) == [Balance(10), None, None, None]
    world.writer.deliver()
    assert results(replies) == [Balance(10), Balance(15), Balance(15), Code.WRONG_STATE]


def test_an_outcome_waits_for_its_version_and_no_longer(world: World) -> None:
    first = world.tell(A, Move(1), Look())
    world.think()
    world.writer.commit()
    second = world.tell(A, Move(1), Look())
    world.think()
    world.writer.deliver()
    assert results(first + second) == [Balance(11), Balance(11), None, None]


def test_answers_come_in_the_order_of_decisions(world: World) -> None:
    order: list[int] = []
    for number, reply in enumerate(world.tell(A, Move(1), Look(), Move(-100), Move(1), Look())):
        reply.then(lambda _, number=number: order.append(number))  # type: ignore[misc]
    world.settle()
    assert order == [0, 1, 2, 3, 4]


def test_the_next_command_sees_what_is_not_committed(world: World) -> None:
    world.tell(A, Move(-10), Move(-1), Move(3))
    world.settle()
    assert world.events(A) == [Opened(10), Moved(-10), Moved(3)]


def test_versions_of_a_stream_are_contiguous(world: World) -> None:
    world.tell(A, *(Move(1, times=number % 3 + 1) for number in range(20)))
    world.settle()
    versions = [record.version for record in world.reader.stream(A, limit=100)]
    assert versions == list(range(1, len(versions) + 1))
    assert world.actor(A).version == world.actor(A).committed == len(versions)


def test_one_append_holds_events_genesis_and_receipt(world: World) -> None:
    before = len(world.commits)
    reply = world.request(A, Request(command=Fork((B, C), 7), keyed=Keyed("receipt/1", "f"), principal="p"))
    world.settle()
    (records,) = world.commits[before:]
    assert [(record.stream, record.version, type(record.event)) for record in records] == [
        (A, 2, Moved),
        (B, 1, Opened),
        (C, 1, Opened),
        ("receipt/1", 1, ReceiptRecorded),
    ]
    assert [record.is_last for record in records] == [False, False, False, True]
    assert reply.get() == Accepted(Balance(2), records[-1].revision)
    assert records[0].envelope.principal == "p"


def test_children_may_be_used_before_they_are_committed(world: World) -> None:
    world.tell(A, Fork((B, C), 7))
    world.think()
    (reply,) = world.tell(B, Move(1))
    world.think()
    assert world.actor(B).state == Account(8)
    assert not reply.is_done
    world.settle()
    assert reply.get() == Accepted(Balance(8), world.commits[-1][-1].revision)


def test_effects_run_in_order_and_only_after_the_commit(world: World) -> None:
    replies = world.tell(A, Note("one"), Note("two"))
    replies[0].then(lambda _: world.shown.append(("", "answered")))
    world.think()
    world.writer.commit()
    assert world.shown == []
    world.writer.deliver()
    assert world.shown == [("", "answered"), (A, "one"), (A, "two")]


def test_observers_see_a_commit_before_its_replies_and_effects(world: World) -> None:
    (reply,) = world.tell(A, Note("one"))
    seen: list[tuple[bool, int]] = []
    world.kernel.observe(lambda _: seen.append((reply.is_done, len(world.shown))))
    world.settle()
    assert seen == [(False, 0)]


def test_an_effect_that_fails_leaves_the_others(world: World) -> None:
    def perform(stream: str, effect: object) -> None:
        del stream, effect
        raise RuntimeError("broken performer")

    world.kernel.perform_with(Show, perform)
    assert world.ask(A, Note("one")) == Accepted(None, 2)
    world.kernel.perform_with(Show, lambda stream, effect: world.shown.append((stream, effect.text)))
    world.ask(A, Note("two"))
    assert world.shown == [(A, "two")]
    assert world.ask(A, Look()) == Accepted(Balance(10), 0)
    assert not world.fenced


def test_an_observer_that_fails_fences_and_withholds_no_truth(world: World) -> None:
    def observe(_: object) -> None:
        raise RuntimeError("broken view")

    world.kernel.observe(observe)
    assert world.ask(A, Move(1)) == Accepted(Balance(11), 2)
    assert len(world.fenced) == 1


@pytest.mark.parametrize("command", [BreakDecide(), BreakEvolve(), BreakResult(), BreakEvent()])
def test_a_broken_decision_fails_its_command_and_changes_nothing(world: World, command: object) -> None:
    before = memory_of(world.actor(A))
    reply = world.request(A, Request(command=command, keyed=Keyed("receipt/1", "f")))
    (look,) = world.tell(A, Look())
    world.settle()
    with pytest.raises((RuntimeError, TypeError)):
        reply.get()
    assert look.get() == Accepted(Balance(10), 0)
    assert memory_of(world.actor(A)) == before
    assert len(world.events(A)) == 1
    assert world.kernel.commits.waiting == 0
    assert not world.fenced


@pytest.mark.parametrize(
    "command",
    [Fork((B, B)), Fork((B, A)), Fork((A,)), Fork((B,), after=3)],
    ids=["twice", "itself", "old", "gap"],
)
def test_an_impossible_opening_fails_and_changes_nothing(world: World, command: object) -> None:
    before = memory_of(world.actor(A))
    (reply,) = world.tell(A, command)
    world.settle()
    with pytest.raises(ValueError, match="open"):
        reply.get()
    assert memory_of(world.actor(A)) == before
    assert [actor.stream for actor in world.kernel.directory.residents()] == [A]


def test_a_full_writer_refuses_and_changes_nothing() -> None:
    world = World(max_appends=2)
    world.ask(A, Open(10))
    replies = world.tell(A, Move(1), Move(1), Move(1), Fork((B,)), Look())
    world.think()
    assert results(replies) == [None, None, Code.EXHAUSTED, Code.EXHAUSTED, None]
    assert memory_of(world.actor(A))[:2] == (Account(12), 3)
    assert len(world.kernel.directory) == 1
    world.settle()
    assert results(replies)[-1] == Balance(12)
    assert world.ask(A, Move(1)) == Accepted(Balance(13), 4)


def test_a_closed_writer_refuses_and_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(_: object) -> None:
        raise RuntimeError("the writer is closed")

    monkeypatch.setattr(world.writer, "submit", submit)
    assert world.ask(A, Fork((B,))) == ENDING
    assert world.ask(A, Look()) == Accepted(Balance(10), 0)
    assert len(world.kernel.directory) == 1


def test_a_full_writer_does_not_lose_a_delivery_cursor() -> None:
    """What an append would have recorded is news still when the append was refused."""
    world = World(max_appends=1)
    world.ask(A, Open(10))
    world.ask(B, Open())
    world.ask(A, Pay((B,), 1))
    world.tell(B, Move(1))
    world.think()
    world.tell(A, Move(1))
    world.think()
    assert world.actor(A).sent_until == 0
    world.settle()
    world.ask(A, Move(1))
    assert world.commits[-1][-1].envelope.delivered == ((A, 2),)


def test_a_mailbox_is_bounded() -> None:
    world = World(mailbox_bound=3)
    world.ask(A, Open(10))
    replies = world.tell(A, *[Look()] * 5)
    assert results(replies) == [None, None, None, Code.EXHAUSTED, Code.EXHAUSTED]
    world.settle()
    assert results(replies)[:3] == [Balance(10)] * 3


def test_an_entity_of_no_kind_is_not_found(world: World) -> None:
    answer = world.ask("nothing/1", Look())
    assert isinstance(answer, Rejection)
    assert answer.code is Code.NOT_FOUND


def test_the_envelope_tells_the_cause(world: World) -> None:
    world.request(A, Request(command=Move(1), principal="p", origin="o", request_id="r", trace="t", cause=1))
    world.settle()
    envelope = world.commits[-1][-1].envelope
    assert (envelope.principal, envelope.origin, envelope.request_id, envelope.trace, envelope.cause) == (
        "p",
        "o",
        "r",
        "t",
        1,
    )
    assert envelope.at == world.clock.now()


@given(
    st.lists(st.sampled_from([Move(1), Move(1, times=3), Look(), Pay((B,), 1), Fork((C,), 1)]), unique=True)
)
def test_what_is_recorded_is_of_the_time_at_which_it_was_decided(asked: list[object]) -> None:
    """A time that a decision works out from its own may be compared with the times of records."""
    seen: list[int] = []

    def decide(state: Account | None, command: object, context: Context) -> Outcome:
        seen.append(context.now)
        return ACCOUNT.decide(state, command, context)

    world = World(decide=decide)
    moments = count(world.clock.now())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.clock, "now", lambda: next(moments))  # no two looks show the same time
        for command in (Open(10), *asked):
            del seen[:], world.commits[:]
            world.ask(A, command)
            assert {record.envelope.at for record in chain.from_iterable(world.commits)} <= set(seen)
        del seen[:], world.commits[:]
        world.kernel.ask_together([(A, Move(1)), (B, Open(1))])
        world.settle()
        assert {record.envelope.at for record in chain.from_iterable(world.commits)} == set(seen)
        assert len(set(seen)) == 1
