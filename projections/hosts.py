"""What is known of a host, as a fold of the host's own events.

1. A view is frozen; a fold answers a new one. Views are shared between readers.
2. What pods hold of a host is told by the pods' views, not here.
"""

from dataclasses import dataclass

from events.host import HostPhase, HostSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """A host as it is now, or was at a revision."""

    id: str
    name: str
    spec: HostSpec
    phase: HostPhase
    goal: HostPhase
    reason: str = ""
    change: int = 0
    revision: int = 0
    changed_at: int = 0
