"""Commands between entities: at least once on the way, exactly once in effect, in order of each pair."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.kernel.decider import Code, Rejection
from actors.kernel.entity import EntityActor
from actors.kernel.mailbox import LoopFuture
from actors.kernel.post import LONGEST_PAUSE_S, PAUSE_S, Parcel, Post
from actors.kernel.request import Accepted, Answer, Request
from events.journal import Fault
from events.receipt import CommandReceived
from events.record import Delivery
from tests.actors.kernel.account import Account, Balance, Close, Fork, Look, Move, Moved, Open, Pay
from tests.actors.kernel.harness import A, B, C, World, memory_of


@pytest.fixture
def world() -> World:
    world = World()
    for stream in (A, B, C):
        world.ask(stream, Open(10))
    return world


# ---------------------------------------------------------------- effect


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), max_size=12))
def test_repeats_have_no_effect(deliveries: list[tuple[int, int]]) -> None:
    """Whatever is repeated or comes too late: what rises within its sender is taken, once."""
    world = World()
    world.ask(B, Open())
    taken, last = 0, (0, 0)
    for version, ordinal in deliveries:
        request = Request(command=Move(1), delivery=Delivery(A, version, ordinal))
        reply = world.request(B, request)
        world.settle()
        assert isinstance(reply.get(), Accepted)
        if (version, ordinal) > last:
            taken, last = taken + 1, (version, ordinal)
    assert world.state(B) == Account(taken)


def test_an_event_may_send_the_same_command_twice(world: World) -> None:
    world.ask(A, Pay((B, B, C), 1))
    assert (world.state(B), world.state(C)) == (Account(12), Account(11))


def test_what_is_not_committed_is_not_sent(world: World) -> None:
    world.tell(A, Pay((B,), 1))
    world.think()
    world.writer.commit()
    assert world.kernel.post.waiting == 0
    world.fail_with(Fault.BEFORE_INSERT)
    world.tell(A, Pay((C,), 1))
    world.run()
    assert (world.state(B), world.state(C)) == (Account(11), Account(10))


def test_a_no_op_and_a_refusal_leave_that_they_were_taken(world: World) -> None:
    world.request(B, Request(command=Open(), delivery=Delivery(A, 1, 0)))
    world.request(B, Request(command=Move(-100), delivery=Delivery(A, 1, 1)))
    world.settle()
    assert world.events(B)[1:] == [CommandReceived(), CommandReceived()]
    assert world.state(B) == Account(10)
    world.ask(B, Move(100))
    world.crash()
    world.request(B, Request(command=Move(-100), delivery=Delivery(A, 1, 1)))
    world.settle()
    assert world.state(B) == Account(110)


def test_what_does_not_exist_takes_no_trace(world: World) -> None:
    world.ask(A, Pay(("account/nobody",), 1))
    reply = world.request("account/nobody", Request(command=Close(), delivery=Delivery(A, 9, 0)))
    world.settle()
    assert reply.get() == Accepted(None, 0)
    assert world.reader.stream_version("account/nobody") == 0
    assert len(world.kernel.directory) == 3
    assert isinstance(world.ask(A, Fork(("account/nobody",), 1)), Accepted)


def test_a_delivery_that_opens_streams_belongs_to_its_receiver_alone(world: World) -> None:
    child = "account/child"
    world.request(B, Request(command=Fork((child,), 1), delivery=Delivery(A, 5, 1)))
    world.settle()
    live = [memory_of(world.actor(stream)) for stream in (B, child)]
    assert world.actor(B).seen == {A: (5, 1)}
    assert world.actor(child).seen is None
    world.crash()
    assert [memory_of(world.actor(stream)) for stream in (B, child)] == live


def test_a_delivery_that_makes_its_receiver_is_marked(world: World) -> None:
    child = "account/child"
    world.request(child, Request(command=Open(3), delivery=Delivery(A, 5, 0)))
    world.settle()
    live = memory_of(world.actor(child))
    assert world.actor(child).seen == {A: (5, 0)}
    world.crash()
    assert memory_of(world.actor(child)) == live


# ---------------------------------------------------------------- cursor


def test_the_cursor_is_recorded_when_it_is_news(world: World) -> None:
    def delivered() -> list[tuple[tuple[str, int], ...]]:
        return [records[0].envelope.delivered for records in world.commits if records[0].stream == A][1:]

    world.ask(A, Move(1))
    world.ask(A, Move(1))
    assert delivered() == [(), ()]
    world.ask(A, Pay((B,), 1))
    assert delivered()[2:] == [()]
    world.ask(A, Move(1))
    world.ask(A, Move(1))
    assert delivered()[3:] == [((A, 4),), ()]


def test_the_cursor_stands_before_what_is_unanswered(world: World) -> None:
    world.ask(A, Pay((B,), 1))
    world.tell(A, Pay((C,), 1))
    world.think()
    world.writer.commit()
    world.writer.deliver()
    world.tell(A, Move(1))
    world.think()
    assert world.actor(A).sent_until == 2
    world.settle()
    assert world.actor(A).sent_until == 2
    world.ask(A, Move(1))
    assert world.actor(A).sent_until == 4
    assert world.actor(A).first_sent == 0


def test_a_woken_actor_knows_that_its_cursor_is_news(world: World) -> None:
    world.ask(A, Pay((B,), 1))
    world.kernel.directory.drop(world.actor(A))
    world.ask(A, Move(1))
    assert world.commits[-1][-1].envelope.delivered == ((A, 2),)


def test_a_restart_sends_again_only_what_may_be_missing(world: World) -> None:
    world.ask(A, Pay((B,), 1))
    world.tell(A, Pay((C,), 1))
    world.think()
    world.writer.commit()
    world.crash()
    assert world.kernel.post.waiting == 1
    world.settle()
    assert (world.state(B), world.state(C)) == (Account(11), Account(11))
    world.crash()
    assert world.kernel.post.waiting == 0


# ---------------------------------------------------------------- order and retry


class Route:
    """Takes what the post delivers, and answers when it is told to."""

    def __init__(self, *, window: int = 100) -> None:
        self.delivered: list[tuple[str, object, LoopFuture[Answer]]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.rested: list[EntityActor] = []
        self.post = Post(
            deliver=lambda to, request, reply: self.delivered.append((to, request.command, reply)),
            later=lambda seconds, call: self.later.append((seconds, call)),
            window=window,
            at_rest=self.rested.append,
        )
        self.sender = World().kernel.directory.place(A)
        self.name = A

    def send(self, to: str, command: str, version: int = 1) -> None:
        self.post.send(Parcel(self.sender, to, command, Delivery(self.name, version, 0), 0))

    def answer(self, answer: Answer, number: int = 0) -> None:
        self.delivered.pop(number)[2].set(answer)

    @property
    def under_way(self) -> list[object]:
        return [command for _, command, _ in self.delivered]


def test_a_pair_has_one_command_under_way() -> None:
    route = Route()
    for to, command in ((B, "b1"), (B, "b2"), (C, "c1"), (B, "b3")):
        route.send(to, command)
    assert route.under_way == ["b1", "c1"]
    route.answer(Accepted(None, 0))
    assert route.under_way == ["c1", "b2"]
    route.answer(Accepted(None, 0), 1)
    assert route.under_way == ["c1", "b3"]


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.EXHAUSTED])
def test_a_refusal_to_try_again_is_tried_again_and_not_overtaken(code: Code) -> None:
    route = Route()
    route.send(B, "b1", 1)
    route.send(B, "b2", 2)
    route.answer(Rejection(code, "not now"))
    assert route.under_way == []
    ((pause, again),) = route.later
    assert pause == PAUSE_S
    assert callable(again)
    again()
    assert route.under_way == ["b1"]
    route.answer(Accepted(None, 0))
    assert route.under_way == ["b2"]


def test_a_receiver_out_of_service_holds_up_nobody_else() -> None:
    """However much is sent to it, and it is tried by one command at a time, more and more rarely."""
    route = Route(window=2)
    for number in range(4):
        route.name = f"account/sender{number}"
        route.send(B, f"b{number}", number + 1)
    assert route.under_way == ["b0", "b1"]
    route.answer(Rejection(Code.UNAVAILABLE, "not now"))
    route.answer(Rejection(Code.UNAVAILABLE, "not now"))
    assert route.under_way == []
    route.send(C, "c1", 9)
    assert route.under_way == ["c1"]
    route.answer(Accepted(None, 0))
    pauses = []
    for _ in range(7):
        ((pause, again),) = route.later
        pauses.append(pause)
        route.later.clear()
        again()
        assert len(route.under_way) == 1
        route.answer(Rejection(Code.UNAVAILABLE, "not now"))
    assert pauses == [PAUSE_S, *(min(PAUSE_S * 2**n, LONGEST_PAUSE_S) for n in range(1, 7))]
    assert route.post.waiting == 4
    route.later.pop()[1]()
    while route.delivered:
        route.answer(Accepted(None, 0))
    assert route.post.waiting == 0
    assert not route.later


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.booleans()), max_size=30), st.data())
def test_whatever_is_refused_for_a_time_each_pair_is_in_order(
    sent: list[tuple[int, int, bool]], data: st.DataObject
) -> None:
    """Answers come in any order; at last all has arrived once, what one sent to another in order."""
    route, taken = Route(window=3), dict[tuple[str, str], list[int]]()
    for number, (sender, receiver, _) in enumerate(sent):
        route.name = f"account/sender{sender}"
        route.send(f"account/{receiver}", str(number), number + 1)
    refusals = [is_refused for _, _, is_refused in sent]
    while route.delivered or route.later:
        if route.later and (not route.delivered or data.draw(st.booleans())):
            route.later.pop(data.draw(st.integers(0, len(route.later) - 1)))[1]()
            continue
        place = data.draw(st.integers(0, len(route.delivered) - 1))
        to, command, _ = route.delivered[place]
        assert len(route.delivered) <= 3
        if refusals and refusals.pop():
            route.answer(Rejection(Code.UNAVAILABLE, "not now"), place)
        else:
            number = int(str(command))
            taken.setdefault((f"account/sender{sent[number][0]}", to), []).append(number)
            route.answer(Accepted(None, 0), place)
    assert all(numbers == sorted(numbers) for numbers in taken.values())
    assert sorted(number for numbers in taken.values() for number in numbers) == list(range(len(sent)))
    assert route.post.waiting == 0


def test_any_other_answer_ends_a_delivery() -> None:
    route = Route()
    route.send(B, "b1")
    route.send(B, "b2")
    route.send(B, "b3")
    route.answer(Rejection(Code.WRONG_STATE, "no"))
    route.delivered.pop()[2].fail(RuntimeError("a bug"))
    assert route.under_way == ["b3"]
    assert not route.later


def test_a_window_bounds_what_is_under_way() -> None:
    route = Route(window=2)
    for number in range(4):
        route.send(f"account/{number}", str(number))
    assert route.under_way == ["0", "1"]
    assert route.post.waiting == 4
    route.answer(Accepted(None, 0), 1)
    assert route.under_way == ["0", "2"]


def test_a_sender_rests_when_all_is_answered() -> None:
    route = Route()
    route.send(B, "b1", 1)
    route.send(C, "c1", 2)
    assert route.sender.unanswered == {1: 1, 2: 1}
    route.answer(Accepted(None, 0))
    assert not route.rested
    route.answer(Accepted(None, 0))
    assert route.rested == [route.sender]
    assert route.sender.unanswered is None


def test_many_answers_at_once_do_not_pile_up(world: World) -> None:
    world.ask(A, Pay(("nothing/1",) * 5000, 0))
    assert world.kernel.post.waiting == 0
    assert world.ask(A, Look()) == Accepted(Balance(10), 0)


def test_a_delivery_is_tried_until_the_journal_takes_it(world: World) -> None:
    world.tell(A, Pay((B,), 1), Pay((B,), 2), Pay((B,), 3))
    world.think()
    world.writer.commit()
    world.writer.deliver()
    world.fail_with(Fault.BEFORE_INSERT, Fault.UNKNOWN_ABSENT, Fault.UNKNOWN_STORED)
    world.run()
    assert [event for event in world.events(B) if isinstance(event, Moved)] == [Moved(1), Moved(2), Moved(3)]


# ---------------------------------------------------------------- who waits for a pair


def test_nothing_under_way_is_passed_at_once(world: World) -> None:
    assert world.kernel.post.passed(A, B) is None
    world.ask(A, Pay((B,), 1))
    assert world.kernel.post.passed(A, B) is None


def test_who_asks_hears_after_what_was_sent_before_and_before_what_follows(world: World) -> None:
    delivered: list[tuple[int, LoopFuture[Answer]]] = []
    post = Post(
        deliver=lambda _to, request, reply: delivered.append((request.command, reply)),  # type: ignore[arg-type]
        later=lambda _seconds, _call: None,
    )
    sender = world.kernel.directory.wake(A)

    def send(number: int) -> None:
        post.send(Parcel(sender, B, number, Delivery(A, 1, number), 0))

    send(0)
    send(1)
    passed = post.passed(A, B)
    send(2)
    assert passed is not None
    delivered[0][1].set(Accepted(None, 0))
    done_early = passed.is_done
    delivered[1][1].set(Accepted(None, 0))
    assert (done_early, passed.is_done) == (False, True)
    assert [number for number, _ in delivered] == [0, 1, 2]
    assert post.passed(B, A) is None
