"""Who holds what of which host: a fold of what hosts and pods have committed.

1. What a pod holds, it holds from its placement to the end of that run.
2. A reservation is made before the placement is decided, and taken back if it is refused; so what
   is free is never more than it will be.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from actors.effects.rooms import Held
from actors.host.fit import Placement, Room, need_of
from actors.host.units import Units, units
from events.host import HostPhase, HostPhaseChanged, HostRegistered, HostRespecified, HostSpec
from events.pod import (
    PodCreated,
    PodDeleted,
    PodEnded,
    PodPlaced,
    PodReconfigured,
    PodRunStarted,
    PodSpec,
    Port,
)
from events.record import Recorded, id_of

OF_HOSTS = frozenset({HostRegistered, HostRespecified, HostPhaseChanged})
OF_PODS = frozenset({PodCreated, PodRunStarted, PodReconfigured, PodPlaced, PodEnded, PodDeleted})
HEEDED = OF_HOSTS | OF_PODS
"""Classes of events that the books change with: most events are none of them."""


@dataclass(slots=True)
class HostAccount:
    """One host's books."""

    spec: HostSpec
    phase: HostPhase
    held: Units
    ports: set[int]


@dataclass(frozen=True, slots=True)
class Holding:
    """What one pod holds."""

    run: int
    host: str
    need: Units
    ports: tuple[Port, ...]


class Ledger:
    """The books of all hosts."""

    def __init__(self) -> None:
        self.growth = 0
        """A number that is another whenever there may be more room than before."""
        self._hosts: dict[str, HostAccount] = {}
        self._holdings: dict[str, Holding] = {}
        self._unplaced: dict[str, PodSpec] = {}
        self._newest: tuple[PodSpec, Units] | None = None
        """What is placed after another is mostly of the same job."""

    def rooms(self) -> Iterable[Room]:
        """Return what every host has left, in order of first registration."""
        return (self.room(host) for host in self._hosts)

    def room(self, host: str) -> Room:
        """Return what a registered host has left."""
        account = self._hosts[host]
        return Room(
            host=host,
            phase=account.phase,
            free=units(account.spec.capacity).minus(account.held),
            ports=account.spec.ports,
            used_ports=account.ports,
        )

    def empty_rooms(self) -> Iterable[Room]:
        """Return what every host would have left with nothing on it."""
        for host, account in self._hosts.items():
            yield Room(
                host=host,
                phase=account.phase,
                free=units(account.spec.capacity),
                ports=account.spec.ports,
                used_ports=frozenset(),
            )

    def held(self, pod: str) -> Held | None:
        """Return what a pod holds, None when it holds nothing."""
        holding = self._holdings.get(pod)
        return Held(holding.host, holding.need) if holding is not None else None

    def spec_of(self, pod: str) -> PodSpec | None:
        """Return what an unplaced pod is to run, None for a pod that is placed or gone."""
        return self._unplaced.get(pod)

    def reserve(self, pod: str, run: int, need: Units, placement: Placement) -> None:
        """Hold what a pod is about to be given."""
        self._release(pod)
        account = self._hosts[placement.host]
        account.held = account.held.plus(need)
        account.ports.update(port.number for port in placement.ports)
        self._holdings[pod] = Holding(run, placement.host, need, placement.ports)

    def take_back(self, pod: str, run: int) -> None:
        """Free a reservation whose placement was refused."""
        holding = self._holdings.get(pod)
        if holding is not None and holding.run == run:
            self._release(pod)

    def fold(self, record: Recorded) -> bool:
        """Take in what was committed; tell whether there may now be more room."""
        kind = record.event.__class__
        if kind in OF_PODS:
            return self._fold_pod(id_of(record.stream), record.event)
        return kind in OF_HOSTS and self._fold_host(id_of(record.stream), record.event)

    def _fold_pod(self, pod: str, event: object) -> bool:
        match event:
            case PodCreated() | PodRunStarted():
                self._unplaced[pod] = event.spec
            case PodReconfigured() if event.is_applied and pod in self._unplaced:
                self._unplaced[pod] = event.spec
            case PodPlaced():
                spec = self._unplaced.pop(pod, None)
                holding = self._holdings.get(pod)
                is_reserved = holding is not None and (holding.run, holding.host) == (event.run, event.host)
                if not is_reserved and spec is not None and event.host in self._hosts:
                    if self._newest is None or self._newest[0] is not spec:
                        self._newest = spec, need_of(spec)
                    placement = Placement(host=event.host, ports=event.ports)
                    self.reserve(pod, event.run, self._newest[1], placement)
            case PodEnded() | PodDeleted():
                self._unplaced.pop(pod, None)
                return self._release(pod)
            case _:
                pass
        return False

    def _fold_host(self, host: str, event: object) -> bool:
        self.growth += 1
        match event:
            case HostRegistered():
                self._hosts[host] = HostAccount(event.spec, HostPhase.UP, Units(), set())
            case HostRespecified():
                self._hosts[host].spec = event.spec
            case HostPhaseChanged():
                self._hosts[host].phase = event.phase
            case _:
                return False
        return True

    def _release(self, pod: str) -> bool:
        holding = self._holdings.pop(pod, None)
        if holding is None:
            return False
        account = self._hosts[holding.host]
        self.growth += 1
        account.held = account.held.minus(holding.need)
        account.ports.difference_update(port.number for port in holding.ports)
        return True
