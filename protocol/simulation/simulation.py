"""One seed: a storm of clients and faults, then calm, then a last crash; and the laws after each.

1. Everything that is decided by chance is decided by the seed: the same seed is the same story.
2. The storm lasts so many steps. Then no fault happens any more: the server that is there, or a new
   one, has the clients for a while; they and the watchers finish, and a minute passes; what is at
   rest then is compared with the journal.
3. The last crash happens at rest: the server that follows changes no goal and disturbs no run, but
   where a workflow goes on.
4. Who was told to come again pauses: a law that does not hold at rest is looked at again, a little
   later, before it counts as broken.
"""

import os
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from shlex import quote
from typing import Any

import structlog

from events.journal import Journal, MemoryBlobs, MemoryRecorder
from protocol.simulation.books import Books
from protocol.simulation.callers import Caller
from protocol.simulation.clients import Client
from protocol.simulation.functions import Functions
from protocol.simulation.hosts import Machine
from protocol.simulation.laws import check_rest, check_restart, settled
from protocol.simulation.loop import SimulatedLoop
from protocol.simulation.network import Network
from protocol.simulation.pace import step_pace
from protocol.simulation.person import Outside
from protocol.simulation.server import Codecs, Estate, Supervisor
from protocol.simulation.sockets import Sockets
from protocol.simulation.story import EPOCH, LawBroken, Story
from protocol.simulation.submitters import Ids, Submitter
from protocol.simulation.trouble import ALL, Kind, Trouble, hosts
from protocol.simulation.watchers import WatchingClient
from protocol.simulation.wishes import Known, Wishes

STEPS = 1_800
"""Steps of a storm."""
OF_CALLS = 0.25
"""Share of simulations that are about calls of functions: many callers, nobody else but a watcher, one host,
and servers that live for longer, so that slots are used again, become idle and make room for each other."""
REST = 60_000_000
"""Microseconds of calm before the laws are looked at."""
BOUND = 400_000
"""Steps after which something must be running in circles."""
_FOREVER = 2**62
LOOKS = 4
"""How often the laws are looked at before one counts as broken."""
BETWEEN_LOOKS = 7_000_000
"""Microseconds between two looks: longer than any pause before something is tried again."""
_SERIOUS = ("error", "critical", "exception")
_FENCED_BY_PLAN = "planned: the journal cannot be opened again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one seed."""

    seed: int
    story: Story
    revision: int
    servers: int
    steps: int
    broken: BaseException | None = None
    """The law that was broken, or what was raised; None when all held."""


def reproduction(seed: int, steps: int, faults: Sequence[Kind]) -> str:
    """Return the one command that runs a seed again."""
    given = "" if steps == STEPS else f" --steps {steps}"
    if tuple(faults) != ALL:
        given += f" --faults {quote(','.join(faults))}"
    return f"PYTHONHASHSEED=0 polyplane simulate --seed {seed}{given}"


def simulate(
    seeds: Iterable[int],
    *,
    steps: int = STEPS,
    faults: Sequence[Kind] = ALL,
    is_interrupted: Callable[[], bool] = lambda: False,
) -> Iterator[Result]:
    """Run seeds, one after another. Raises KeyboardInterrupt between two steps when it is interrupted."""
    codecs = Codecs()
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="simulation-", dir=_quick_place()) as path:
            simulation = Simulation(
                seed, Path(path), codecs, steps=steps, faults=faults, is_interrupted=is_interrupted
            )
            yield simulation.run()


def _quick_place() -> str | None:
    """Return where files cost least: in memory, where that is offered."""
    place = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
    return str(place) if os.access(place, os.W_OK) else None


