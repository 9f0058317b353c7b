"""What a pod's past says: its events of one run, its earlier runs, whether they tell that a run ran.

1. A history is read once, oldest first; no more is kept of it than the answer needs.
2. An event is told for each change of state, goal, run wanted, version or message; what changed only
   inside a container is told with the next of those.
3. Of a run that was forgotten, only what came afterwards is told.
4. The last view of a run is the one before the next run began; a pod's deletion is not part of it.
"""

from collections import deque
from collections.abc import AsyncIterator

from events.pod import PodPhase, PodRunForgotten
from events.record import Recorded
from projections.pods import PodView
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.ids import pod_id, pod_version
from protocol.peloton.translate.pod_status import (
    health_of,
    reason_of,
    spell_containers,
    spell_init_containers,
)
from protocol.peloton.translate.states import POD_GOALS, POD_STATE_NAMES
from protocol.peloton.translate.times import rfc3339

History = AsyncIterator[tuple[Recorded, PodView]]


async def read_events(history: History, run: int | None) -> list[pod_pb2.PodEvent]:
    """Return the events of a run, newest first; of the latest run when None is given."""
    events: list[pod_pb2.PodEvent] = []
    current, before = 0, None
    async for recorded, pod in history:
        if isinstance(recorded.event, PodRunForgotten) and recorded.event.run in {run, current}:
            events.clear()
        if run is not None and pod.run > run:
            continue
        if pod.run != current:
            current, before = pod.run, None
            events.clear()
        now = _seen(pod)
        if now != before and run in {None, pod.run}:
            events.append(spell_pod_event(pod, recorded.envelope.at))
        before = now
    events.reverse()
    return events


async def read_previous(history: History, current: int, limit: int) -> list[PodView]:
    """Return the last view of each run before the current one, newest first; 0 is no limit."""
    kept: deque[PodView] = deque(maxlen=limit or None)
    last: PodView | None = None
    async for _, pod in history:
        if last is not None and pod.run != last.run:
            kept.append(last)
        if pod.run >= current:
            break
        if pod.phase is not PodPhase.DELETED:
            last = pod
    return list(reversed(kept))


async def read_ran(history: History, run: int | None) -> tuple[int, bool] | None:
    """Return a run, the latest when None is given, and whether its events tell that it was running.

    None when there never was such a pod.
    """
    found: tuple[int, bool] | None = None
    before: tuple[object, ...] | None = None
    async for recorded, pod in history:
        wanted, now = pod.run if run is None else run, _seen(pod)
        has_run = found == (wanted, True)
        if isinstance(recorded.event, PodRunForgotten) and recorded.event.run == wanted:
            has_run = False
        elif pod.run == wanted and now != before and pod.run_phase is PodPhase.RUNNING:
            has_run = True
        found, before = (wanted, has_run), now
    return found


def spell_pod_event(pod: PodView, at: int) -> pod_pb2.PodEvent:
    """Spell one stored change of a pod."""
    return pod_pb2.PodEvent(
        pod_id=pod_id(pod.id, pod.run),
        actual_state=POD_STATE_NAMES[pod.run_phase],
        desired_state=pod_pb2.PodState.Name(POD_GOALS[pod.goal]),
        timestamp=rfc3339(at),
        version=peloton_pb2.EntityVersion(value=pod_version(pod.config)),
        desired_version=peloton_pb2.EntityVersion(value=pod_version(pod.desired_config)),
        agent_id=pod.host,
        hostname=pod.host,
        message=pod.message,
        reason=reason_of(pod),
        prev_pod_id=pod_id(pod.id, max(0, pod.run - 1)),
        healthy=pod_pb2.HealthState.Name(health_of(pod)),
        desired_pod_id=pod_id(pod.id, pod.desired_run),
        container_status=spell_containers(pod),
        init_container_status=spell_init_containers(pod),
    )


def _seen(pod: PodView) -> tuple[object, ...]:
    """Return what an event is told for; health follows the phase."""
    return pod.run_phase, pod.goal, pod.desired_run, pod.config, pod.desired_config, pod.message
