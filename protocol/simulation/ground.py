"""The ground of a simulated plane: what are threads on a machine are lanes of the loop here.

1. Writer, projector and readers do on their lanes what their threads do, in the same order, and as
   late as chance wants.
2. The next step of the writer may be the last of the server: `on_step` is told before each outcome.
3. All of it ends with the server's life, but the hosts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context
from pathlib import Path
from random import Random
from typing import Generic, TypeVar

from actors.effects.dispatch import Listener as TaskListener
from actors.effects.dispatch import TaskEngine, TaskOrder
from actors.effects.dispatch.engine import Opener
from actors.effects.engines.engine import Engine, Listener
from actors.effects.engines.simulated import SimulatedEngine
from actors.effects.slots.place import PREFIX, Places
from actors.kernel.clock import Clock
from actors.kernel.dispatcher import Dispatcher
from events.capacity import Resources
from events.host import EngineKind
from events.journal import Append, Committer, Outcome, Snapshot, SteppedWriter
from projections.hot import Advance
from projections.reading import Closable, JournalReader
from projections.runner import Projector
from protocol.ground import RunningProjector, RunningReaders, RunningWriter, Sizes
from protocol.simulation.hosts import Link, Machine
from protocol.simulation.loop import Life, LoopTime, SimulatedLoop, context_of
from protocol.simulation.pace import Pace
from protocol.simulation.tasks import ChanceTasks

C = TypeVar("C", bound=Closable)
T = TypeVar("T")


class SimulatedGround:
    """What one simulated server stands on.

    Args:
        loop: Of everything.
        life: Of the server.
        chance: For the server's ids, its dispatcher and its sizes.
        pace: How long steps take.
        machine: Whose hosts there are.
        on_commit: Told after each commit, before its outcomes are told.
        on_run: Told of every task that is handed to the engine of tasks.
    """

    def __init__(
        self,
        *,
        loop: SimulatedLoop,
        life: Life,
        chance: Random,
        pace: Pace,
        machine: Machine,
        on_commit: Callable[[], None],
        on_run: Callable[[TaskOrder], None] = lambda _: None,
    ) -> None:
        self._on_run = on_run
        self._loop = loop
        self._life = life
        self._chance = chance
        self._pace = pace
        self._machine = machine
        self._on_commit = on_commit
        self._kernel = self.place("kernel")
        self.clock: Clock = LoopTime(loop, self.place("clock"))
        self.links: list[Link] = []
        self.sizes = Sizes(
            batch_events=chance.choice((1, 5, 50, 2_000)),
            # Who is told to come again does so after a pause: at rest nobody may be pausing.
            waiting_appends=20_000 if pace.is_calm else chance.choice((5, 50, 20_000)),
            residents=chance.choice((1, 4, 16, 250_000)),
            views_over=chance.choice((0, 3, 20_000)),
            remembered_appends=chance.choice((1, 8, 256)),
            watcher_behind=machine.watcher_behind,
        )

    def place(self, lane: str) -> Context:
        """Return a lane of the server."""
        return context_of(f"{self._life.name}/{lane}", self._life)

    def random_bits(self, count: int) -> int:
        """Return so many random bits."""
        return self._chance.getrandbits(count)

    def defer(self, call: Callable[[], None]) -> object:
        """Call soon."""
        return self._loop.call_soon(call, context=self._kernel)

    def later(self, seconds: float, call: Callable[[], None]) -> object:
        """Call after so many seconds."""
        return self._loop.call_later(seconds, call, context=self._kernel)

    def dispatcher(self) -> Dispatcher:
        """Make a dispatcher that picks by chance."""
        return Dispatcher(
            self.defer,
            batch=self._chance.choice((1, 3, 64)),
            slice_=self._chance.choice((1, 16, 256)),
            pick=self._chance.randrange,
        )

    def writer(self, committer: Committer, on_outcomes: Callable[[Sequence[Outcome]], None]) -> RunningWriter:
        """Make a writer of steps."""
        return LaneWriter(
            committer,
            on_outcomes,
            pace=self._pace,
            place=self.place("writer"),
            outcomes=self.place("outcomes"),
            on_commit=self._on_commit,
        )

    def projector(
        self,
        projector: Projector,
        journal_reader: Callable[[], JournalReader],
        on_checkpoint: Callable[[int], None],
    ) -> RunningProjector:
        """Make a projector of steps."""
        del journal_reader
        return LaneProjector(
            projector, on_checkpoint, self._pace, self.place("projector"), self.place("checkpoints")
        )

    def readers(self, connect: Callable[[], C], *, threads: int, name: str) -> RunningReaders[C]:
        """Make readers of steps."""
        return LaneReaders(connect, self._pace, [self.place(f"{name}-{number}") for number in range(threads)])

    def engine(self, name: str, kind: EngineKind, path: Path, listener: Listener) -> Engine:
        """Connect to a host, or make the product's own engine that simulates one."""
        del path
        if kind is EngineKind.SIMULATED:
            return SimulatedEngine(name, listener, LoopTime(self._loop, self.place(f"engine-{name}")))
        link = Link(self._machine.host(name), self._machine, listener, self._life)
        self.links.append(link)
        return link

    def task_engine(self, listener: TaskListener, openers: Mapping[str, Opener], path: Path) -> TaskEngine:
        """Make what does tasks by chance."""
        del openers, path
        return ChanceTasks(listener, LoopTime(self._loop, self.place("tasks")), self._chance, self._on_run)

    def socket_places(self, path: Path) -> Places:
        """Return directories that outlive a crash, as on a machine."""
        return NamedPlaces(path, self._life.name)

    def capacity(self, path: Path) -> Resources:
        """Return what no host of ours has: all of them are declared."""
        del path
        return Resources()

    def address(self) -> str:
        """Return where nobody is."""
        return "192.0.2.1"


