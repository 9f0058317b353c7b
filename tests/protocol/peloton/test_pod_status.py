"""Pods as they are told: one run, its containers, earlier runs, events."""

import pytest

from events.frozen import replace
from events.pod import ContainerSpec, PodDeleted, PodQueued, PodSpec
from projections.pods import PodView
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.pod_history import read_events, read_previous, read_ran
from protocol.peloton.translate.pod_status import spell_pod_status, spell_pod_summary
from tests.protocol.peloton.fake import JOB, FakeGateway
from tests.protocol.peloton.messages import job as job_message
from tests.protocol.peloton.stories import create_pod, fail_pod, pod_spec, run_pod, stop_pod

POD = f"{JOB}-1"
SPEC = pod_spec(job_message())


@pytest.fixture
def gateway() -> FakeGateway:
    gateway = FakeGateway()
    create_pod(gateway, 1)
    return gateway


def view(gateway: FakeGateway) -> PodView:
    found = gateway.views[f"pod/{POD}"]
    assert isinstance(found, PodView)
    return found


def test_a_new_pod_has_not_run(gateway: FakeGateway) -> None:
    told = spell_pod_summary(view(gateway))
    status = told.status
    assert told.pod_name.value == POD
    assert (status.pod_id.value, status.desired_pod_id.value) == (f"{POD}-1", f"{POD}-1")
    assert not status.HasField("prev_pod_id")
    assert (status.start_time, status.completion_time, status.host) == ("", "", "")
    assert status.state == pod_pb2.POD_STATE_INITIALIZED
    assert (status.version.value, status.desired_version.value) == ("1-0-0", "1-0-0")
    assert [it.state for it in status.containers_status] == [pod_pb2.CONTAINER_STATE_PENDING]


def test_a_pod_that_waits_says_why(gateway: FakeGateway) -> None:
    gateway.record(f"pod/{POD}", PodQueued(run=1, reason="no host has 8 cores free"))
    status = spell_pod_status(view(gateway))
    assert (status.state, status.reason) == (pod_pb2.POD_STATE_PENDING, "no host has 8 cores free")


def test_a_running_pod(gateway: FakeGateway) -> None:
    run_pod(gateway, f"pod/{POD}")
    status = spell_pod_status(view(gateway))
    assert status.state == status.desired_state == pod_pb2.POD_STATE_RUNNING
    assert (status.host, status.host_id, status.agent_id.value, status.reason) == ("h1", "h1", "h1", "")
    assert status.start_time
    first = status.containers_status[0]
    assert (first.name, first.state) == ("container-0", pod_pb2.CONTAINER_STATE_RUNNING)
    assert dict(first.ports) == {"http": 31000}
    assert first.healthy.state == pod_pb2.HEALTH_STATE_DISABLED
    assert not first.HasField("terminationStatus")


def test_a_stopped_pod(gateway: FakeGateway) -> None:
    run_pod(gateway, f"pod/{POD}")
    stop_pod(gateway, f"pod/{POD}")
    status = spell_pod_status(view(gateway))
    assert status.state == status.desired_state == pod_pb2.POD_STATE_KILLED
    assert status.reason == "KILLED_ON_REQUEST"
    first = status.containers_status[0]
    assert first.state == pod_pb2.CONTAINER_STATE_KILLED
    assert first.terminationStatus == pod_pb2.TerminationStatus(
        reason=pod_pb2.TerminationStatus.TERMINATION_STATUS_REASON_KILLED_ON_REQUEST, signal="SIGTERM"
    )


def test_a_container_that_never_started_ends_with_its_pod(gateway: FakeGateway) -> None:
    stop_pod(gateway, f"pod/{POD}")
    second = PodSpec(containers=(*SPEC.containers, ContainerSpec(name="late", command=("x",))))
    status = spell_pod_status(replace(view(gateway), spec=second))
    assert status.containers_status[1].state == pod_pb2.CONTAINER_STATE_KILLED


async def previous(gateway: FakeGateway, limit: int) -> list[int]:
    runs = await read_previous(gateway.pod_history(POD), view(gateway).run, limit)
    return [run.run for run in runs]


