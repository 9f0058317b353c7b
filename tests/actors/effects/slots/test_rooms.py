"""Whether there is room is said of what will be, not of what is."""

from actors.effects.rooms import Fits, Full, Held, TooLarge, judge
from actors.host.fit import Room, need_of
from actors.host.units import units
from events.capacity import Resources
from events.host import HostPhase
from events.pod import ContainerSpec, PodSpec


def spec(memory_mb: float) -> PodSpec:
    container = ContainerSpec(name="c", command=("true",), resources=Resources(memory_mb=memory_mb))
    return PodSpec(containers=(container,))


def room(host: str, memory_mb: float) -> Room:
    free = units(Resources(memory_mb=memory_mb))
    return Room(host=host, phase=HostPhase.UP, free=free, ports=(1, 2), used_ports=())


def held(host: str, memory_mb: float) -> Held:
    return Held(host, need_of(spec(memory_mb)))


EMPTY = (room("a", 10), room("b", 10))


def test_what_is_larger_than_every_host_is_too_large() -> None:
    assert judge(spec(11), rooms=EMPTY, empty=EMPTY, evictable={}) == TooLarge()
    assert judge(spec(10), rooms=EMPTY, empty=EMPTY, evictable={}) == Fits()


def test_what_comes_before_is_counted() -> None:
    rooms = (room("a", 10), room("b", 4))
    assert judge(spec(5), rooms=rooms, empty=EMPTY, ahead=(spec(5),), evictable={}) == Fits()
    assert judge(spec(5), rooms=rooms, empty=EMPTY, ahead=(spec(6),), evictable={}) == Full()


def test_what_ends_is_gone() -> None:
    rooms = (room("a", 0), room("b", 0))
    assert judge(spec(5), rooms=rooms, empty=EMPTY, leaving=(held("b", 5),), evictable={}) == Fits()
    assert judge(spec(5), rooms=rooms, empty=EMPTY, leaving=(held("c", 5),), evictable={}) == Full()


def test_no_more_end_than_have_to() -> None:
    rooms = (room("a", 0), room("b", 1))
    evictable = {"1": held("b", 2), "2": held("b", 2), "3": held("b", 2)}
    assert judge(spec(5), rooms=rooms, empty=EMPTY, evictable=evictable) == Fits(("1", "2"))
    assert judge(spec(8), rooms=rooms, empty=EMPTY, evictable=evictable) == Full()
