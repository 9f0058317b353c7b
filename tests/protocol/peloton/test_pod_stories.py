"""Whatever happens to a pod, what is told of its runs is what a run can be."""

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.pod import ALLOWED
from actors.pod.commands import DeletePod, ForgetPodRun, PlacePod, RecordRunEnded, RecreatePod
from events.goal import Goal
from events.pod import PodPhase
from projections.pods import PodView
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.pod_history import read_events, read_previous, read_ran
from protocol.peloton.translate.pod_status import spell_pod_status
from protocol.peloton.translate.states import POD_STATES
from tests.actors.pod.machine import ONE, TWO, subject
from tests.actors.pod.test_machine import commands
from tests.protocol.peloton.fake import JOB, FakeGateway

POD = f"{JOB}-0"
PHASES = {pod_pb2.PodState.Name(state): phase for phase, state in POD_STATES.items()}
DELETED = pod_pb2.POD_STATE_DELETED


@st.composite
def stories(draw: st.DrawFn, *, forgetting: bool = False) -> FakeGateway:
    """What a pod told of itself: it may be deleted, also while it runs, and made again."""
    pod = subject(draw(st.sampled_from([ONE, TWO])), goal=draw(st.sampled_from([Goal.RUNNING, Goal.KILLED])))
    for _ in range(draw(st.integers(0, 40))):
        state = pod.state
        assert state is not None
        likely = (PlacePod(run=state.run, host="h"), RecordRunEnded(run=state.run), DeletePod())
        again = RecreatePod(config=state.config, spec=state.spec, goal=Goal.RUNNING, name="web")
        forgets = (ForgetPodRun(run=state.run), ForgetPodRun(run=state.run - 1)) if forgetting else ()
        pod.ask(draw(st.sampled_from([*commands(state), *likely, again, *forgets])))
    gateway = FakeGateway()
    gateway.record(f"pod/{POD}", *pod.events)
    return gateway


async def views_of(gateway: FakeGateway) -> list[PodView]:
    return [view async for _, view in gateway.pod_history(POD)]


@given(stories())
@settings(deadline=None)
def test_a_pod_is_deleted_as_a_goal_only(gateway: FakeGateway) -> None:
    """What is told last of a pod that goes is how its run ended, and that it is to be gone."""
    views = asyncio.run(views_of(gateway))
    for before, view in zip([None, *views], views, strict=False):
        status = spell_pod_status(view)
        assert status.state != DELETED
        if view.phase is PodPhase.DELETED:
            assert before is not None
            last = spell_pod_status(before)
            assert view.run_phase.is_terminal
            assert (status.state, status.desired_state) == (last.state, DELETED)
            assert (status.reason, status.message) == (last.reason, last.message)
            assert status.containers_status == last.containers_status


@given(stories())
@settings(deadline=None)
def test_the_states_of_a_run_change_as_they_may_and_not_after_its_end(gateway: FakeGateway) -> None:
    views = asyncio.run(views_of(gateway))
    latest = views[-1].run
    for run in range(1, latest + 1):
        events = asyncio.run(read_events(gateway.pod_history(POD), run))
        phases = [PHASES[event.actual_state] for event in reversed(events)]
        for before, after in pairwise(phases):
            assert before is after or (not before.is_terminal and after in ALLOWED[before])
        assert PodPhase.DELETED not in phases
        last = next(view for view in reversed(views) if view.run == run)
        assert phases[-1] is last.run_phase
        if run == latest:
            assert events == asyncio.run(read_events(gateway.pod_history(POD), None))
    for earlier in asyncio.run(read_previous(gateway.pod_history(POD), latest, 0)):
        assert earlier.run_phase.is_terminal


@given(stories(forgetting=True))
@settings(deadline=None)
def test_a_run_ran_when_its_events_tell_so(gateway: FakeGateway) -> None:
    """Events that were deleted tell nothing, also when the pod is gone, and a run that never was has none."""
    latest = asyncio.run(views_of(gateway))[-1].run
    for run in (None, *range(latest + 2)):
        events = asyncio.run(read_events(gateway.pod_history(POD), run))
        has_run = any(event.actual_state == "POD_STATE_RUNNING" for event in events)
        asked = latest if run is None else run
        assert asyncio.run(read_ran(gateway.pod_history(POD), run)) == (asked, has_run)
