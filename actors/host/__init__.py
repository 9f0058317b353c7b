"""A host: a machine, or a declared share of one, that runs pods."""

from collections.abc import Callable, Sequence
from typing import cast

from actors.host.decider import decide, evolve, outstanding, react
from actors.host.fit import Placement, Room, fit, need_of
from actors.host.state import ALLOWED, TRANSITIONS, HostState
from actors.host.units import Units, units
from actors.kernel.decider import Decide, Entity

ENTITY: Entity[HostState] = Entity(
    name="host",
    decide=cast("Decide[HostState]", decide),  # the kernel routes only a host's commands to it
    evolve=cast("Callable[[HostState | None, str, object], HostState]", evolve),
    react=cast("Callable[[HostState, object], Sequence[object]]", react),
    outstanding=outstanding,
)
"""The host as the kernel is told of it."""

__all__ = [
    "ALLOWED",
    "ENTITY",
    "TRANSITIONS",
    "HostState",
    "Placement",
    "Room",
    "Units",
    "decide",
    "evolve",
    "fit",
    "need_of",
    "outstanding",
    "react",
    "units",
]
