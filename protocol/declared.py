"""Hosts as the settings declare them, and the declaration.

1. No host declared means this machine, with its real capacity.
2. A host that is no longer declared is withdrawn.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from actors.host.commands import DeclareHost, WithdrawHost
from actors.kernel.decider import Rejection
from actors.kernel.kernel import Kernel
from events.capacity import Resources
from events.host import EngineKind, HostPhase, HostSpec
from projections.hosts import HostView
from protocol.settings import HostSettings, Settings

THIS_MACHINE_PORTS = (31000, 31999)


class Machine(Protocol):
    """What is asked of the machine."""

    def capacity(self, path: Path) -> Resources:
        """Return what it offers; `path` is the data directory."""

    def address(self) -> str:
        """Return where its processes are reached."""


def declared_hosts(settings: Settings, machine: Machine, path: Path) -> Mapping[str, HostSpec]:
    """Return what is declared, by name."""
    if settings.hosts:
        return {each.name: _spec_of(each, machine) for each in settings.hosts}
    capacity, address = machine.capacity(path), machine.address()
    return {"local": HostSpec(capacity=capacity, ports=THIS_MACHINE_PORTS, address=address)}


def _spec_of(declared: HostSettings, machine: Machine) -> HostSpec:
    return HostSpec(
        capacity=Resources(
            cpu=declared.cpu, memory_mb=declared.memory_mb, disk_mb=declared.disk_mb, gpu=declared.gpu
        ),
        ports=(declared.ports.first, declared.ports.last),
        labels=tuple(sorted(declared.labels.items())),
        engine=EngineKind(declared.engine),
        address=machine.address() if declared.engine == "process" else "",
    )


async def declare_hosts(
    kernel: Kernel, known: Iterable[HostView], declared: Mapping[str, HostSpec]
) -> Rejection | None:
    """Declare hosts and withdraw the others that are known; return why that is refused."""
    replies = [
        kernel.tell(f"host/{name}", DeclareHost(name=name, spec=spec)) for name, spec in declared.items()
    ]
    replies += [
        kernel.tell(f"host/{view.id}", WithdrawHost())
        for view in known
        if view.id not in declared and view.phase is not HostPhase.DOWN
    ]
    answers = [await reply for reply in replies]
    return next((answer for answer in answers if isinstance(answer, Rejection)), None)
