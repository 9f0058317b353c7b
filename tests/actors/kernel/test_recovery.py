"""A restart at any point ends where no restart would have ended."""

from collections.abc import Container, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.kernel.dispatcher import Dispatcher
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer
from events.journal import Fault
from tests.actors.kernel.account import Account, Arm, Fork, Look, Move, Note, Open, Opened, Pay
from tests.actors.kernel.harness import A, B, C, World, memory_of

STREAMS = (A, B, C, "account/d")

BELL_AT = 1_700_000_000_200_000
"""Soon after a world begins."""

Script = list[tuple[str, object]]
"""Commands, each with the stream that it is given to. A tag lets a caller repeat what was not answered."""


class Callers:
    """Give each command until it is answered, the next of a stream after the one before."""

    def __init__(self, world: World, script: Script) -> None:
        self.world = world
        self.left = {stream: [command for to, command in script if to == stream] for stream in STREAMS}
        self.asked: dict[str, LoopFuture[Answer]] = {}

    def give(self) -> None:
        for stream, commands in self.left.items():
            reply = self.asked.get(stream)
            if reply is not None and reply.is_done:
                del self.asked[stream]
                if isinstance(reply.get(), Accepted):
                    commands.pop(0)
            if commands and stream not in self.asked:
                (self.asked[stream],) = self.world.tell(stream, commands[0])

    def crash(self) -> None:
        self.world.crash()
        self.asked.clear()


class EagerCallers(Callers):
    """Three who each give the next command, to whatever stream, in the very moment of an answer.

    They do so by joint decisions, which are taken at once. What was not stored has its turn again later.
    """

    def __init__(self, world: World, script: Script) -> None:
        super().__init__(world, [])
        self.scripts = [script[number::3] for number in range(3)]
        self.waiting: dict[int, object] = {}

    def give(self) -> None:
        for number, script in enumerate(self.scripts):
            if script and number not in self.waiting:
                self._ask(number)

    def crash(self) -> None:
        self.world.crash()
        self.waiting.clear()

    def _ask(self, number: int) -> None:
        stream, command = self.scripts[number][0]
        asked = self.world.kernel.ask_together([(stream, command)])
        self.waiting[number] = asked
        asked.then(lambda done: self._answered(number, done))

    def _answered(self, number: int, done: LoopFuture[tuple[Answer, ...]]) -> None:
        if self.waiting.get(number) is not done:
            return  # asked before a crash
        del self.waiting[number]
        script = self.scripts[number]
        command = script.pop(0)
        if not isinstance(done.get()[0], Accepted):
            script.append(command)
        if script and not self.world.fenced:
            self._ask(number)


def play(
    script: Script,
    *,
    callers: type[Callers] = Callers,
    crashes: Container[int] = (),
    faults: Sequence[Fault] = (),
    picks: Iterable[int] = (),
    resident_bound: int = 250_000,
) -> tuple[World, int]:
    """Play a script in the smallest steps, with crashes before some; answer how many steps it took."""
    world = World(
        resident_bound=resident_bound,
        batch_events=2,
        dispatcher=lambda defer: Dispatcher(defer, batch=1, slice_=1),
    )
    for stream in STREAMS:
        world.ask(stream, Open(100))
    world.fail_with(*faults)
    chosen = iter(picks)
    asking = callers(world, script)
    steps = 0
    while True:
        asking.give()
        if steps in crashes:
            asking.crash()
        elif not world.step(lambda possible: next(chosen, 0) % possible):
            asking.give()
            if not world.deferred:
                due = world.clock.next_at()
                if due is None:
                    return world, steps
                world.clock.advance(due - world.clock.now())
        steps += 1


def outcome(world: World) -> list[Account]:
    """Return what accounts came to."""
    return [world.state(stream) for stream in STREAMS]


def paid(state: Account) -> tuple[object, ...]:
    """Return an account without how often a bell rang: a caller who repeats arms it again."""
    return state.balance, state.tags, state.armed, set(state.rung)


def settled(state: Account) -> tuple[object, ...]:
    """Return an account without the order in which callers, who do not wait for each other, came to it."""
    return state.balance, sorted(state.tags), state.armed, set(state.rung)


