"""What is remembered of a pod, and the table of its phases.

1. `TRANSITIONS` is the machine: `evolve` reads the next phase from it, the diagrams are drawn from
   it, and a test checks that no decision leaves it.
2. `ALLOWED` is the wider table of changes that one run may ever make; the edges that only it has
   await entities that do not exist yet (pools, preemption, reservations).
3. `placed` and `launching` are entered in one append, so no command ever meets a pod in `placed`.
4. A live run that is not wanted (another goal, or another run desired) has a `stop_reason`.
"""

from collections.abc import Mapping
from sys import intern
from types import MappingProxyType

from events.frozen import frozen
from events.goal import Goal
from events.pod import (
    EndReason,
    PodContainerExited,
    PodContainerStarted,
    PodCreated,
    PodDeleted,
    PodEnded,
    PodEvent,
    PodGoalChanged,
    PodLaunched,
    PodLaunching,
    PodPhase,
    PodPlaced,
    PodQueued,
    PodReconfigured,
    PodRunForgotten,
    PodRunning,
    PodRunStarted,
    PodSpec,
    PodStarting,
    PodStopRequested,
    Port,
)

P = PodPhase
_BORN = (P.INITIALIZED, P.KILLED)
_BY_ITSELF = (P.SUCCEEDED, P.FAILED, P.LOST)
_OVER: Mapping[type[PodEvent], tuple[PodPhase, ...]] = MappingProxyType(
    {PodRunStarted: (P.INITIALIZED,), PodDeleted: (P.DELETED,)}
)

TRANSITIONS: Mapping[PodPhase | None, Mapping[type[PodEvent], tuple[PodPhase, ...]]] = MappingProxyType(
    {
        None: {PodCreated: _BORN},
        P.INITIALIZED: {PodQueued: (P.PENDING,), PodPlaced: (P.PLACED,), PodEnded: (P.KILLED,)},
        P.PENDING: {PodQueued: (P.PENDING,), PodPlaced: (P.PLACED,), PodEnded: (P.KILLED,)},
        P.PLACED: {PodLaunching: (P.LAUNCHING,)},
        P.LAUNCHING: {
            PodLaunched: (P.LAUNCHED,),
            PodStopRequested: (P.LAUNCHING,),
            PodEnded: (P.KILLED,),
        },
        P.LAUNCHED: {
            PodStarting: (P.STARTING,),
            PodContainerStarted: (P.STARTING,),
            PodStopRequested: (P.LAUNCHED,),
            PodEnded: (P.KILLED,),
        },
        P.STARTING: {
            PodContainerStarted: (P.STARTING,),
            PodContainerExited: (P.STARTING,),
            PodRunning: (P.RUNNING,),
            PodStopRequested: (P.KILLING,),
            PodEnded: _BY_ITSELF,
        },
        P.RUNNING: {
            PodContainerStarted: (P.RUNNING,),
            PodContainerExited: (P.RUNNING,),
            PodStopRequested: (P.KILLING,),
            PodEnded: _BY_ITSELF,
        },
        P.KILLING: {
            PodContainerStarted: (P.KILLING,),
            PodContainerExited: (P.KILLING,),
            PodStopRequested: (P.KILLING,),
            PodEnded: (P.KILLED, P.FAILED),
        },
        P.SUCCEEDED: _OVER,
        P.FAILED: _OVER,
        P.LOST: _OVER,
        P.KILLED: _OVER,
        P.DELETED: {PodCreated: _BORN},
    }
)
"""Phase before -> class of event -> phases after. None stands for a pod that never was."""

STEADY: frozenset[type[PodEvent]] = frozenset({PodGoalChanged, PodReconfigured, PodRunForgotten})
"""Events that never change the phase; all but the last may happen in every phase but `deleted`."""

_SCHEDULED = (P.PENDING, P.READY, P.PLACING, P.RESERVED, P.PLACED, P.LAUNCHING)
_ENDS = (P.SUCCEEDED, P.FAILED, P.LOST, P.KILLED)
_ON_HOST = (P.STARTING, P.RUNNING, *_ENDS)
_NEXT_RUN = (P.INITIALIZED, P.DELETED)

