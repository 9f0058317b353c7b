"""Whether a pod that nobody asked for yet would find a host, as pure functions.

1. What is about to be placed is counted before what is asked about; what is about to end counts as gone.
2. Of pods that may be made to end for it, as few are named as do: those first in line first.
"""

from collections.abc import Iterable, Mapping, Sequence

from actors.host.fit import Placement, Room, fit, need_of
from actors.host.units import Units
from events.frozen import frozen, replace
from events.pod import PodSpec


@frozen(kw_only=False)
class Fits:
    """There is room, once these pods have ended."""

    after: tuple[str, ...] = ()


@frozen(kw_only=False)
class Full:
    """There is no room now."""


@frozen(kw_only=False)
class TooLarge:
    """There would be no room on any host if it were empty."""


Verdict = Fits | Full | TooLarge


@frozen(kw_only=False)
class Held:
    """What a pod holds of which host."""

    host: str
    need: Units


def judge(
    spec: PodSpec,
    *,
    rooms: Iterable[Room],
    empty: Iterable[Room],
    ahead: Sequence[PodSpec] = (),
    leaving: Iterable[Held] = (),
    evictable: Mapping[str, Held],
) -> Verdict:
    """Say whether the pod would find a host.

    Args:
        spec: The pod.
        rooms: What hosts have left now.
        empty: What they would have left with nothing on them.
        ahead: Pods that are about to be placed.
        leaving: What is held by pods that are about to end.
        evictable: Pods that may be made to end, in the order in which that is tried.
    """
    if isinstance(fit(spec, empty), str):
        return TooLarge()
    by_host = {room.host: room for room in rooms}
    for held in leaving:
        _give_back(by_host, held)
    chosen: list[str] = []
    candidates = iter(evictable.items())
    while not _all_fit((*ahead, spec), by_host):
        found = next(candidates, None)
        if found is None:
            return Full()
        pod, held = found
        _give_back(by_host, held)
        chosen.append(pod)
    return Fits(tuple(chosen))


def _give_back(rooms: dict[str, Room], held: Held) -> None:
    room = rooms.get(held.host)
    if room is not None:
        rooms[held.host] = replace(room, free=room.free.plus(held.need))


def _all_fit(specs: Iterable[PodSpec], rooms: Mapping[str, Room]) -> bool:
    left = dict(rooms)
    for spec in specs:
        found = fit(spec, left.values())
        if not isinstance(found, Placement):
            return False
        room = left[found.host]
        left[found.host] = replace(room, free=room.free.minus(need_of(spec)))
    return True
