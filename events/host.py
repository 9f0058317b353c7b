"""What can happen to a host: a machine, or a declared share of one, that runs pods.

1. Capacity is what the host offers to pods; what pods hold of it is told by the pods' own events.
2. A host's id is its name.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.capacity import Resources
from events.frozen import frozen
from events.word import Word


class HostPhase(Word):
    """Whether a host takes pods."""

    UP = "up"
    DRAINING = "draining"
    DRAINED = "drained"
    DOWN = "down"


class EngineKind(Word):
    """How a host runs its pods."""

    PROCESS = "process"
    SIMULATED = "simulated"


@frozen
class HostSpec:
    """What is declared of a host."""

    capacity: Resources
    ports: tuple[int, int]
    """First and last of the ports that may be chosen for pods, inclusive."""
    labels: tuple[tuple[str, str], ...] = ()
    """Sorted by key, then value."""
    engine: EngineKind = EngineKind.PROCESS
    address: str = ""
    """IP address at which its pods can be reached."""


@frozen
class HostRegistered:
    """The host exists and is up."""

    name: str
    spec: HostSpec


@frozen
class HostRespecified:
    """What is declared of the host changed."""

    spec: HostSpec


@frozen
class HostPhaseChanged:
    """The host takes pods, or no longer does."""

    phase: HostPhase
    goal: HostPhase
    reason: str = ""


HostEvent = HostRegistered | HostRespecified | HostPhaseChanged

TOPICS: Mapping[str, type[HostEvent]] = MappingProxyType(
    {
        "host.registered:1": HostRegistered,
        "host.respecified:1": HostRespecified,
        "host.phase_changed:1": HostPhaseChanged,
    }
)
"""The name under which each class is stored."""
