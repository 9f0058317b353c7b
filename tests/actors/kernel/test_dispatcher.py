"""Turns: a batch for each, a slice for all, and then the loop."""

from collections import deque
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from actors.kernel.dispatcher import Dispatcher, Runnable


class Worker:
    """Has so much work, and notes when it does it."""

    def __init__(self, name: str, work: int, log: list[str], *, crashes: bool = False) -> None:
        self.name, self.work, self.log, self.crashes = name, work, log, crashes
        self.is_queued = False

    def turn(self, limit: int) -> int:
        taken = min(limit, self.work)
        self.work -= taken
        self.log.append(f"{self.name}{taken}")
        if self.crashes:
            raise RuntimeError(self.name)
        return taken

    @property
    def has_work(self) -> bool:
        return self.work > 0


class Loop:
    def __init__(self) -> None:
        self.soon: deque[Callable[[], None]] = deque()
        self.log: list[str] = []

    def run(self) -> None:
        while self.soon:
            self.soon.popleft()()
            self.log.append("|")

    def workers(self, **work: int) -> list[Worker]:
        return [Worker(name, amount, self.log) for name, amount in work.items()]


def test_each_takes_a_batch_in_turn() -> None:
    loop = Loop()
    dispatcher = Dispatcher(loop.soon.append, batch=2, slice_=100)
    for worker in loop.workers(a=5, b=2, c=1):
        dispatcher.add(worker)
    loop.run()
    assert loop.log == ["a2", "b2", "c1", "a2", "a1", "|"]


def test_after_a_slice_the_loop_has_its_turn() -> None:
    loop = Loop()
    dispatcher = Dispatcher(loop.soon.append, batch=2, slice_=3)
    for worker in loop.workers(a=5, b=2):
        dispatcher.add(worker)
    loop.run()
    assert loop.log == ["a2", "b1", "|", "a2", "b1", "|", "a1", "|"]


def test_one_stands_in_the_queue_once() -> None:
    loop = Loop()
    dispatcher = Dispatcher(loop.soon.append)
    (worker,) = loop.workers(a=1)
    dispatcher.add(worker)
    dispatcher.add(worker)
    assert len(loop.soon) == 1
    loop.run()
    assert loop.log == ["a1", "|"]
    assert not worker.is_queued
    worker.work = 1
    dispatcher.add(worker)
    loop.run()
    assert loop.log == ["a1", "|", "a1", "|"]


def test_a_crash_does_not_stop_the_others() -> None:
    loop = Loop()
    crashed: list[tuple[str, str]] = []

    def on_crash(actor: Runnable, error: Exception) -> None:
        crashed.append((getattr(actor, "name", ""), str(error)))

    for told in (on_crash, None):
        dispatcher = Dispatcher(loop.soon.append, batch=1, on_crash=told)
        broken = Worker("x", 2, loop.log, crashes=True)
        for worker in (broken, *loop.workers(a=2)):
            dispatcher.add(worker)
        loop.run()
        assert loop.log == ["x1", "a1", "x1", "a1", "|"]
        loop.log.clear()
    assert crashed == [("x", "x"), ("x", "x")]


@given(amounts=st.lists(st.integers(1, 9), max_size=6), picks=st.lists(st.integers(0, 100), max_size=60))
def test_whoever_is_picked_all_have_their_turns(amounts: list[int], picks: list[int]) -> None:
    """Any choice does all the work; no choice gives the order of coming."""

    def run(pick: Callable[[int], int]) -> list[str]:
        loop = Loop()
        dispatcher = Dispatcher(loop.soon.append, batch=2, slice_=5, pick=pick)
        workers = [Worker(f"{number}:", amount, loop.log) for number, amount in enumerate(amounts)]
        for worker in workers:
            dispatcher.add(worker)
        loop.run()
        assert not any(worker.has_work or worker.is_queued for worker in workers)
        return loop.log

    queue = deque(picks)
    assert run(lambda waiting: queue.popleft() % waiting if queue else 0) is not None
    assert run(lambda _: 0) == run(lambda _: 0)


def test_a_pick_takes_out_one_and_keeps_the_order_of_the_rest() -> None:
    loop = Loop()
    picks = iter([2, 1, 0, 0])
    dispatcher = Dispatcher(loop.soon.append, pick=lambda _: next(picks))
    for worker in loop.workers(a=1, b=1, c=1, d=1):
        dispatcher.add(worker)
    loop.run()
    assert loop.log == ["c1", "b1", "a1", "d1", "|"]
