"""One server after another over the same journal, blobs, tables and hosts.

1. A crash takes everything of a server but those; a stop drains first, as SIGTERM does.
2. A server whose journal is fenced, or that cannot start, ends by itself, as the program does.
3. Who supervises starts the next one after a pause.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from actors.effects.dispatch import TaskOrder
from actors.effects.dispatch.ledger import TaskLedger
from actors.effects.ledger import Ledger
from actors.effects.slots import Slots
from actors.effects.slots.seat import Seat
from actors.kernel.kernel import Kernel
from events.codec import Codec
from events.journal import Journal, MemoryBlobs, MemoryRecorder
from events.worker import WorkerSpec
from projections.hot import HotViews
from projections.tables import Tables, views_codec
from protocol import peloton
from protocol.calls import Calls
from protocol.plane import Plane, Unusable
from protocol.settings import HostSettings, LimitSettings, RigettiSettings, Settings
from protocol.simulation import runner
from protocol.simulation.controller import PROCESSORS, make_servicers
from protocol.simulation.ground import SimulatedGround
from protocol.simulation.hosts import Machine
from protocol.simulation.loop import Life, SimulatedLoop, context_of
from protocol.simulation.network import Network
from protocol.simulation.pace import Pace
from protocol.simulation.sockets import Sockets
from protocol.simulation.story import Story
from protocol.unimplemented import endpoints
from protocol.vocabulary import journal_codec

BACKOFF_S = 4
BACKOFF_MAX_S = 40
RULES = peloton.Rules(instances_per_job=1_000, backoff_s=BACKOFF_S, backoff_max_s=BACKOFF_MAX_S)


class SimulatedPlane(Plane):
    """A plane that shows its insides to the laws."""

    @property
    def hot(self) -> HotViews:
        """The hot views."""
        return self._hot

    @property
    def tables(self) -> Tables:
        """The tables."""
        return self._tables

    @property
    def kernel(self) -> Kernel:
        """The kernel."""
        return self._kernel

    @property
    def ledger(self) -> Ledger:
        """The placer's books."""
        return self._placer._ledger  # noqa: SLF001 - compared with the journal, by nobody else

    @property
    def task_ledger(self) -> TaskLedger:
        """The dispatcher's books."""
        return self.work.dispatch._ledger  # noqa: SLF001 - as above

    def _workers(self) -> Mapping[str, WorkerSpec]:
        return {name: WorkerSpec(kind="simulated") for name in self.settings.rigetti.processors}

    @property
    def seats(self) -> Mapping[str, Seat]:
        """All slots."""
        return self.work.slots._house._seats  # noqa: SLF001 - as above

    @property
    def slots(self) -> Slots:
        """Who gives slots to calls."""
        return self.work.slots

    @property
    def pods_of_slots(self) -> Mapping[str, Seat]:
        """All slots by pod."""
        return self.work.slots._house._pods  # noqa: SLF001 - as above

    def drop(self) -> None:
        """Close files, as the end of a process does."""
        for closable in (self._cold, self._tables):
            with suppress(sqlite3.Error):
                closable.close()
        self._down.close()


@dataclass(frozen=True, slots=True)
class Directory:
    """A data directory that nobody else wants."""

    path: Path
    is_memory: bool = False

    @property
    def pods(self) -> Path:
        """Directory of sandboxes; there are none."""
        return self.path / "pods"

    def close(self) -> None:
        """Do nothing."""


class NoSandboxes:
    """Files of runs: none."""

    async def files(self, pod: str, run: int) -> Sequence[str]:
        """Return no paths."""
        del pod, run
        return ()


@dataclass(frozen=True, slots=True)
class Codecs:
    """What takes long to make, and knows nothing of any simulation."""

    journal: Codec = field(default_factory=journal_codec)
    views: Codec = field(default_factory=views_codec)


@dataclass(slots=True, kw_only=True)
class Estate:
    """What outlives servers."""

    path: Path
    codecs: Codecs
    recorder: MemoryRecorder
    machine: Machine
    sockets: Sockets
    blobs: MemoryBlobs
    hosts: tuple[HostSettings, ...] = ()
    """Declared to the next server."""
    keep_us: int = 10_000_000_000
    """How long tasks are kept."""

    def journal(self) -> Journal:
        """Open the journal."""
        return Journal.in_memory(self.codecs.journal, recorder=self.recorder, blobs=self.blobs)

    @property
    def views(self) -> Path:
        """File of the tables."""
        return self.path / "views.sqlite"


