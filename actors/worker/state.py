"""What is remembered of a worker, and the table of its phases.

1. `TRANSITIONS` is the machine: `evolve` reads the next phase from it, the diagrams are drawn from
   it, and a test checks that no decision leaves it.
2. A worker that drains dies in the append in which it is freed or lost.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.frozen import frozen
from events.worker import (
    WorkerCalled,
    WorkerDied,
    WorkerDraining,
    WorkerEvent,
    WorkerFreed,
    WorkerLost,
    WorkerPhase,
    WorkerReady,
    WorkerRegistered,
    WorkerSpec,
    WorkerTook,
)

P = WorkerPhase

TRANSITIONS: Mapping[WorkerPhase | None, Mapping[type[WorkerEvent], tuple[WorkerPhase, ...]]] = (
    MappingProxyType(
        {
            None: {WorkerRegistered: (P.REGISTERED,)},
            P.REGISTERED: {
                WorkerRegistered: (P.REGISTERED,),
                WorkerReady: (P.IDLE,),
                WorkerDied: (P.DEAD,),
            },
            P.IDLE: {
                WorkerTook: (P.BUSY,),
                WorkerLost: (P.REGISTERED,),
                WorkerDied: (P.DEAD,),
            },
            P.BUSY: {
                WorkerFreed: (P.IDLE,),
                WorkerLost: (P.REGISTERED,),
                WorkerDraining: (P.DRAINING,),
            },
            P.DRAINING: {
                WorkerFreed: (P.DRAINING,),
                WorkerLost: (P.DRAINING,),
                WorkerDied: (P.DEAD,),
            },
            P.DEAD: {WorkerRegistered: (P.REGISTERED,)},
        }
    )
)
"""Phase before -> class of event -> phases after. None stands for a worker never registered."""

STEADY: frozenset[type[WorkerEvent]] = frozenset({WorkerCalled})
"""Events that never change the phase."""

ALLOWED: Mapping[WorkerPhase, tuple[WorkerPhase, ...]] = MappingProxyType(
    {
        P.REGISTERED: (P.IDLE, P.DEAD),
        P.IDLE: (P.BUSY, P.REGISTERED, P.DEAD),
        P.BUSY: (P.IDLE, P.REGISTERED, P.DRAINING),
        P.DRAINING: (P.DEAD,),
        P.DEAD: (P.REGISTERED,),
    }
)
"""Every change of phase that may ever happen."""


@frozen
class WorkerState:
    """A worker, and the one task that it has."""

    phase: WorkerPhase
    spec: WorkerSpec
    pod: str = ""
    """Stream of its pod, empty while it has none."""
    gone: str = ""
    """Stream of the pod that it had when it died, empty for none."""
    config: int = 1
    """How many specs its pod has been given."""
    task: str = ""
    """Stream of the task that it has, empty for none."""
    reason: str = ""
    """Why it is in this phase, empty for nothing told."""


def phase_after(phase: WorkerPhase, event: WorkerEvent) -> WorkerPhase:
    """Return the phase that an event leads to. Total: what the table lacks changes nothing."""
    return TRANSITIONS[phase].get(type(event), (phase,))[0]
