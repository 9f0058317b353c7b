"""Single pods: stopped, started, restarted; their runs, their events, what they are called."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2
from tests.conformance.peloton.client import Client, Code, Made, pod_id, pod_name, refused
from tests.protocol.peloton.messages import container, job, label, pod

KILLED, RUNNING = pod_pb2.POD_STATE_KILLED, pod_pb2.POD_STATE_RUNNING
NOBODY = "2f0b6d1e-83c4-4e5a-9f27-5b8d1c0a7e64"
BAD_NAMES = ["", "x", NOBODY, f"{NOBODY}-", f"{NOBODY}-x", f"{NOBODY}--1", f"{NOBODY}-4294967296", "a-1"]


def one(client: Client) -> tuple[Made, str]:
    """A job of one running pod."""
    made = client.run(job(instance_count=1))
    return made, f"{made.id}-0"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_pod_name_is_a_job_id_and_a_number(client: Client, name: str) -> None:
    for call in (client.pod, client.events, client.start_pod, client.stop_pod, client.restart_pod):
        with refused(Code.INVALID_ARGUMENT, "pod_name"):
            call(name)
    with refused(Code.INVALID_ARGUMENT, "pod_name"):
        client.pods.BrowsePodSandbox(pod_svc_pb2.BrowsePodSandboxRequest(pod_name=pod_name(name)))


def test_a_pod_that_is_not_there_is_not_found(client: Client) -> None:
    made, _ = one(client)
    for name in (f"{NOBODY}-0", f"{made.id}-1"):
        for call in (client.pod, client.stop_pod, client.restart_pod):
            with refused(Code.NOT_FOUND):
                call(name)
        with refused(Code.NOT_FOUND):
            client.pods.BrowsePodSandbox(pod_svc_pb2.BrowsePodSandboxRequest(pod_name=pod_name(name)))
        assert client.events(name) == []
    with refused(Code.NOT_FOUND):
        client.start_pod(f"{NOBODY}-0")
    with refused(Code.INVALID_ARGUMENT):
        client.start_pod(f"{made.id}-1")  # beyond instance_count


@pytest.mark.parametrize("tail", ["", "-1-1", "-x", "--1", "-18446744073709551616"])
def test_a_run_id_is_a_pod_name_and_a_number(client: Client, tail: str) -> None:
    made, name = one(client)
    bad = f"{name}{tail}" if tail else "x"
    with refused(Code.INVALID_ARGUMENT, "pod_id"):
        client.events(name, bad)
    with refused(Code.INVALID_ARGUMENT, "pod_id"):
        client.events(name, f"{made.id}-1-1")  # of another pod


def test_a_running_pod_says_what_it_is(client: Client) -> None:
    _, name = one(client)
    answer = client.pod(name)
    status = answer.current.status
    assert (status.state, status.desired_state) == (RUNNING, RUNNING)
    assert status.pod_id.value == status.desired_pod_id.value == f"{name}-1"
    assert status.prev_pod_id.value == ""
    assert status.version.value == status.desired_version.value == "1-0-0"
    assert status.host in {"sim-1", "sim-2"}
    assert status.start_time.endswith("Z")
    assert status.completion_time == status.message == status.reason == ""
    (only,) = status.containers_status
    assert only.state == pod_pb2.CONTAINER_STATE_RUNNING
    assert not only.HasField("terminationStatus")
    assert only.healthy.state == pod_pb2.HEALTH_STATE_DISABLED
    assert answer.current.spec.pod_name.value == name
    assert not answer.previous
    assert not client.pod(name, status_only=True).current.HasField("spec")


def test_a_stopped_pod_stays_stopped(client: Client) -> None:
    made, name = one(client)
    client.stop_pod(name)
    status = client.await_run(name, 1, KILLED)
    assert status.desired_state == KILLED
    assert status.reason == "KILLED_ON_REQUEST"
    (only,) = status.containers_status
    assert only.state == pod_pb2.CONTAINER_STATE_KILLED
    assert only.terminationStatus.signal == "SIGTERM"
    assert only.terminationStatus.exit_code == 0
    reasons = pod_pb2.TerminationStatus
    assert only.terminationStatus.reason == reasons.TERMINATION_STATUS_REASON_KILLED_ON_REQUEST
    before = len(client.events(name))
    client.stop_pod(name)
    assert len(client.events(name)) == before  # nothing happened
    assert client.get(made.id).status.desired_state == stateless_pb2.JOB_STATE_RUNNING


def test_a_start_of_a_running_pod_is_no_news(client: Client) -> None:
    _, name = one(client)
    before = len(client.events(name))
    client.start_pod(name)
    assert client.pod(name).current.status.pod_id.value == f"{name}-1"
    assert len(client.events(name)) == before


def test_a_start_of_a_pod_starts_its_job(client: Client) -> None:
    made = client.run(job(instance_count=2))
    client.stop(made.id, made.version)
    client.await_state(made.id, stateless_pb2.JOB_STATE_KILLED)
    client.start_pod(f"{made.id}-1")
    info = client.await_state(made.id, stateless_pb2.JOB_STATE_RUNNING)
    assert info.status.desired_state == stateless_pb2.JOB_STATE_RUNNING
    assert info.status.pod_stats["POD_STATE_KILLED"] == 1
    assert client.pod(f"{made.id}-1").current.status.pod_id.value == f"{made.id}-1-2"


def test_a_restart_is_another_run(client: Client) -> None:
    _, name = one(client)
    for run in (2, 3, 4):
        client.restart_pod(name)
        status = client.await_run(name, run, RUNNING)
        assert status.prev_pod_id.value == f"{name}-{run - 1}"
        assert status.failure_count == 0
    answer = client.pod(name)
    assert [it.status.pod_id.value for it in answer.previous] == [f"{name}-{run}" for run in (3, 2, 1)]
    for previous in answer.previous:
        assert previous.status.state == KILLED
        assert previous.status.reason == "KILLED_FOR_RESTART"
        assert previous.status.version.value == "1-0-0"
        assert previous.status.host
        assert previous.spec.pod_name.value == name
    for limit, runs in ((0, 3), (1, 0), (2, 1), (3, 2), (9, 3)):
        found = client.pod(name, limit=limit, status_only=True).previous
        assert [it.status.pod_id.value for it in found] == [f"{name}-{run}" for run in (3, 2, 1)[:runs]]
        assert not any(it.HasField("spec") for it in found)


def test_restarts_in_a_hurry_end_in_a_run(client: Client) -> None:
    """Runs are restarted while they are placed, launched and stopped: none of it is forgotten."""
    _, name = one(client)
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda _: client.restart_pod(name), range(200)):
            pass
    status = client.await_pod(
        name, lambda it: it.state == RUNNING and it.pod_id.value == it.desired_pod_id.value
    )
    assert 2 <= int(status.pod_id.value.rpartition("-")[2]) <= 201
    for _ in range(20):
        client.stop_pod(name)
        client.restart_pod(name)
    client.await_pod(name, lambda it: it.state == RUNNING and it.pod_id.value == it.desired_pod_id.value)


def test_a_restart_starts_a_stopped_pod(client: Client) -> None:
    _, name = one(client)
    client.stop_pod(name)
    client.await_run(name, 1, KILLED)
    client.restart_pod(name)
    client.await_run(name, 2, RUNNING)


def test_a_pod_event_tells_one_change(client: Client) -> None:
    _, name = one(client)
    events = client.events(name)
    states = [event.actual_state.removeprefix("POD_STATE_") for event in events]
    assert states[0] == "RUNNING"
    assert states[-1] == "INITIALIZED"
    order = ["INITIALIZED", "PENDING", "PLACED", "LAUNCHING", "LAUNCHED", "STARTING", "RUNNING"]
    assert sorted(states, key=order.index, reverse=True) == states
    times = [event.timestamp for event in events]
    assert times == sorted(times, reverse=True)
    first = events[0]
    assert first.pod_id.value == first.desired_pod_id.value == f"{name}-1"
    assert first.prev_pod_id.value == f"{name}-0"
    assert first.version.value == first.desired_version.value == "1-0-0"
    assert first.desired_state == "POD_STATE_RUNNING"
    assert first.hostname in {"sim-1", "sim-2"}
    assert first.healthy == "HEALTH_STATE_DISABLED"


def test_events_are_of_one_run(client: Client) -> None:
    _, name = one(client)
    client.restart_pod(name)
    client.await_run(name, 2, RUNNING)
    assert {event.pod_id.value for event in client.events(name)} == {f"{name}-2"}
    former = client.events(name, f"{name}-1")
    assert {event.pod_id.value for event in former} == {f"{name}-1"}
    assert former[0].actual_state == "POD_STATE_KILLED"
    assert former[0].healthy == "HEALTH_STATE_INVALID"
    assert former[0].desired_pod_id.value == f"{name}-2"
    assert client.events(name, f"{name}-3") == []


def test_a_failed_run_is_followed_by_another_after_a_pause(client: Client) -> None:
    labels = [label("simulate.run_s", "0.01"), label("simulate.exit_code", "7")]
    made = client.create(job(instance_count=1, default_spec=pod(container(name="main"), labels=labels)))
    name = f"{made.id}-0"
    status = client.await_pod(name, lambda pod: pod.pod_id.value == f"{name}-4")
    assert status.failure_count == 3
    previous = client.pod(name).previous
    assert [it.status.failure_count for it in previous[-3:]] == [3, 2, 1]
    for it in previous:
        assert it.status.state == pod_pb2.POD_STATE_FAILED
        assert it.status.containers_status[0].terminationStatus.exit_code == 7
        assert it.status.containers_status[0].state == pod_pb2.CONTAINER_STATE_FAILED
        assert "7" in it.status.message
    ended = [moment(client.events(name, f"{name}-{run}")[0].timestamp) for run in (1, 2, 3)]
    began = [moment(client.events(name, f"{name}-{run}")[-1].timestamp) for run in (2, 3, 4)]
    for end, begin, least_ms in zip(ended, began, (50, 100, 200), strict=True):  # doubled, up to the longest
        assert begin - end >= timedelta(milliseconds=least_ms)
    client.stop_pod(name)
    client.await_pod(name, lambda pod: pod.desired_state == KILLED)
    client.restart_pod(name)  # who asks for a run waits for no pause, but failures stay counted
    status = client.await_pod(name, lambda pod: pod.desired_state == RUNNING)
    assert status.failure_count >= 3


def test_a_pod_that_ends_well_runs_again_too(client: Client) -> None:
    made = client.create(job(instance_count=1, default_spec=pod(labels=[label("simulate.run_s", "0.01")])))
    name = f"{made.id}-0"
    client.await_pod(name, lambda pod: pod.pod_id.value == f"{name}-3")
    assert client.pod(name).previous[0].status.state == pod_pb2.POD_STATE_SUCCEEDED


def test_files_are_of_a_run_that_ran(client: Client) -> None:
    needs = pod_pb2.ResourceSpec(cpu_limit=100_000)
    made = client.create(job(instance_count=1, default_spec=pod(container(resource=needs))))
    request = pod_svc_pb2.BrowsePodSandboxRequest(pod_name=pod_name(f"{made.id}-0"))
    with refused(Code.ABORTED):
        client.pods.BrowsePodSandbox(request)
    request.pod_id.CopyFrom(pod_id(f"{made.id}-0-2"))
    with refused(Code.ABORTED):  # no such run has an event, so none that it ran
        client.pods.BrowsePodSandbox(request)


def moment(timestamp: str) -> datetime:
    """The time that a text of RFC 3339 tells."""
    return datetime.fromisoformat(timestamp)
