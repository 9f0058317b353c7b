"""What a pod tells its owner, and what is left to be counted of its way."""

from actors.kernel.decider import Send
from actors.pod import ENTITY
from events.goal import Goal
from events.pod import (
    EndReason,
    PodCreated,
    PodEnded,
    PodEvent,
    PodLaunched,
    PodLaunching,
    PodPhase,
    PodPlaced,
    PodQueued,
    PodRunning,
    PodRunStarted,
    PodStarting,
    PodStopRequested,
)
from projections.owned import SILENT
from tests.actors.pod.machine import ONE

LIFE: tuple[PodEvent, ...] = (
    PodQueued(run=1, reason="full"),
    PodPlaced(run=1, host="h"),
    PodLaunching(run=1),
    PodLaunched(run=1),
    PodStarting(run=1),
    PodRunning(run=1),
    PodStopRequested(run=1, reason=EndReason.ON_REQUEST),
    PodEnded(run=1, phase=PodPhase.KILLED, reason=EndReason.ON_REQUEST),
    PodRunStarted(run=2, config=1, spec=ONE, failure_count=0),
)


def test_a_pod_tells_its_owner_every_phase_but_those_on_its_way() -> None:
    """An owner hears of each run that it begins, runs, is being ended and has ended; the rest is counted."""
    created = PodCreated(owner="job/1", instance=0, config=1, spec=ONE, goal=Goal.RUNNING, name="job")
    state = ENTITY.evolve(None, "pod/1-0", created)
    silent = set()
    for event in LIFE:
        state = ENTITY.evolve(state, "pod/1-0", event)
        tells = any(isinstance(effect, Send) for effect in ENTITY.react(state, event))
        assert tells == (state.phase not in SILENT), event
        if not tells:
            silent.add(state.phase)
    assert silent == set(SILENT) - {PodPhase.READY, PodPhase.PLACING, PodPhase.RESERVED}  # nobody says these