class NamedPlaces:
    """Directories for sockets, named after servers."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name

    def make(self) -> Path:
        """Make one."""
        place = self._path / f"{PREFIX}{self._name}"
        place.mkdir()
        return place

    def left(self) -> Iterable[Path]:
        """Return those that earlier servers left."""
        return tuple(self._path.glob(f"{PREFIX}*"))


class LaneWriter:
    """The writer's thread, as steps."""

    def __init__(
        self,
        committer: Committer,
        on_outcomes: Callable[[Sequence[Outcome]], None],
        *,
        pace: Pace,
        place: Context,
        outcomes: Context,
        on_commit: Callable[[], None],
    ) -> None:
        self._committer = committer
        self._stepped = SteppedWriter(committer, on_outcomes)
        self._pace = pace
        self._place = place
        self._outcomes = outcomes
        self._on_commit = on_commit
        self._is_started = False
        self._is_armed = False

    @property
    def epoch(self) -> int:
        """The epoch that appends have to carry."""
        return self._stepped.epoch

    def start(self) -> None:
        """Begin to commit."""
        self._is_started = True
        self._arm()

    def submit(self, append: Append) -> None:
        """Take an append."""
        self._stepped.submit(append)
        self._arm()

    def submit_snapshot(self, snapshot: Snapshot) -> None:
        """Take a snapshot."""
        self._stepped.submit_snapshot(snapshot)
        self._arm()

    def close(self) -> None:
        """Commit what waits, tell of it, and end."""
        while self._stepped.can_commit:
            self._stepped.commit()
            self._on_commit()
        while self._stepped.can_deliver:
            self._stepped.deliver()
        self._is_started = False
        self._committer.close()

    def _arm(self) -> None:
        if self._is_started and not self._is_armed and self._stepped.can_commit:
            self._is_armed = True
            self._pace.soon(self._commit, self._place)

    def _commit(self) -> None:
        self._is_armed = False
        if self._is_started and self._stepped.can_commit:
            self._stepped.commit()
            self._on_commit()
            self._pace.soon(self._deliver, self._outcomes)
            self._arm()

    def _deliver(self) -> None:
        if self._stepped.can_deliver:
            self._stepped.deliver()


class LaneProjector:
    """The projector's thread, as steps."""

    def __init__(
        self,
        projector: Projector,
        on_checkpoint: Callable[[int], None],
        pace: Pace,
        place: Context,
        checkpoints: Context,
    ) -> None:
        self._projector = projector
        self._on_checkpoint = on_checkpoint
        self._pace = pace
        self._place = place
        self._checkpoints = checkpoints
        self._is_started = False
        self._is_armed = False

    def start(self) -> None:
        """Begin."""
        self._is_started = True
        self._arm()

    def offer(self, advances: Sequence[Advance]) -> None:
        """Take what changed."""
        self._projector.offer(advances)
        self._arm()

    @property
    def checkpoint(self) -> int:
        """Revision up to which the tables have everything."""
        return self._projector.checkpoint

    def hurry(self) -> None:
        """Store what waits now: as soon as ever."""
        self._arm()

    def stop(self) -> None:
        """Store what waits and end."""
        self._projector.step()
        self._is_started = False

    def _arm(self) -> None:
        if self._is_started and not self._is_armed and self._projector.has_work:
            self._is_armed = True
            self._pace.soon(self._step, self._place)

    def _step(self) -> None:
        self._is_armed = False
        if self._is_started and self._projector.step():
            checkpoint = self._projector.checkpoint
            self._pace.soon(lambda: self._on_checkpoint(checkpoint), self._checkpoints)
            self._arm()


class LaneReaders(Generic[C]):
    """Reading threads, as steps: a read happens later than it was asked for, its answer later still."""

    def __init__(self, connect: Callable[[], C], pace: Pace, places: Sequence[Context]) -> None:
        self._connect = connect
        self._pace = pace
        self._places = places
        self._connections: dict[int, C] = {}
        self._asked = 0

    async def run(self, read: Callable[[C], T]) -> T:
        """Return what the read answers; raise what it raises."""
        loop = self._pace.loop
        answered = loop.create_future()
        number = self._asked % len(self._places)
        self._asked += 1
        place = self._places[number]

        def tell(value: T | None, error: BaseException | None) -> None:
            if answered.done():
                return
            if error is None:
                answered.set_result(value)
            else:
                answered.set_exception(error)

        def step() -> None:
            try:
                value = read(self._connection(number))
            except Exception as error:  # noqa: BLE001 - handed on to who asked
                failed = error
                self._pace.soon(lambda: tell(None, failed), place)
            else:
                self._pace.soon(lambda: tell(value, None), place)

        self._pace.soon(step, place)
        result: T = await answered
        return result

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def _connection(self, number: int) -> C:
        if number not in self._connections:
            self._connections[number] = self._connect()
        return self._connections[number]