def streams_are_folds(world: World) -> bool:
    """Tell whether every actor in memory equals the fold of its stream."""
    live = [memory_of(world.kernel.directory.wake(stream)) for stream in STREAMS]
    world.crash()
    return [memory_of(world.kernel.directory.wake(stream)) for stream in STREAMS] == live


STORY: Script = [
    (A, Pay((B, C), 1, "1")),
    (A, Pay((B,), 2, "2")),
    (B, Pay((A, A), 5, "3")),
    (C, Arm("bell", BELL_AT)),
    (B, Move(7, "4")),
    (A, Note("seen")),
    (C, Pay((A, B, STREAMS[3]), 3, "5")),
]


@pytest.mark.parametrize("picks", [(), (3, 2, 1, 0) * 30, (1, 0, 2) * 40])
def test_a_crash_before_each_step_changes_nothing(picks: Sequence[int]) -> None:
    calm, steps = play(STORY, picks=picks)
    assert steps > 30
    for at in range(steps + 1):
        stormy, _ = play(STORY, crashes={at}, picks=picks)
        assert outcome(stormy) == outcome(calm), f"crash before step {at}"
        assert streams_are_folds(stormy), f"crash before step {at}"


AGAIN: Script = [(C, Pay((A, A, B), 0, "1")), (C, Pay((A, A, C), 1, "2"))]
"""One that sends another several commands, and itself, and does so again while the last is answered."""


@pytest.mark.parametrize("faults", [(), (Fault.BEFORE_INSERT,), (Fault.BEFORE_INSERT, Fault.UNKNOWN_ABSENT)])
@pytest.mark.parametrize("script", [STORY, AGAIN])
def test_who_leaves_memory_at_once_has_sent_all_before(script: Script, faults: Sequence[Fault]) -> None:
    """Without room for actors at rest, a crash before each step changes nothing, whatever failed before."""
    calm, _ = play(script)
    _, steps = play(script, faults=faults, resident_bound=0)
    for at in range(steps + 1):
        stormy, _ = play(script, crashes={at}, faults=faults, resident_bound=0)
        assert [*map(paid, outcome(stormy))] == [*map(paid, outcome(calm))], f"crash before step {at}"
        assert streams_are_folds(stormy), f"crash before step {at}"


def test_two_crashes_change_nothing() -> None:
    calm, steps = play(STORY)
    for at in range(0, steps, 3):
        for again in range(1, 12):
            stormy, _ = play(STORY, crashes={at, at + again})
            assert outcome(stormy) == outcome(calm), f"crashes before steps {at} and {at + again}"


@st.composite
def scripts(draw: st.DrawFn, streams: Sequence[str] = STREAMS, longest: int = 8) -> Script:
    some = st.sampled_from(streams)
    script: Script = []
    for number in range(draw(st.integers(0, longest))):
        kind, tag = draw(st.sampled_from([Pay, Pay, Move, Arm, Look])), str(number)
        if kind is Pay:
            command: object = Pay(tuple(draw(st.lists(some, max_size=3))), draw(st.integers(0, 5)), tag)
        elif kind is Move:
            command = Move(draw(st.integers(0, 5)), tag)
        elif kind is Look:
            command = Look()
        else:
            command = Arm(draw(st.sampled_from(["x", "y"])), BELL_AT)
        script.append((draw(some), command))
    return script


@settings(max_examples=150, deadline=None)
@given(
    script=scripts(),
    crashes=st.sets(st.integers(0, 150), max_size=5),
    faults=st.lists(
        st.sampled_from([Fault.BEFORE_INSERT, Fault.UNKNOWN_STORED, Fault.UNKNOWN_ABSENT]), max_size=4
    ),
    picks=st.lists(st.integers(0, 3), max_size=150),
    resident_bound=st.sampled_from([0, 1, 250_000]),
)
def test_crashes_and_failures_change_nothing(
    script: Script, crashes: set[int], faults: list[Fault], picks: list[int], resident_bound: int
) -> None:
    """Whatever fails and whenever it ends: accounts are those of a calm run, and memory is the fold."""
    calm, _ = play(script)
    stormy, _ = play(script, crashes=crashes, faults=faults, picks=picks, resident_bound=resident_bound)
    assert [paid(state) for state in outcome(stormy)] == [paid(state) for state in outcome(calm)]
    assert streams_are_folds(stormy)
    assert not stormy.fenced


