"""Where a pod fits: first fit over resources and ports, as a pure function.

1. Hosts are tried in the order given; the first that is up and has room is taken.
2. A pod needs, of each kind, the sum over its containers, or what its hungriest init container
   needs where that is more: init containers run alone, before the others.
3. A port with a number is taken as it is, inside the host's range or not. A port without one gets
   the first free number of the range, from a given offset on, around the end. No port of a host is
   ever had by two pods, nor twice by one.
"""

from collections.abc import Container, Iterable

from actors.host.units import Units, spelled, units
from events.frozen import frozen
from events.host import HostPhase
from events.pod import ContainerSpec, PodSpec, Port


@frozen
class Room:
    """What a host has left."""

    host: str
    phase: HostPhase
    free: Units
    ports: tuple[int, int]
    """First and last of the ports that may be chosen, inclusive."""
    used_ports: Container[int]


@frozen
class Placement:
    """A host that has room, and the ports that the pod gets there."""

    host: str
    ports: tuple[Port, ...]
    """In the order of the spec, init containers first."""


def need_of(spec: PodSpec) -> Units:
    """Return what a pod of this spec takes of its host."""
    need = Units()
    for container in spec.containers:
        need = need.plus(units(container.resources))
    for container in spec.init_containers:
        need = need.most(units(container.resources))
    return need


def outline(spec: PodSpec) -> PodSpec:
    """Return what of a spec says where it fits: small, and it fits where the spec does."""
    return PodSpec(
        containers=tuple(_outline(each) for each in spec.containers),
        init_containers=tuple(_outline(each) for each in spec.init_containers),
    )


def _outline(container: ContainerSpec) -> ContainerSpec:
    return ContainerSpec(
        name=container.name, command=(), resources=container.resources, ports=container.ports
    )


def fit(spec: PodSpec, rooms: Iterable[Room], *, start: int = 0) -> Placement | str:
    """Return where the pod fits, or why it fits nowhere, as a sentence.

    `start` is the offset in the range of ports at which the search for a free one begins.
    """
    need = need_of(spec)
    lacks: dict[str, int] = {}
    up = 0
    for room in rooms:
        if room.phase is not HostPhase.UP:
            continue
        up += 1
        lacking = [name for name, left in zip(Units._fields, room.free.minus(need), strict=True) if left < 0]
        # A kind that is not needed is not lacked, even where less than nothing is left of it.
        lacking = [name for name in lacking if getattr(need, name) > 0]
        ports = assign_ports(spec, room, start=start)
        if ports is None:
            lacking.append("ports")
        elif not lacking:
            return Placement(host=room.host, ports=ports)
        for name in lacking:
            lacks[name] = lacks.get(name, 0) + 1
    return _reason(need, up, lacks)


def assign_ports(spec: PodSpec, room: Room, *, start: int = 0) -> tuple[Port, ...] | None:
    """Return the ports of a pod on this host, None when some cannot be had."""
    asked = [(each.name, port) for each in (*spec.init_containers, *spec.containers) for port in each.ports]
    if not asked:
        return ()
    fixed = [port.number for _, port in asked if port.number]
    taken = set(fixed)
    if len(taken) < len(fixed) or any(number in room.used_ports for number in fixed):
        return None
    first, last = room.ports
    size = last - first + 1
    numbers = (first + (start + step) % size for step in range(size))
    candidates = (each for each in numbers if each not in taken and each not in room.used_ports)
    assigned = []
    for container, port in asked:
        number = port.number or next(
            (n for n in candidates if n not in taken and n not in room.used_ports), 0
        )
        if not number:
            return None
        assigned.append(Port(container=container, name=port.name, number=number))
    return tuple(assigned)


def _reason(need: Units, up: int, lacks: dict[str, int]) -> str:
    if not up:
        return "no host is up"
    hosts = "1 host" if up == 1 else f"{up} hosts"
    order = (*Units._fields, "ports")
    told = [
        f"{lacks[name]} {'lacks' if lacks[name] == 1 else 'lack'} {name}" for name in order if name in lacks
    ]
    needs = f"needs {spelled(need)}" if any(need) else "needs ports"
    return f"no host has room: {needs}; of {hosts} up, {', '.join(told)}"