class Simulation:
    """One seed, put together."""

    def __init__(
        self,
        seed: int,
        path: Path,
        codecs: Codecs,
        *,
        steps: int,
        faults: Sequence[Kind],
        is_interrupted: Callable[[], bool],
    ) -> None:
        self._seed = seed
        self._steps = steps
        self._has_refused = False
        """Whether the journal refused anything since a server last began to serve."""
        self._is_calm = False
        self._is_over = False
        self._is_interrupted = is_interrupted
        self._loop = SimulatedLoop(self._chance("loop"), EPOCH)  # type: ignore[abstract]  # no sockets on purpose
        self.story = Story(lambda: self._loop.now)
        recorder, blobs = MemoryRecorder(f"simulation-{seed}"), MemoryBlobs()
        journal = Journal.in_memory(codecs.journal, recorder=recorder, blobs=blobs)
        self._books = Books(journal.reader(), self.story)
        self._sockets = Sockets(self._loop, self._chance("sockets"))
        functions = Functions(self._loop, self._chance("functions"), self.story, self._sockets, self._books)
        self._machine = Machine(self._loop, self._chance("hosts"), self.story, self._books, functions)
        self._is_of_calls = self._chance("kind").random() < OF_CALLS
        declared = hosts(self._chance("declared"))
        estate = Estate(
            path=path,
            codecs=codecs,
            recorder=recorder,
            blobs=blobs,
            machine=self._machine,
            sockets=self._sockets,
            hosts=declared[:1] if self._is_of_calls else declared,
            keep_us=self._chance("keep").choice((15_000_000, 10_000_000_000)),
        )
        self._network = Network(self._loop, self._chance("network"))
        self._pace = step_pace(self._loop, self._chance("pace"))
        self._supervisor = Supervisor(
            loop=self._loop,
            chance=self._chance("servers"),
            estate=estate,
            network=self._network,
            pace=self._pace,
            story=self.story,
            on_commit=self._committed,
            on_run=self._books.justify_run,
            on_serving=self._check_start,
        )
        self._trouble = Trouble(
            chance=self._chance("trouble"),
            kinds=faults,
            estate=estate,
            supervisor=self._supervisor,
            story=self.story,
            is_rare=self._is_of_calls,
        )
        self._people()

    def _people(self) -> None:
        chance, known, few = self._chance("people"), Known(), self._is_of_calls
        outside = Outside(
            network=self._network, books=self._books, story=self.story, is_over=lambda: self._is_calm
        )
        wishes = Wishes(self._chance("wishes"), known)
        self._clients = [
            Client(name, self._chance(name), outside, wishes=wishes, known=known)
            for name in _names("client", 0 if few else chance.randint(1, 4))
        ]
        ids = Ids()
        self._submitters = [
            Submitter(name, self._chance(name), outside, ids=ids)
            for name in _names("submitter", 0 if few else self._chance("submitters").randint(1, 2))
        ]
        self._callers = [
            Caller(name, self._chance(name), outside)
            for name in _names("caller", 5 if few else self._chance("callers").randint(0, 1))
        ]
        behind = self._machine.watcher_behind
        self._watchers = [
            WatchingClient(name, self._chance(name), outside, known=known, max_behind=behind)
            for name in _names("watcher", 1 if few else chance.randint(1, 4))
        ]

    def _chance(self, what: str) -> Random:
        return Random(f"{self._seed}:{what}")  # noqa: S311 - seeded on purpose

    # ------------------------------------------------------------ running

    def run(self) -> Result:
        """Run the seed, and tell what became of it."""
        broken: BaseException | None = None
        with _logs_to(self._logged), self._loop.running():
            try:
                self._run()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the seed's result
                broken = error
                self.story.tell("broken", f"{type(error).__name__}: {error}")
            finally:
                self._end()
        return Result(
            seed=self._seed,
            story=self.story,
            revision=self._books.head,
            servers=len(self._supervisor.lives),
            steps=self._loop.steps,
            broken=broken,
        )

    def _end(self) -> None:
        self._is_over = True
        self._sockets.bury()
        self._loop.bury([*self._supervisor.lives, self._loop.outside])
        if self._supervisor.plane is not None:
            self._supervisor.plane.drop()

    def _run(self) -> None:
        self._supervisor.start()
        people = [self._loop.start(client.run(), f"client-{n}") for n, client in enumerate(self._clients)]
        for number, submitter in enumerate(self._submitters):
            people.append(self._loop.start(submitter.run(), f"submitter-{number}"))
        for number, caller in enumerate(self._callers):
            people.append(self._loop.start(caller.run(), f"caller-{number}"))
        for number, watcher in enumerate(self._watchers):
            self._loop.start(watcher.run(), f"watcher-{number}")
        self._go(lambda: self._loop.steps >= self._steps)
        self.story.tell("simulation", "calm")
        for pace in (self._pace, self._network.pace, self._machine.pace, self._sockets.pace):
            pace.is_calm = True
        if self._trouble.end() or self._chance("calm").random() < 0.5:  # noqa: PLR2004
            self._supervisor.crash("is replaced")
        enough = self._loop.steps + self._steps // 5
        self._go(lambda: self._loop.steps >= enough)
        self._is_calm = True
        self._go(lambda: all(person.done() for person in people))
        self._rest()
        before, since = settled(self._books), self._books.head
        self._supervisor.crash("crashes at rest")
        self._rest()
        check_restart(self._books, before, since)

    def _rest(self) -> None:
        """Let a minute pass, then let all be done that needs no time; and look."""
        until = self._loop.now + REST
        self._go(lambda: self._loop.is_quiet and self._supervisor.is_serving, until)
        self._go(lambda: False, until)
        for looks_left in reversed(range(LOOKS)):
            self.story.tell("simulation", "rests")
            try:
                self._look()
            except LawBroken:
                if not looks_left:
                    raise
            else:
                return
            self._go(lambda: False, self._loop.now + BETWEEN_LOOKS)

    def _look(self) -> None:
        """Raise LawBroken unless all laws hold now."""
        plane = self._supervisor.plane
        if plane is None or not self._supervisor.is_serving:
            raise LawBroken("a server serves", "there is none")
        check_rest(self._books, plane, self._machine, self._loop.now)
        for watcher in self._watchers:
            watcher.check(is_at_rest=True)

    def _go(self, is_done: Callable[[], bool], until: int = _FOREVER) -> None:
        loop = self._loop
        bound = loop.steps + BOUND
        while not is_done() and loop.step(until):
            if loop.failures:
                raise loop.failures[0]
            self._trouble.after_step()
            if self._is_interrupted():
                raise KeyboardInterrupt  # here, where all can be taken down in good order
            if loop.steps > bound:
                raise LawBroken("things come to an end", f"{BOUND} steps were not enough")

    # ------------------------------------------------------------ what is heard

    def _check_start(self) -> None:
        self._books.read_on()
        self._books.calls.check_start(may_be_late=self._has_refused)
        self._has_refused = False

    def _committed(self) -> None:
        self._books.read_on()
        self._trouble.at_commit()

    def _logged(self, level: str, event: str, facts: str) -> None:
        if self._is_over:
            return
        self.story.tell("log", f"{level} {event} {facts}")
        self._has_refused = self._has_refused or event == "journal_refused"
        is_planned = event == "journal_fenced" and _FENCED_BY_PLAN in facts
        if level in _SERIOUS and not is_planned:
            raise LawBroken("the server logs no mistakes", f"{event} {facts}")


def _names(kind: str, count: int) -> list[str]:
    return [f"{kind}-{number}" for number in range(1, count + 1)]


@contextmanager
def _logs_to(tell: Callable[[str, str, str], None]) -> Generator[None, None, None]:
    """Have every line of the log told instead of printed."""

    def take(_: object, level: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event = str(entry.pop("event", ""))
        tell(level, event, " ".join(f"{key}={value!r}" for key, value in sorted(entry.items())))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[take])
    try:
        yield
    finally:
        structlog.configure(**before)
