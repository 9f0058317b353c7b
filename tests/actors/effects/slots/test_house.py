"""Who wished for a seat may think better of it at any moment: whoever is faster, nothing is left of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import Context
from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors import pod, worker
from actors.effects.rooms import Fits, Verdict
from actors.effects.slots.house import House, Told
from actors.effects.slots.lease import Want
from actors.effects.slots.place import PREFIX
from actors.effects.slots.seat import NotUp, Seat
from actors.kernel.kernel import Kernel, Surroundings
from actors.kernel.request import Request
from actors.pod.commands import RequestPlacement
from events import pod as pod_events
from events import receipt as receipt_events
from events import worker as worker_events
from events.codec import Codec
from events.journal import Committer, Fault, Journal, MemoryRecorder, Outcome
from events.pod import ContainerSpec, PodPhase, PodSpec
from events.record import Recorded, entity_of
from events.worker import WorkerPhase
from protocol.simulation.ground import LaneWriter, NamedPlaces
from protocol.simulation.loop import LoopTime, SimulatedLoop, context_of
from protocol.simulation.pace import step_pace

DAY = 86_400_000_000
SEEDS = range(10)
FAULTS = (Fault.BEFORE_INSERT, Fault.UNKNOWN_STORED, Fault.UNKNOWN_ABSENT)
SPEC = PodSpec(containers=(ContainerSpec(name="c", command=("true",)),), survives_server=False)
WANT = Want(
    key=b"key",
    spec=lambda _: SPEC,
    idle_s=1,
    limit_us=1,
    program=None,
    asker=Request(command=None),
)


class Roomy:
    """Hosts without end."""

    growth = 0

    def judge(
        self, spec: PodSpec, *, ahead: Sequence[PodSpec], leaving: Iterable[str], evictable: Iterable[str]
    ) -> Verdict:
        del spec, ahead, leaving, evictable
        return Fits()

    def holds(self, pod: str) -> bool:
        del pod
        return False


class Street:
    """One house over a journal in memory; callers, kernel and writer each have a lane.

    Args:
        seed: Decides which lane is next.
        path: Where sockets are.
    """

    def __init__(self, seed: int, path: Path) -> None:
        chance = Random(seed)  # noqa: S311 - seeded on purpose
        self.loop = SimulatedLoop(chance, 0)  # type: ignore[abstract]  # no sockets on purpose
        self.path = path
        self.recorder = MemoryRecorder("street")
        self.tasks: list[asyncio.Future[None]] = []
        self.failures: list[tuple[Seat, NotUp]] = []
        self._kernel_lane, self._count = self.lane("kernel"), 0
        codec = Codec((worker_events.TOPICS, pod_events.TOPICS, receipt_events.TOPICS), interned=(PodSpec,))
        journal = Journal.in_memory(codec, recorder=self.recorder)
        reader, clock = journal.reader(), LoopTime(self.loop, self._kernel_lane)

        async def read_page(stream: str, after: int, limit: int) -> list[Recorded]:
            return reader.stream(stream, after=after, limit=limit)

        writer = LaneWriter(
            Committer(journal, max_appends=100, batch_events=100),
            self._conclude,
            pace=step_pace(self.loop, chance),
            place=self.lane("writer"),
            outcomes=self.lane("outcomes"),
            on_commit=lambda: None,
        )
        self.kernel = Kernel(
            entities=(worker.ENTITY, pod.ENTITY),
            codec=codec,
            writer=writer,
            point_reader=reader,
            world=Surroundings(
                clock=clock,
                new_id=self.name,
                defer=self._defer,
                later=self._later,
                spawn=self._spawn,
                read_page=read_page,
                on_fenced=lambda _: None,
            ),
        )
        self.kernel.perform_with(RequestPlacement, lambda _stream, _effect: None)
        self.house = House(
            kernel=self.kernel,
            placing=Roomy(),
            clock=clock,
            later=self._later,
            spawn=self._spawn,
            listen_s=5,
            header_limit=100,
            told=Told(up=_ignore, failed=self._give_up, died=_ignore, forgotten=_ignore),
            places=NamedPlaces(path, "house"),
        )
        writer.start()

    def lane(self, name: str) -> Context:
        return context_of(name, self.loop.outside)

    def name(self) -> str:
        self._count += 1
        return f"{self._count:012}"

    def _conclude(self, outcomes: Sequence[Outcome]) -> None:
        self.kernel.conclude(outcomes)

    def _defer(self, call: Callable[[], None]) -> object:
        return self.loop.call_soon(call, context=self._kernel_lane)

    def _later(self, seconds: float, call: Callable[[], None]) -> object:
        return self.loop.call_later(seconds, call, context=self._kernel_lane)

    def _spawn(self, work: Awaitable[None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    def _give_up(self, seat: Seat, failure: NotUp) -> None:
        self.failures.append((seat, failure))
        self.house.retire(seat, str(failure))

    # ------------------------------------------------------------ steps

    def begin(self) -> Seat:
        """Wish for a seat, in a lane of its own."""
        slot = self.name()
        assert isinstance(self.house.judge(WANT, ()), Fits)
        self.lane(slot).run(self.house.begin, slot, WANT)
        seat = self.house.seat(slot)
        assert seat is not None
        return seat

    def step(self, count: int) -> None:
        """Take so many steps, as long as there are any."""
        for _ in range(count):
            if not self.loop.step(DAY):
                return

    def settle(self) -> None:
        """Take all steps."""
        while self.loop.step(DAY):
            pass

    # ------------------------------------------------------------ looking

    def states(self, entity: str) -> list[Any]:
        """Return the states of all entities of a kind."""
        actors = self.kernel.directory.residents()
        return [actor.state for actor in actors if entity_of(actor.stream) == entity and actor.state]

    def check_empty(self) -> None:
        """Nothing is left of any seat."""
        assert list(self.house) == []
        assert [state.phase for state in self.states("worker") if state.phase is not WorkerPhase.DEAD] == []
        assert [state.phase for state in self.states("pod") if state.phase is not PodPhase.DELETED] == []
        assert [path for place in self.path.iterdir() for path in place.iterdir()] == []
        assert all(task.done() and task.exception() is None for task in self.tasks)


def _ignore(_: Seat) -> None:
    """Take no note."""


@pytest.mark.parametrize("fault", [None, *FAULTS])
@pytest.mark.parametrize("steps", range(25))
def test_a_seat_that_is_told_to_end_ends(steps: int, fault: Fault | None, tmp_path: Path) -> None:
    """Whatever was done for it by then, in whichever order, and whether the journal took it or not."""
    for seed in SEEDS:
        path = tmp_path / str(seed)
        path.mkdir()
        street = Street(seed, path)
        with street.loop.running():
            if fault is not None:
                street.recorder.plan(fault)
            seat, other = street.begin(), street.begin()
            street.step(steps)
            for each in (seat, other):
                street.house.retire(each, "nobody waits for it any more")
            street.settle()
            street.check_empty()
            street.loop.bury([street.loop.outside])


def test_what_never_was_is_not_stored(tmp_path: Path) -> None:
    street = Street(0, tmp_path)
    with street.loop.running():
        street.house.retire(street.begin(), "nobody waits for it any more")
        street.settle()
        street.check_empty()
    assert street.states("worker") == street.states("pod") == []


def test_a_place_that_was_cleaned_away_is_made_anew(tmp_path: Path) -> None:
    """As directories for temporary files are: else no slot would ever start again."""
    street = Street(0, tmp_path)
    with street.loop.running():
        seats = [street.begin()]
        seats[0].directory.parent.rmdir()
        seats.append(street.begin())
        assert seats[1].directory.parent.is_dir()
        for seat in seats:
            street.house.retire(seat, "nobody waits for it any more")
        street.settle()
        street.check_empty()


def test_a_place_that_cannot_be_made_is_no_fault_of_the_slots(tmp_path: Path) -> None:
    street = Street(0, tmp_path)
    (tmp_path / f"{PREFIX}house").touch()  # in its place
    with street.loop.running():
        seat = street.begin()
        street.settle()
    assert [(each, failure.is_ours) for each, failure in street.failures] == [(seat, True)]
    assert list(street.house) == []
