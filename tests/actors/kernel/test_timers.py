"""Commands at a time."""

from actors.kernel.clock import VirtualClock
from actors.kernel.decider import ArmTimer, Code, Rejection
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer, Request
from actors.kernel.timers import PAUSE_US, Timers
from events.journal import Fault
from tests.actors.kernel.account import Arm, Move, Open, Rang
from tests.actors.kernel.harness import A, B, World


class Bells:
    """Timers, and the commands that they gave."""

    def __init__(self) -> None:
        self.clock = VirtualClock(0)
        self.given: list[tuple[int, str, object]] = []
        self.replies: list[LoopFuture[Answer]] = []
        self.timers = Timers(clock=self.clock, deliver=self._deliver)

    def _deliver(self, stream: str, request: Request, reply: LoopFuture[Answer]) -> None:
        self.given.append((self.clock.now(), stream, request.command))
        self.replies.append(reply)

    def arm(self, stream: str, key: str, due_at: int, command: str) -> None:
        self.timers.arm(stream, ArmTimer(key, due_at, command))


def test_a_command_comes_when_it_is_due() -> None:
    bells = Bells()
    bells.arm(A, "x", 10, "late")
    bells.arm(A, "y", 5, "early")
    bells.clock.advance(4)
    assert bells.given == []
    bells.clock.advance(6)
    assert bells.given == [(5, A, "early"), (10, A, "late")]
    assert len(bells.timers) == 0


def test_arming_again_replaces() -> None:
    bells = Bells()
    bells.arm(A, "x", 10, "old")
    bells.arm(B, "x", 10, "other")
    bells.arm(A, "x", 20, "new")
    bells.clock.advance(100)
    assert bells.given == [(10, B, "other"), (20, A, "new")]


def test_what_is_past_comes_at_once_and_never_within() -> None:
    bells = Bells()
    bells.clock.advance(50)
    bells.arm(A, "x", 10, "past")
    assert bells.given == []
    bells.clock.advance(0)
    assert bells.given == [(50, A, "past")]


def test_a_refusal_to_try_again_is_tried_again() -> None:
    bells = Bells()
    bells.arm(A, "x", 10, "ring")
    bells.clock.advance(10)
    bells.replies.pop().set(Rejection(Code.UNAVAILABLE, "not now"))
    bells.clock.advance(PAUSE_US)
    assert [command for _, _, command in bells.given] == ["ring", "ring"]
    bells.replies.pop().set(Rejection(Code.WRONG_STATE, "no"))
    assert len(bells.timers) == 0


def test_a_retry_does_not_replace_what_was_armed_meanwhile() -> None:
    bells = Bells()
    bells.arm(A, "x", 10, "old")
    bells.clock.advance(10)
    bells.arm(A, "x", 20, "new")
    bells.replies.pop().set(Rejection(Code.EXHAUSTED, "not now"))
    bells.clock.advance(2 * PAUSE_US)
    assert [command for _, _, command in bells.given] == ["old", "new"]


def test_arming_replaces_a_retry() -> None:
    bells = Bells()
    bells.arm(A, "x", 10, "old")
    bells.clock.advance(10)
    bells.replies.pop().set(Rejection(Code.EXHAUSTED, "not now"))
    bells.arm(A, "x", 20, "new")
    bells.clock.advance(2 * PAUSE_US)
    assert [command for _, _, command in bells.given] == ["old", "new"]


def test_a_bug_ends_a_timer() -> None:
    bells = Bells()
    bells.arm(A, "x", 10, "ring")
    bells.clock.advance(10)
    bells.replies.pop().fail(RuntimeError("a bug"))
    assert len(bells.timers) == 0


def test_closing_disarms() -> None:
    bells = Bells()
    bells.arm(A, "x", 10, "ring")
    bells.timers.close()
    bells.clock.advance(100)
    assert bells.given == []


def test_a_timer_wakes_an_actor_that_left() -> None:
    world = World()
    world.ask(A, Open())
    world.ask(A, Arm("bell", world.clock.now() + 1000))
    world.kernel.directory.drop(world.actor(A))
    world.run()
    assert world.events(A)[-1] == Rang("bell")


def test_a_ring_that_was_not_stored_comes_again() -> None:
    world = World()
    world.ask(A, Open())
    world.ask(A, Arm("bell", world.clock.now() + 1000))
    world.fail_with(Fault.BEFORE_INSERT, Fault.BEFORE_INSERT)
    world.run()
    assert world.state(A).rung == ("bell",)
    assert isinstance(world.ask(A, Move(1)), Accepted)
