"""Joint decisions: several entities, one append."""

import pytest

from actors.kernel.decider import Code
from actors.kernel.entity import NOTHING_STORED
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer
from events.journal import Fault
from tests.actors.kernel.account import Account, Balance, BreakDecide, BreakEvolve, Fork, Look, Move, Open
from tests.actors.kernel.harness import A, B, C, World, memory_of


@pytest.fixture
def world() -> World:
    world = World()
    for stream in (A, B):
        world.ask(stream, Open(10))
    return world


def codes(answers: LoopFuture[tuple[Answer, ...]]) -> list[object]:
    return [
        (answer.result, answer.revision) if isinstance(answer, Accepted) else answer.code
        for answer in answers.get()
    ]


def test_what_is_decided_together_is_one_append(world: World) -> None:
    before = len(world.commits)
    answered = world.kernel.ask_together([(B, Move(-3)), (A, Move(3))], cause=1)
    world.settle()
    (records,) = world.commits[before:]
    assert [(record.stream, record.version) for record in records] == [(B, 2), (A, 2)]
    assert records[0].envelope.cause == 1
    assert codes(answered) == [(Balance(7), 4), (Balance(13), 4)]


def test_nothing_is_answered_before_the_commit(world: World) -> None:
    answered = world.kernel.ask_together([(A, Move(1)), (B, Move(1))])
    world.think()
    world.writer.commit()
    assert not answered.is_done
    world.writer.deliver()
    assert answered.is_done


def test_one_refusal_leaves_all_undone(world: World) -> None:
    answered = world.kernel.ask_together([(A, Move(1)), (B, Move(-100)), (C, Look())])
    world.settle()
    assert codes(answered) == [Code.WRONG_STATE, Code.WRONG_STATE, Code.NOT_FOUND]
    assert (world.state(A), world.state(B)) == (Account(10), Account(10))


def test_the_refused_may_be_left_out(world: World) -> None:
    answered = world.kernel.ask_together([(A, Move(1)), (B, Move(-100)), (C, Open())], all_or_none=False)
    world.settle()
    assert codes(answered) == [(Balance(11), 4), Code.WRONG_STATE, (None, 4)]


@pytest.mark.parametrize("all_or_none", [True, False])
def test_doing_nothing_answers_each(world: World, *, all_or_none: bool) -> None:
    answered = world.kernel.ask_together([(B, Look()), (A, Look())], all_or_none=all_or_none)
    world.settle()
    assert codes(answered) == [(Balance(10), 0), (Balance(10), 0)]


@pytest.mark.parametrize(
    ("command", "all_or_none"), [(Look(), True), (Move(-100), True), (Move(-100), False)]
)
def test_what_changes_nothing_waits_for_what_it_rests_on(
    world: World, command: object, *, all_or_none: bool
) -> None:
    world.tell(B, Move(1))
    answered = world.kernel.ask_together([(A, Look()), (B, command)], all_or_none=all_or_none)
    world.think()
    assert not answered.is_done
    world.settle()
    assert answered.is_done


def test_what_rests_on_what_is_lost_is_refused(world: World) -> None:
    world.fail_with(Fault.BEFORE_INSERT)
    world.tell(B, Move(1))
    looked = world.kernel.ask_together([(A, Look()), (B, Look())])
    moved = world.kernel.ask_together([(A, Move(1)), (B, Look())])
    world.settle()
    assert looked.get() == moved.get() == (NOTHING_STORED, NOTHING_STORED)
    assert (world.state(A), world.state(B)) == (Account(10), Account(10))


def test_an_entity_is_named_once(world: World) -> None:
    with pytest.raises(ValueError, match="once"):
        world.kernel.ask_together([(A, Look()), (A, Look())])


def test_of_nobody_there_is_no_answer(world: World) -> None:
    answered = world.kernel.ask_together([])
    world.settle()
    assert answered.get() == ()


def test_it_waits_for_loads(world: World) -> None:
    plain = World(snapshot_schema=0)
    plain.ask(A, Open())
    plain.ask(A, Move(1, times=300))
    plain.ask(B, Open())
    plain.kernel.directory.drop(plain.actor(A))
    answered = plain.kernel.ask_together([(A, Move(1)), (B, Move(1))])
    plain.think()
    assert not plain.actor(A).is_loaded
    plain.run()
    assert codes(answered) == [(Balance(301), 304), (Balance(1), 304)]
    assert world.kernel.commits.waiting == 0


@pytest.mark.parametrize("command", [BreakDecide(), BreakEvolve()])
def test_a_bug_fails_all_and_changes_nothing(world: World, command: object) -> None:
    before = memory_of(world.actor(A)), memory_of(world.actor(B))
    answered = world.kernel.ask_together([(A, Move(1)), (B, command)])
    world.settle()
    with pytest.raises(RuntimeError):
        answered.get()
    assert (memory_of(world.actor(A)), memory_of(world.actor(B))) == before
    assert world.ask(A, Move(1)) == Accepted(Balance(11), 3)


def test_it_may_open_streams(world: World) -> None:
    world.kernel.ask_together([(A, Fork((C,), 5)), (B, Move(1))])
    world.settle()
    assert (world.state(B), world.state(C)) == (Account(11), Account(5))


def test_names_of_nothing_leave_memory(world: World) -> None:
    world.kernel.ask_together([(A, Look()), (C, Look())])
    world.settle()
    assert len(world.kernel.directory) == 2


def test_it_is_taken_at_once_where_nothing_is_in_the_way(world: World) -> None:
    world.kernel.ask_together([(A, Move(1)), (B, Move(1))])
    assert world.kernel.commits.waiting == 1
    assert [world.actor(each).version for each in (A, B)] == [2, 2]
    world.kernel.ask_together([(A, Move(1)), (C, Open(1))])  # what is new is nowhere, which is known at once
    assert world.kernel.commits.waiting == 2


def test_what_was_asked_for_earlier_is_decided_earlier(world: World) -> None:
    told = world.kernel.tell(A, Move(-10))
    poor = world.kernel.ask_together([(A, Move(-1)), (B, Move(1))])
    poorer = world.kernel.ask_together([(B, Move(-11)), (C, Open(1))])  # B has no mail, but one waits before
    assert world.kernel.commits.waiting == 0
    world.settle()
    assert told.get() == Accepted(Balance(0), 3)
    assert codes(poor) == [Code.WRONG_STATE, Code.WRONG_STATE]
    assert codes(poorer) == [Code.WRONG_STATE, Code.WRONG_STATE]
    late = world.kernel.ask_together([(B, Move(-10))])
    assert world.kernel.commits.waiting == 1  # nothing waits any more
    world.settle()
    assert codes(late) == [(Balance(0), 4)]