@settings(max_examples=150, deadline=None)
@given(
    script=scripts((A, B), 12),
    crashes=st.sets(st.integers(0, 60), max_size=3),
    faults=st.lists(
        st.sampled_from([Fault.BEFORE_INSERT, Fault.UNKNOWN_STORED, Fault.UNKNOWN_ABSENT]), max_size=4
    ),
    picks=st.lists(st.integers(0, 3), max_size=150),
)
def test_who_decides_in_the_moment_of_an_answer_loses_nothing(
    script: Script, crashes: set[int], faults: list[Fault], picks: list[int]
) -> None:
    """What is decided within the telling of a commit, or of its failure, is decided on what is true."""
    calm, _ = play(script)
    stormy, _ = play(script, callers=EagerCallers, crashes=crashes, faults=faults, picks=picks)
    assert not stormy.fenced
    assert [settled(state) for state in outcome(stormy)] == [settled(state) for state in outcome(calm)]
    assert streams_are_folds(stormy)


def test_what_is_stored_and_not_yet_sent_is_not_taken_for_answered() -> None:
    """An event decided between a commit and its effects does not say that what they send has arrived."""
    world = World()
    for stream in (A, B, C):
        world.ask(stream, Open(100))
    world.tell(A, Pay((B,), 1))
    world.think()
    world.writer.commit()
    world.writer.deliver()
    world.think()
    world.tell(A, Pay((C,), 5))
    (look,) = world.tell(A, Look())

    def decide(_: object) -> None:
        world.kernel.ask_together([(A, Move(0))])

    look.then(decide)
    world.think()
    world.writer.commit()
    world.writer.deliver()
    world.writer.commit()
    world.crash()
    world.run()
    assert world.state(C) == Account(105)


def test_effects_that_may_be_left_are_done_again() -> None:
    world = World()
    world.ask(A, Open())
    world.ask(A, Arm("bell", world.clock.now() + 1000))
    world.crash()
    assert len(world.kernel.timers) == 1
    world.run()
    assert world.state(A).rung == ("bell",)
    world.crash()
    assert len(world.kernel.timers) == 0


def test_no_message_is_taken_before_all_is_read() -> None:
    world = World()
    world.ask(A, Open(10))
    world.ask(A, Pay((B, B), 1))
    seen: list[int] = []
    journal = list(world.reader.scan())
    fresh = World()
    kinds = {record.event.__class__ for record in journal}
    also = dict.fromkeys(kinds, lambda record: seen.append(record.revision))
    resume = fresh.kernel.recover(journal, also)
    (look,) = fresh.tell(A, Look())
    fresh.think()
    before = look.is_done
    resume()
    fresh.think()
    assert (before, look.is_done) == (False, True)
    assert seen == [record.revision for record in journal]


def test_sends_of_a_long_history_are_found() -> None:
    """More events than are kept back come after a command that was never answered."""
    world = World(snapshot_schema=0)
    world.ask(A, Open(100))
    world.ask(B, Open())
    world.tell(A, Pay((B, B), 1), *[Move(1)] * 50, Pay((B,), 3))
    world.think()
    world.writer.commit()
    world.crash()
    world.run()
    assert world.state(B) == Account(5)
    assert world.state(A).balance == 145


def test_a_scan_may_begin_in_the_middle() -> None:
    world = World(snapshot_schema=0)
    world.ask(A, Open(100))
    world.ask(A, Move(1, times=300))
    world.ask(A, Move(1))
    fresh = World(snapshot_schema=0)
    fresh.recorder = world.recorder
    fresh.crash()
    assert memory_of(fresh.actor(A)) == memory_of(world.actor(A))


def test_receipts_have_no_actor() -> None:
    world = World()
    world.ask(A, Fork((B, C), 1))
    world.crash()
    assert {actor.stream for actor in world.kernel.directory.residents()} == {A, B, C}
    assert world.events(B) == [Opened(1)]