@pytest.mark.asyncio
async def test_earlier_runs_are_as_they_last_were(gateway: FakeGateway) -> None:
    for run in (1, 2, 3):
        run_pod(gateway, f"pod/{POD}", run=run)
        fail_pod(gateway, f"pod/{POD}", SPEC, run=run)
    assert view(gateway).run == 4
    assert await previous(gateway, 0) == [3, 2, 1]
    assert await previous(gateway, 2) == [3, 2]
    last = (await read_previous(gateway.pod_history(POD), 4, 1))[0]
    status = spell_pod_status(last)
    assert status.state == pod_pb2.POD_STATE_FAILED
    assert (status.reason, status.prev_pod_id.value) == ("FAILED", f"{POD}-2")
    exited = status.containers_status[0].terminationStatus
    assert (exited.exit_code, exited.reason) == (
        3,
        pod_pb2.TerminationStatus.TERMINATION_STATUS_REASON_FAILED,
    )


@pytest.mark.asyncio
async def test_a_pod_without_earlier_runs_has_none(gateway: FakeGateway) -> None:
    assert await previous(gateway, 0) == []


@pytest.mark.asyncio
async def test_events_tell_each_change_of_a_run_newest_first(gateway: FakeGateway) -> None:
    run_pod(gateway, f"pod/{POD}")
    fail_pod(gateway, f"pod/{POD}", SPEC)
    events = await read_events(gateway.pod_history(POD), 1)
    assert [event.actual_state.removeprefix("POD_STATE_") for event in events] == [
        "FAILED",
        "RUNNING",
        "STARTING",
        "LAUNCHED",
        "LAUNCHING",
        "PLACED",
        "PENDING",
        "INITIALIZED",
    ]
    assert {event.pod_id.value for event in events} == {f"{POD}-1"}
    assert {event.prev_pod_id.value for event in events} == {f"{POD}-0"}
    assert {event.desired_state for event in events} == {"POD_STATE_RUNNING"}
    assert (events[0].healthy, events[1].healthy) == ("HEALTH_STATE_INVALID", "HEALTH_STATE_DISABLED")
    assert [event.timestamp for event in events] == sorted((it.timestamp for it in events), reverse=True)
    assert (events[1].hostname, events[1].agent_id, events[-2].reason) == (
        "h1",
        "h1",
        "no host has 8 cores free",
    )


@pytest.mark.asyncio
async def test_events_without_a_run_are_those_of_the_latest(gateway: FakeGateway) -> None:
    run_pod(gateway, f"pod/{POD}")
    fail_pod(gateway, f"pod/{POD}", SPEC)
    latest = await read_events(gateway.pod_history(POD), None)
    assert [it.pod_id.value for it in latest] == [f"{POD}-2"]
    assert latest == await read_events(gateway.pod_history(POD), 2)
    assert await read_events(gateway.pod_history(POD), 9) == []


@pytest.mark.asyncio
async def test_a_goal_that_changes_is_an_event(gateway: FakeGateway) -> None:
    run_pod(gateway, f"pod/{POD}")
    stop_pod(gateway, f"pod/{POD}")
    events = await read_events(gateway.pod_history(POD), None)
    seen = [(it.actual_state, it.desired_state) for it in events[:4]]
    assert seen == [
        ("POD_STATE_KILLED", "POD_STATE_KILLED"),
        ("POD_STATE_KILLING", "POD_STATE_KILLED"),
        ("POD_STATE_RUNNING", "POD_STATE_KILLED"),
        ("POD_STATE_RUNNING", "POD_STATE_RUNNING"),
    ]


@pytest.mark.asyncio
async def test_whether_a_run_ever_ran(gateway: FakeGateway) -> None:
    async def ran(run: int | None) -> tuple[int, bool] | None:
        return await read_ran(gateway.pod_history(POD), run)

    assert await ran(None) == (1, False)
    run_pod(gateway, f"pod/{POD}")
    fail_pod(gateway, f"pod/{POD}", SPEC)
    assert await ran(1) == (1, True)
    assert await ran(None) == (2, False)
    assert await ran(3) == (3, False)
    gateway.record(f"pod/{POD}", PodDeleted(run=2))
    assert await ran(1) == (1, True)
    assert await read_ran(gateway.pod_history(f"{JOB}-2"), None) is None