ALLOWED: Mapping[PodPhase, tuple[PodPhase, ...]] = MappingProxyType(
    {
        P.INITIALIZED: (*_SCHEDULED, P.LAUNCHED, *_ON_HOST, P.KILLING),
        P.PENDING: (P.READY, P.KILLED, P.PLACED),
        P.READY: (P.PLACING, P.RESERVED, P.PLACED, P.PENDING, P.KILLED),
        P.PLACING: (P.READY, P.PLACED, P.PENDING, P.KILLED),
        P.RESERVED: (P.PLACED, P.PENDING, P.KILLED),
        P.PLACED: (P.LAUNCHING, P.KILLED),
        P.LAUNCHING: (P.LAUNCHED, P.RUNNING, P.READY, P.KILLED),
        P.LAUNCHED: (P.STARTING, P.RUNNING, P.READY, P.KILLED),
        P.STARTING: (*_ON_HOST, P.PREEMPTING, P.KILLING),
        P.RUNNING: (*_ON_HOST, P.PREEMPTING, P.KILLING),
        P.PREEMPTING: (P.RUNNING, P.KILLING, *_ENDS),
        P.KILLING: _ENDS,
        P.SUCCEEDED: _NEXT_RUN,
        P.FAILED: _NEXT_RUN,
        P.LOST: _NEXT_RUN,
        P.KILLED: _NEXT_RUN,
        P.DELETED: _BORN,
    }
)
"""Every change of phase that may ever happen. Out of a terminal phase leads only a new run."""

UNPLACED = frozenset({P.INITIALIZED, P.PENDING, P.READY, P.PLACING})
"""Phases in which no host is involved yet."""
LIVE = frozenset({P.LAUNCHING, P.LAUNCHED, P.STARTING, P.RUNNING, P.KILLING})
"""Phases in which the engine of a host has, or may have, the run."""


@frozen
class PodState:
    """A pod with its current run."""

    owner: str
    instance: int
    name: str
    goal: Goal
    phase: PodPhase
    run: int
    desired_run: int
    """The current run, or the next one while that is wanted instead."""
    config: int
    spec: PodSpec
    """What the current run was begun with."""
    desired_config: int
    desired_spec: PodSpec
    """What the next run will be begun with."""
    failure_count: int = 0
    queued_for: str = ""
    """Why the run waits for a host, empty for nothing told."""
    host: str = ""
    ports: tuple[Port, ...] = ()
    started: tuple[str, ...] = ()
    """Containers of this run whose start was told."""
    exits: tuple[PodContainerExited, ...] = ()
    """How containers of this run ended, one for each."""
    stop_reason: EndReason | None = None
    """Why the engine was asked to end this run, None when it was not."""
    restart_at: int = 0
    """When the next run is due, 0 for none."""
    hosts: tuple[str, ...] = ()
    """Every host that a run was placed on: they may keep its sandboxes."""

    @property
    def is_wanted(self) -> bool:
        """True when the current run is what is desired."""
        return self.goal is Goal.RUNNING and self.desired_run == self.run

    def exit_of(self, container: str) -> PodContainerExited | None:
        """Return how a container of this run ended, None while it was not told."""
        return next((end for end in self.exits if end.container == container), None)


SENDERS: frozenset[type[PodEvent]] = frozenset(
    {PodRunStarted, PodStopRequested, PodEnded, PodGoalChanged, PodRunning, PodReconfigured, PodDeleted}
)
"""Events at which the pod tells its owner how it is."""

PLAIN: Mapping[PodPhase, Mapping[type, PodPhase]] = {
    phase: {
        kind: after[0]
        for kind, after in TRANSITIONS.get(phase, {}).items()
        if kind not in (PodCreated, PodEnded)
    }
    for phase in PodPhase
}
"""Where an event leads that does not say itself where it leads."""


def phase_after(phase: PodPhase, event: PodEvent) -> PodPhase:
    """Return the phase that an event leads to. Total: what the table lacks changes nothing."""
    match event:
        case PodCreated():
            return P.INITIALIZED if event.goal is Goal.RUNNING else P.KILLED
        case PodEnded():
            return event.phase
        case _:
            return PLAIN[phase].get(event.__class__, phase)


def is_finished(state: PodState) -> bool:
    """Return whether nothing more will happen to the pod by itself."""
    return state.phase.is_terminal and state.restart_at == 0


def born(event: PodCreated) -> PodState:
    """Return the state of a pod that exists, perhaps again."""
    return PodState(
        owner=event.owner,
        instance=event.instance,
        name=intern(event.name),
        goal=event.goal,
        phase=phase_after(P.INITIALIZED, event),
        run=event.run,
        desired_run=event.run,
        config=event.config,
        spec=event.spec,
        desired_config=event.config,
        desired_spec=event.spec,
    )


def begun_again(state: PodState, event: PodRunStarted) -> PodState:
    """Return the state with a new run: what was known of the previous one is history."""
    return PodState(
        owner=state.owner,
        instance=state.instance,
        name=state.name,
        goal=state.goal,
        phase=phase_after(state.phase, event),
        run=event.run,
        desired_run=event.run,
        config=event.config,
        spec=event.spec,
        desired_config=event.config,
        desired_spec=event.spec,
        failure_count=event.failure_count,
        hosts=state.hosts,
    )
