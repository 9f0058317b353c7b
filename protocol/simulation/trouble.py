"""What goes wrong: between any two steps, by chance, as long as the storm lasts."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from random import Random

from events.journal import Fault, MemoryRecorder
from protocol.addresses import PortRange, Ports
from protocol.settings import HostSettings
from protocol.simulation.hosts import Machine
from protocol.simulation.server import Estate, Supervisor
from protocol.simulation.story import Story


class Kind(StrEnum):
    """Kinds of trouble."""

    CRASH = "crash"
    """The server is gone between two steps; often right after a commit, before anybody hears of it."""
    STOP = "stop"
    """The server is told to stop, drains, and another one starts."""
    DISK = "disk"
    """A commit fails, or nobody knows whether it did."""
    RUN = "run"
    """A run's processes are killed, or vanish without a record."""
    LINK = "link"
    """What a host has told is lost on its way, and told again."""
    HOST = "host"
    """The next server has one host less declared, or has it back."""


ALL: tuple[Kind, ...] = tuple(Kind)
RATE, RARE = 0.005, 0.001
"""Chance of trouble after each step."""
AT_COMMIT = 2.0
"""How much more likely it is that a commit is the last thing that a server does."""
_DISK = (Fault.BEFORE_INSERT, Fault.UNKNOWN_STORED, Fault.UNKNOWN_ABSENT, Fault.UNKNOWN_FOR_GOOD)
_WEIGHTS = {Kind.CRASH: 4, Kind.STOP: 1, Kind.DISK: 5, Kind.RUN: 4, Kind.LINK: 4, Kind.HOST: 1}

Deed = Callable[[], None]


def hosts(chance: Random) -> tuple[HostSettings, ...]:
    """Return the hosts of a simulation: small enough that pods have to wait for room."""
    ports: PortRange = Ports(31_000, 31_002)
    made = [
        HostSettings(name=f"h{number}", cpu=2, memory_mb=chance.choice((300, 800, 2_000)), ports=ports)
        for number in range(chance.randint(1, 3))
    ]
    if chance.random() < 0.3:  # noqa: PLR2004 - the engine that ships
        made.append(HostSettings(name="s1", cpu=1, memory_mb=300, ports=ports, engine="simulated"))
    return tuple(made)


class Trouble:
    """Makes trouble.

    Args:
        chance: Decides what and when.
        kinds: What may go wrong.
        estate: Of the servers.
        supervisor: Of the servers.
        story: Told of it.
        is_rare: Whether servers live for longer.
    """

    def __init__(
        self,
        *,
        chance: Random,
        kinds: Sequence[Kind],
        estate: Estate,
        supervisor: Supervisor,
        story: Story,
        is_rare: bool = False,
    ) -> None:
        self._chance = chance
        self._kinds = [kind for kind in ALL if kind in kinds]
        self._weights = [_WEIGHTS[kind] for kind in self._kinds]
        self._machine: Machine = estate.machine
        self._recorder: MemoryRecorder = estate.recorder
        self._estate = estate
        self._all_hosts = estate.hosts
        self._supervisor = supervisor
        self._story = story
        self._is_last_commit = False
        self._rate = RARE if is_rare else RATE
        self.is_over = False

    def after_step(self) -> None:
        """Perhaps make trouble now."""
        if self.is_over:
            return
        if self._is_last_commit:
            self._is_last_commit = False
            self._supervisor.crash("crashes after a commit")
        elif self._kinds and self._chance.random() < self._rate:
            self._make(self._chance.choices(self._kinds, self._weights)[0])

    def at_commit(self) -> None:
        """Perhaps let the server end before it hears of its commit."""
        is_crash = not self.is_over and Kind.CRASH in self._kinds
        if is_crash and self._chance.random() < AT_COMMIT * self._rate:
            self._is_last_commit = True

    def end(self) -> bool:
        """Make no more trouble, and declare all hosts; tell whether only the next server has them."""
        self.is_over = True
        self._recorder.heal()
        self._estate.hosts = self._all_hosts
        plane = self._supervisor.plane
        return plane is None or plane.settings.hosts != self._all_hosts

    def _make(self, kind: Kind) -> None:
        match kind:
            case Kind.CRASH:
                self._supervisor.crash()
            case Kind.STOP:
                self._supervisor.stop()
            case Kind.DISK:
                fault = self._chance.choices(_DISK, (6, 3, 3, 1))[0]
                self._story.tell("disk", fault.value)
                self._recorder.plan(fault)
            case Kind.RUN:
                self._hurt_run()
            case Kind.LINK:
                if self._supervisor.ground is not None and self._supervisor.ground.links:
                    self._story.tell("hosts", "a link breaks")
                    self._chance.choice(self._supervisor.ground.links).break_off()
            case Kind.HOST:
                if len(self._estate.hosts) < len(self._all_hosts):
                    self._estate.hosts = self._all_hosts
                else:
                    gone = self._chance.choice(self._all_hosts)
                    self._estate.hosts = tuple(host for host in self._all_hosts if host is not gone)
                    if not self._estate.hosts:
                        self._estate.hosts = self._all_hosts
                self._story.tell(
                    "hosts", f"declared from now on: {[host.name for host in self._estate.hosts]}"
                )

    def _hurt_run(self) -> None:
        live = [(host, key) for host in self._machine.hosts.values() for key in host.live]
        if live:
            host, key = self._chance.choice(live)
            host.kill(key, is_lost=self._chance.random() < 0.3)  # noqa: PLR2004