class Supervisor:
    """Starts servers, and the next one when one has ended.

    Args:
        loop: Of everything.
        chance: Decides how long things take.
        estate: What servers work on.
        network: Reaches the server that is there.
        pace: Of the servers' steps.
        story: Told of starts and ends.
        on_commit: Told after each commit of a server.
        on_run: Told of every task that an engine is given.
        on_serving: Told when a server is about to serve.
    """

    def __init__(
        self,
        *,
        loop: SimulatedLoop,
        chance: Random,
        estate: Estate,
        network: Network,
        pace: Pace,
        story: Story,
        on_commit: Callable[[], None],
        on_run: Callable[[TaskOrder], None],
        on_serving: Callable[[], None],
    ) -> None:
        self._on_run = on_run
        self._on_serving = on_serving
        self._loop = loop
        self._chance = chance
        self._estate = estate
        self._network = network
        self._pace = pace
        self._story = story
        self._on_commit = on_commit
        self._place = context_of("supervisor", loop.outside)
        self.lives: list[Life] = []
        self.plane: SimulatedPlane | None = None
        self.ground: SimulatedGround | None = None
        self.is_serving = False
        self.is_stopping = False

    # ------------------------------------------------------------ starting

    def start(self) -> None:
        """Start a server."""
        number = len(self.lives) + 1
        life = Life(f"server-{number}")
        self.lives.append(life)
        chance = Random(self._chance.getrandbits(64))  # noqa: S311 - seeded on purpose
        self.ground = SimulatedGround(
            loop=self._loop,
            life=life,
            chance=chance,
            pace=self._pace,
            machine=self._estate.machine,
            on_commit=self._on_commit,
            on_run=self._on_run,
        )
        self._story.tell(life.name, f"starts, {self.ground.sizes}")
        settings = Settings(
            data=str(self._estate.path),
            hosts=self._estate.hosts,
            fn=runner.by_chance(chance),
            rigetti=RigettiSettings(processors=dict(PROCESSORS)),
            limits=LimitSettings(
                mailbox=10_000 if self._pace.is_calm else chance.choice((3, 10_000)),
                watch_buffer_kb=chance.choice((16, 4_096)),
            ),
        )
        journal = self._estate.journal()
        reader = journal.reader()
        tables = Tables(
            self._estate.views,
            identity=journal.identity,
            head=reader.head(),
            codec=self._estate.codecs.views,
        )
        self.plane = SimulatedPlane(settings, Directory(self._estate.path), journal, tables, self.ground)
        self._loop.start(self._serve(self.plane, life, chance), f"{life.name}/main", life)

    async def _serve(self, plane: SimulatedPlane, life: Life, chance: Random) -> None:
        fenced = self._loop.create_task(plane.fenced.wait())
        fenced.add_done_callback(lambda _: self._end_soon(life, chance.random() * 2))
        try:
            await plane.start()
        except Unusable as error:
            self._story.tell(life.name, f"cannot start: {error}")
            self._end_soon(life, 0)
            return
        if plane.fenced.is_set():  # as the program does, which begins nothing then
            return
        gateway = plane.gateway
        servicers = peloton.servicers(
            gateway,
            Calls(peloton.ORIGIN, new_id=gateway.new_id),
            rules=RULES,
            sandboxes=NoSandboxes(),
            http_address=lambda: ("192.0.2.1", 80),
            now=lambda: self._loop.now,
        )
        controller = make_servicers(
            plane.task_gateway, gateway.new_id, chance, lambda: self._loop.now, self._estate.keep_us
        )
        functions = runner.make_runner(plane, lambda: self._loop.now)
        self._on_serving()
        paths = {
            path: endpoint
            for service, servicer in {**servicers, **controller, **functions}.items()
            for path, endpoint in endpoints(service, servicer)
        }
        self._network.connect(paths, life)
        self.is_serving = True
        self._story.tell(life.name, f"serves from revision {plane.revision}")

    def _end_soon(self, life: Life, after_s: float) -> None:
        self._loop.call_later(
            after_s,
            lambda: self.crash("ends by itself") if self.lives[-1] is life else None,
            context=self._place,
        )

    # ------------------------------------------------------------ ending

    def crash(self, why: str = "crashes") -> None:
        """Let the server be gone, and the next one come."""
        life, plane = self.lives[-1], self.plane
        if plane is None or life.is_over:
            return
        self._story.tell(life.name, why)
        self.is_serving = self.is_stopping = False
        self._loop.end(life)
        self._estate.sockets.end(life)
        self._network.cut()
        plane.drop()
        self.plane = self.ground = None
        if self._chance.random() < 0.1:  # noqa: PLR2004 - now and then the disposable file is lost
            self._estate.views.write_bytes(b"")
        self._loop.call_later(
            0 if self._pace.is_calm else self._chance.random(), self.start, context=self._place
        )

    def stop(self) -> None:
        """Have the server drain and end, as SIGTERM does."""
        life, plane = self.lives[-1], self.plane
        if plane is None or life.is_over or self.is_stopping or not self.is_serving:
            return
        self._story.tell(life.name, "is told to stop")
        self.is_stopping = True
        self._loop.start(self._stop(plane), f"{life.name}/stop", life)

    async def _stop(self, plane: SimulatedPlane) -> None:
        await plane.drain()
        drained = asyncio.Event()
        self._loop.call_later(self._chance.random() * 3, drained.set)
        await drained.wait()
        await self._network.hang_up()
        await plane.close()
        self._loop.call_soon(lambda: self.crash("has stopped"), context=self._place)
