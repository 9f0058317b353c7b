"""What is remembered of a host, and the table of its phases.

1. `TRANSITIONS` is what decisions take so far; a test checks that none leaves it. `ALLOWED` adds
   maintenance: a host drains, is drained, goes down, and comes up when maintenance is over.
2. A host that is down while its goal is up was withdrawn from the configuration: it is up again as
   soon as it is declared again. A host in maintenance has the goal down and stays there.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.frozen import frozen
from events.host import HostEvent, HostPhase, HostPhaseChanged, HostRegistered, HostRespecified, HostSpec

H = HostPhase

TRANSITIONS: Mapping[HostPhase | None, Mapping[type[HostEvent], tuple[HostPhase, ...]]] = MappingProxyType(
    {
        None: {HostRegistered: (H.UP,)},
        H.UP: {HostPhaseChanged: (H.DOWN,)},
        H.DOWN: {HostPhaseChanged: (H.UP,)},
    }
)
"""Phase before -> class of event -> phases after. None stands for a host never declared."""

STEADY: frozenset[type[HostEvent]] = frozenset({HostRespecified})
"""Events that may happen in every phase and never change it."""

ALLOWED: Mapping[HostPhase, tuple[HostPhase, ...]] = MappingProxyType(
    {
        H.UP: (H.DRAINING, H.DOWN),
        H.DRAINING: (H.DRAINED, H.DOWN),
        H.DRAINED: (H.DOWN,),
        H.DOWN: (H.UP,),
    }
)
"""Every change of phase that may ever happen."""


@frozen
class HostState:
    """A host as declared, and whether it takes pods."""

    name: str
    spec: HostSpec
    phase: HostPhase
    goal: HostPhase
    reason: str = ""
    """Why it is in this phase, empty for nothing told."""
