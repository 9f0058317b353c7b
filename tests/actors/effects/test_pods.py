"""Pods are told what engines report, in the order of each run, and engines what became of pods."""

from collections.abc import Callable
from typing import Any, cast

from actors.effects.engines.engine import ContainerExited, Engine, PodKept, Report, RunEnded, RunKey
from actors.effects.pods import PodWorld, command_of
from actors.kernel.decider import Code, Rejection
from actors.kernel.kernel import Kernel
from actors.kernel.mailbox import LoopFuture
from actors.kernel.request import Accepted, Answer

KEY, OTHER = RunKey(pod="p", run=1), RunKey(pod="other", run=1)
EXITED = ContainerExited(key=KEY, container="c", exit_code=0, signal="", at=1)
ENDED = RunEnded(key=KEY)
LATE = Rejection(Code.UNAVAILABLE, "not stored")


class Scene:
    """A world whose kernel answers when told to, and whose pauses end when told to."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []
        self.replies: list[LoopFuture[Answer]] = []
        self.pauses: list[Callable[[], None]] = []
        self.forgotten: list[str] = []
        self.world = PodWorld(
            kernel=cast("Kernel", self),
            engines={"h": cast("Engine", self)},
            later=lambda _, call: self.pauses.append(call),
        )

    def perform_with(self, effect: type, performer: Any) -> None:
        """Take no note."""

    def tell(self, stream: str, command: object) -> LoopFuture[Answer]:
        self.told.append((stream, command))
        self.replies.append(LoopFuture())
        return self.replies[-1]

    def forget_pod(self, pod: str) -> None:
        self.forgotten.append(pod)

    def report(self, *reports: Report) -> None:
        for report in reports:
            self.world.report(report)

    def answer(self, *answers: Answer) -> None:
        for answer in answers:
            self.replies.pop(0).set(answer)

    def expect(self, *reports: Report) -> None:
        """These were told since, in this order."""
        assert self.told == [(f"pod/{each.key.pod}", command_of(each)) for each in reports]
        self.told.clear()


def test_nothing_of_a_run_overtakes_what_could_not_be_stored() -> None:
    """A run that is told to have ended before its containers have failed, however they did."""
    scene = Scene()
    scene.report(EXITED)
    scene.answer(LATE)
    elsewhere = RunEnded(key=OTHER)
    scene.report(ENDED, elsewhere)
    scene.expect(EXITED, elsewhere)
    scene.pauses.pop()()
    scene.expect(EXITED, ENDED)


def test_what_was_under_way_together_is_told_again_in_order() -> None:
    scene = Scene()
    scene.report(EXITED, ENDED)
    scene.answer(LATE, LATE)
    scene.told.clear()
    for _ in range(2):
        (again,) = scene.pauses
        scene.pauses.clear()
        again()
        scene.expect(EXITED, ENDED)
        scene.answer(LATE, LATE)


def test_an_engine_that_asks_of_a_pod_that_is_gone_is_told_so() -> None:
    scene = Scene()
    for answer in (LATE, Accepted(None, 0), Rejection(Code.NOT_FOUND, "there is no such pod")):
        assert scene.forgotten == []
        scene.report(PodKept(key=KEY, host="h"))
        scene.answer(answer)
    assert scene.forgotten == [KEY.pod]
    assert scene.pauses == []
