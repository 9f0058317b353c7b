"""What is known of a host, as a fold of the host's own events.

1. A view is frozen; a fold answers a new one. Views are shared between readers.
2. What pods hold of a host is told by the pods' views, not here.
"""

from typing import assert_never, cast

from events.frozen import frozen
from events.host import HostEvent, HostPhase, HostPhaseChanged, HostRegistered, HostRespecified, HostSpec
from events.receipt import CommandReceived
from events.record import Recorded, id_of
from projections.stamp import OutOfPlace


@frozen
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


def fold(view: HostView | None, recorded: Recorded) -> HostView | None:
    """Return the host after an event; the same object when the event changes nothing that is seen."""
    event = cast("HostEvent | CommandReceived", recorded.event)
    if isinstance(event, CommandReceived):
        return view
    if isinstance(event, HostRegistered):
        view = HostView(
            id=id_of(recorded.stream), name=event.name, spec=event.spec, phase=HostPhase.UP, goal=HostPhase.UP
        )
    if view is None:
        raise OutOfPlace(recorded)
    spec, phase, goal, reason = view.spec, view.phase, view.goal, view.reason
    match event:
        case HostRegistered():
            pass
        case HostRespecified():
            spec = event.spec
        case HostPhaseChanged():
            phase, goal, reason = event.phase, event.goal, event.reason
        case _:
            assert_never(event)
    return HostView(
        id=view.id,
        name=view.name,
        spec=spec,
        phase=phase,
        goal=goal,
        reason=reason,
        change=view.change + 1,
        revision=recorded.revision,
        changed_at=recorded.envelope.at,
    )
