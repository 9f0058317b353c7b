"""The states that events of a pod lead to.

1. It is total: an event that repeats or contradicts what is known raises nothing.
"""

from collections.abc import Iterable
from sys import intern
from typing import assert_never

from actors.pod.state import PLAIN, PodState, begun_again, born
from events.frozen import replace
from events.goal import Goal
from events.pod import (
    PodContainerExited,
    PodContainerStarted,
    PodCreated,
    PodDeleted,
    PodEnded,
    PodEvent,
    PodGoalChanged,
    PodLaunched,
    PodLaunching,
    PodPlaced,
    PodQueued,
    PodReconfigured,
    PodRunForgotten,
    PodRunning,
    PodRunStarted,
    PodStarting,
    PodStopRequested,
)


def folded(state: PodState, events: Iterable[PodEvent]) -> PodState:
    """Return the state after some events."""
    for event in events:
        state = evolve(state, "", event)
    return state


def evolve(state: PodState | None, _stream: str, event: PodEvent) -> PodState:
    """Return the state after an event."""
    if isinstance(event, PodCreated):
        return born(event)
    if state is None:
        raise ValueError(f"the stream of a pod begins with {type(event).__name__}")
    phase = PLAIN[state.phase].get(event.__class__, state.phase)
    match event:
        case PodLaunching() | PodLaunched() | PodStarting() | PodRunning() | PodDeleted():
            return replace(state, phase=phase)
        case PodQueued():
            return replace(state, phase=phase, queued_for=event.reason)
        case PodPlaced():
            hosts = state.hosts if event.host in state.hosts else (*state.hosts, event.host)
            return replace(state, phase=phase, host=intern(event.host), ports=event.ports, hosts=hosts)
        case PodContainerStarted():
            return replace(state, phase=phase, started=(*state.started, event.container))
        case PodContainerExited():
            return replace(state, phase=phase, exits=(*state.exits, event))
        case PodGoalChanged():
            restart_at = state.restart_at if event.goal is Goal.RUNNING else 0
            desired_run = event.desired_run
            return replace(state, goal=event.goal, desired_run=desired_run, restart_at=restart_at)
        case PodStopRequested():
            return replace(state, phase=phase, stop_reason=event.reason)
        case PodEnded():
            count, due = event.failure_count, event.restart_at
            return replace(state, phase=event.phase, failure_count=count, restart_at=due)
        case PodRunStarted():
            return begun_again(state, event)
        case PodReconfigured():
            config = event.config if event.is_applied else state.config
            return replace(state, config=config, desired_config=event.config, desired_spec=event.spec)
        case PodRunForgotten():
            return state
        case _:
            assert_never(event)
