"""First fit never takes what is not there, and refuses only what fits nowhere."""

from hypothesis import given
from hypothesis import strategies as st

from actors.host.fit import Placement, Room, fit, need_of, outline
from actors.host.units import Units, units
from events.capacity import Resources
from events.frozen import replace
from events.frozen import replace as changed
from events.host import HostPhase
from events.pod import ContainerSpec, PodSpec, PortSpec
from tests.strategies import pod_specs

ONE = 1_000_000


@st.composite
def rooms(draw: st.DrawFn) -> list[Room]:
    amounts = st.integers(0, 6).map(lambda whole: whole * ONE)
    return [
        Room(
            host=f"h{index}",
            phase=draw(st.sampled_from([HostPhase.UP, HostPhase.UP, HostPhase.DOWN, HostPhase.DRAINING])),
            free=Units(draw(amounts), draw(amounts), draw(amounts), draw(amounts)),
            ports=(31000, draw(st.integers(30999, 31004))),
            used_ports=frozenset(draw(st.sets(st.sampled_from([31000, 31001, 31002, 8080])))),
        )
        for index in range(draw(st.integers(0, 3)))
    ]


def ports_of(spec: PodSpec) -> list[PortSpec]:
    return [port for each in (*spec.init_containers, *spec.containers) for port in each.ports]


def can_hold(room: Room, spec: PodSpec) -> bool:
    """Say by counting whether a host has room: the oracle, made otherwise than the real thing."""
    if room.phase is not HostPhase.UP:
        return False
    for kind in ("cpu", "memory_mb", "disk_mb", "gpu"):
        main = sum(round(getattr(each.resources, kind) * ONE) for each in spec.containers)
        init = max([round(getattr(each.resources, kind) * ONE) for each in spec.init_containers], default=0)
        if max(main, init) > getattr(room.free, kind.removesuffix("_mb")):
            return False
    fixed = [port.number for port in ports_of(spec) if port.number]
    if len(fixed) != len(set(fixed)) or any(each in room.used_ports for each in fixed):
        return False
    first, last = room.ports
    choice = {each for each in range(first, last + 1) if each not in room.used_ports} - set(fixed)
    return len(choice) >= len(ports_of(spec)) - len(fixed)


@given(spec=pod_specs(), hosts=rooms(), start=st.integers(0, 9))
def test_takes_the_first_host_that_has_room(spec: PodSpec, hosts: list[Room], start: int) -> None:
    able = [room for room in hosts if can_hold(room, spec)]
    found = fit(spec, hosts, start=start)
    if not able:
        assert isinstance(found, str)
        assert found.startswith("no host ")
        return
    assert isinstance(found, Placement)
    assert found.host == able[0].host
    assert min(able[0].free.minus(need_of(spec))) >= 0
    numbers = [port.number for port in found.ports]
    assert len(numbers) == len(set(numbers)) == len(ports_of(spec))
    for asked, got in zip(ports_of(spec), found.ports, strict=True):
        assert asked.number in (got.number, 0)
        assert asked.number or able[0].ports[0] <= got.number <= able[0].ports[1]
        assert got.number not in able[0].used_ports


@given(specs=st.lists(pod_specs(), max_size=12), capacity=st.integers(1, 8))
def test_never_gives_more_than_there_is(specs: list[PodSpec], capacity: int) -> None:
    """What is taken and given back, in any order, leaves the host as it was."""
    whole = Units(capacity * ONE, capacity * ONE, capacity * ONE, capacity * ONE)
    used: set[int] = set()
    room = Room(host="h", phase=HostPhase.UP, free=whole, ports=(31000, 31007), used_ports=used)
    placed = []
    for spec in specs:
        found = fit(spec, [room])
        if isinstance(found, Placement):
            placed.append(spec)
            assert used.isdisjoint(port.number for port in found.ports)
            used |= {port.number for port in found.ports}
            room = replace(room, free=room.free.minus(need_of(spec)))
            assert min(room.free) >= 0
    for spec in placed:
        room = replace(room, free=room.free.plus(need_of(spec)))
    assert room.free == whole


def spec_of(*, cpu: float = 0, memory_mb: float = 0, ports: tuple[int, ...] = ()) -> PodSpec:
    container = ContainerSpec(
        name="main",
        command=("true",),
        resources=Resources(cpu=cpu, memory_mb=memory_mb),
        ports=tuple(PortSpec(name=f"p{index}", number=number) for index, number in enumerate(ports)),
    )
    return PodSpec(containers=(container,))


def room(host: str, cpu: float = 1, *, phase: HostPhase = HostPhase.UP) -> Room:
    free = units(Resources(cpu=cpu, memory_mb=100))
    return Room(host=host, phase=phase, free=free, ports=(31000, 31002), used_ports={31001})


def test_says_what_is_lacking() -> None:
    hosts = [room("a"), room("b", 2), room("c", 9, phase=HostPhase.DOWN)]
    assert fit(spec_of(cpu=4, memory_mb=100), hosts) == (
        "no host has room: needs cpu 4, memory 100 MB; of 2 hosts up, 2 lack cpu"
    )
    assert fit(spec_of(cpu=1.5, memory_mb=101), hosts[:2]) == (
        "no host has room: needs cpu 1.5, memory 101 MB; of 2 hosts up, 1 lacks cpu, 2 lack memory"
    )
    assert fit(spec_of(ports=(31001,)), hosts[:1]) == (
        "no host has room: needs ports; of 1 host up, 1 lacks ports"
    )
    assert fit(spec_of(), hosts[2:]) == "no host is up"


def test_sums_of_fractions_are_exact() -> None:
    """Ten times 0.1 is one core, which floating point would deny."""
    tenth = ContainerSpec(name="c", command=("true",), resources=Resources(cpu=0.1))
    assert fit(PodSpec(containers=(tenth,) * 10), [room("a", 1)]) == Placement(host="a", ports=())


def test_ports_are_chosen_around_the_range() -> None:
    chosen = fit(spec_of(ports=(0, 0)), [room("a")], start=2)
    assert isinstance(chosen, Placement)
    assert [port.number for port in chosen.ports] == [31002, 31000]


@given(spec=pod_specs(), hosts=rooms(), text=st.text(min_size=1), start=st.integers(0, 9))
def test_an_outline_fits_where_its_spec_does(spec: PodSpec, hosts: list[Room], text: str, start: int) -> None:
    """And what may be long makes no other outline."""
    assert need_of(outline(spec)) == need_of(spec)
    assert fit(outline(spec), hosts, start=start) == fit(spec, hosts, start=start)
    pairs = ((text, text),)
    containers = tuple(
        changed(each, command=(text,), environment=pairs, image=text) for each in spec.containers
    )
    long = changed(spec, containers=containers, environment=pairs, labels=pairs, beyond=text)
    assert outline(long) == outline(spec)
