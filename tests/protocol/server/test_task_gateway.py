"""The door to tasks over a kernel whose commits come when the test says so."""

import asyncio
from collections.abc import Sequence

import pytest

from actors.kernel.clock import VirtualClock
from actors.kernel.decider import Code
from actors.kernel.kernel import Kernel, Surroundings
from actors.task.commands import NewTask, TaskGroup
from events.journal import Committer, Journal, MemoryRecorder, Outcome, SteppedWriter
from events.record import Recorded
from projections.endings import Endings
from projections.hot import HotViews
from protocol.gateway import Call, Refused
from protocol.task_gateway import KernelTaskGateway, Submission
from protocol.vocabulary import ENTITIES, journal_codec

CALL = Call(principal="local", origin="test", request_id="r")


class Plane:
    """A kernel, its views, and the door to its tasks. Nothing is stored before `commit`."""

    def __init__(self) -> None:
        codec, loop = journal_codec(), asyncio.get_running_loop()
        journal = Journal.in_memory(codec, recorder=MemoryRecorder("test"))
        self._writer = SteppedWriter(Committer(journal), self._conclude)
        self._kernel = Kernel(
            entities=ENTITIES,
            codec=codec,
            writer=self._writer,
            point_reader=journal.reader(),
            world=Surroundings(
                clock=VirtualClock(),
                new_id=lambda: "id",
                defer=loop.call_soon,
                later=loop.call_later,
                spawn=asyncio.ensure_future,
                read_page=self._no_page,
                on_fenced=lambda _: None,
            ),
        )
        self._hot = HotViews()
        self._kernel.observe(self._show)
        self._kernel.recover((), {})()
        self.gateway = KernelTaskGateway(
            kernel=self._kernel,
            hot=self._hot,
            endings=Endings(),
            read_stream=self._no_page,
            openers={},
            is_open=lambda: True,
        )

    def submit(self, id: str) -> "asyncio.Future[object]":  # noqa: A002 - the name of the thing
        """Submit one task to a queue that has room for one."""

        async def prepare() -> Submission:
            group = TaskGroup(worker="worker/w", limit_us=1, keep_us=1, tasks=(NewTask(id=id),))
            return Submission(groups=(group,), capacity=1)

        return asyncio.ensure_future(self.gateway.submit(prepare, CALL))

    async def commit(self) -> None:
        """Store what was decided, and let everybody go on."""
        await turns()
        while self._writer.can_commit or self._writer.can_deliver:
            if self._writer.can_commit:
                self._writer.commit()
            if self._writer.can_deliver:
                self._writer.deliver()
        await turns()

    def _show(self, outcomes: Sequence[Outcome]) -> None:
        for each in outcomes:
            self._hot.apply(each.records or ())

    def _conclude(self, outcomes: Sequence[Outcome]) -> None:
        self._kernel.conclude(outcomes)

    async def _no_page(self, stream: str, after: int, limit: int) -> list[Recorded]:
        raise AssertionError((stream, after, limit))


async def turns() -> None:
    """Let everything be decided."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_who_goes_away_frees_no_room_that_is_taken() -> None:
    plane = Plane()
    left = plane.submit("one")
    await turns()
    left.cancel()
    await turns()
    assert left.cancelled()
    late = plane.submit("two")
    await plane.commit()
    with pytest.raises(Refused) as caught:
        await late
    assert caught.value.rejection.code is Code.EXHAUSTED
    assert plane.gateway.task("one") is not None
    assert plane.gateway.task("two") is None


@pytest.mark.asyncio
async def test_a_refusal_frees_the_room_it_would_have_taken() -> None:
    plane = Plane()
    made = plane.submit("one")
    await plane.commit()
    await made
    await plane.gateway.cancel([], CALL)
    cancelling = asyncio.ensure_future(plane.gateway.cancel(["one"], CALL))
    await plane.commit()
    await cancelling
    again = plane.submit("one")
    await plane.commit()
    with pytest.raises(Refused) as caught:
        await again
    assert caught.value.rejection.code is Code.ALREADY_EXISTS
    other = plane.submit("two")
    await plane.commit()
    await other
    assert plane.gateway.task("two") is not None
