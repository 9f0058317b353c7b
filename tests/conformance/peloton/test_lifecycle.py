"""A job through its states: started, stopped, deleted; which call moves which number of its version."""

import pytest

from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from tests.conformance.peloton.client import Client, Code, entity, job_id, refused, watch_jobs
from tests.protocol.peloton.messages import container, job, label, pod

STALE = "unexpected entity version"
KILLED, RUNNING = stateless_pb2.JOB_STATE_KILLED, stateless_pb2.JOB_STATE_RUNNING


def ending(code: int, *, after_s: float = 0) -> pod_pb2.PodSpec:
    """A pod that ends by itself."""
    labels = [label("simulate.run_s", str(after_s)), label("simulate.exit_code", str(code))]
    return pod(container(), labels=labels)


@pytest.mark.parametrize(
    "version", ["", "1", "1-1", "1-1-2", "2-1-1", "1-1-1-1", "01-1-1", "x-y-z", "1-1-1 "]
)
def test_a_write_names_the_current_version(client: Client, version: str) -> None:
    made = client.run(job(instance_count=1))
    for write in (client.start, client.stop, client.delete):
        with refused(Code.ABORTED, STALE):
            write(made.id, version)
    with refused(Code.ABORTED, STALE):
        client.delete(made.id, version, force=True)
    assert client.get(made.id).status.version.value == made.version


@pytest.mark.parametrize(
    "job_", ["7a1f3c52-9d0e-4b7a-8c55-0e6f2a9b4d31", "7A1F3C52-9D0E-4B7A-8C55-0E6F2A9B4D31"]
)
def test_a_job_that_is_not_there_is_not_found(client: Client, job_: str) -> None:
    for write in (client.start, client.stop, client.delete):
        with refused(Code.NOT_FOUND):
            write(job_, "1-1-1")
    with refused(Code.NOT_FOUND):
        client.get(job_)
    with refused(Code.NOT_FOUND):
        next(client.jobs.ListPods(stateless_svc_pb2.ListPodsRequest(job_id=job_id(job_))))
    with refused(Code.NOT_FOUND):
        client.jobs.QueryPods(stateless_svc_pb2.QueryPodsRequest(job_id=job_id(job_)))


@pytest.mark.parametrize("text", ["", "x", "1-1-1", "0190aaaa-bbbb-7ccc-8ddd-eeeeffff00011"])
def test_a_job_id_is_a_uuid(client: Client, text: str) -> None:
    for write in (client.start, client.stop, client.delete):
        with refused(Code.INVALID_ARGUMENT, "job_id"):
            write(text, "1-1-1")
    with refused(Code.INVALID_ARGUMENT, "job_id"):
        client.get(text)


@pytest.mark.parametrize(
    ("version", "code"),
    [
        ("1", Code.INVALID_ARGUMENT),
        ("1-2", Code.INVALID_ARGUMENT),
        ("a-b-c", Code.INVALID_ARGUMENT),
        ("1-1-1-1", Code.INVALID_ARGUMENT),
        ("7-1-1", Code.NOT_FOUND),
        ("0-1-1", Code.NOT_FOUND),
    ],
)
def test_a_former_version_is_read_by_its_first_number(client: Client, version: str, code: Code) -> None:
    made = client.create(job(instance_count=1))
    with refused(code):
        client.read(made.id, version=entity(version))


def test_a_summary_is_read_alone(client: Client) -> None:
    made = client.create(job(instance_count=1, name="short"))
    answer = client.read(made.id, summary_only=True)
    assert answer.summary.name == "short"
    assert answer.summary.job_id.value == made.id
    assert not answer.HasField("job_info")
    assert not answer.HasField("workflow_info")


def test_only_goals_move_the_second_number(client: Client) -> None:
    made = client.run(job(instance_count=2))
    assert client.start(made.id, "1-1-1") == "1-2-1"  # also when it runs already
    client.stop_pod(f"{made.id}-0")
    client.await_pods(made.id, "KILLED", 1)
    client.start_pod(f"{made.id}-0")
    client.restart_pod(f"{made.id}-1")
    client.await_pods(made.id, "RUNNING", 2)
    assert client.get(made.id).status.version.value == "1-2-1"  # not by calls on pods
    assert client.stop(made.id, "1-2-1") == "1-3-1"
    client.await_state(made.id, KILLED)
    assert client.stop(made.id, "1-3-1") == "1-4-1"
    client.await_state(made.id, KILLED)
    assert client.get(made.id).status.pod_stats["POD_STATE_KILLED"] == 2


def test_a_stop_leaves_running_pods_none_and_a_start_gives_new_runs(client: Client) -> None:
    made = client.run(job())
    version = client.stop(made.id, made.version)
    info = client.await_state(made.id, KILLED)
    assert info.status.desired_state == KILLED
    assert dict(info.status.pod_stats) | {"POD_STATE_KILLED": 3} == dict(info.status.pod_stats)
    pod_ = client.pod(f"{made.id}-2").current.status
    assert pod_.state == pod_pb2.POD_STATE_KILLED
    assert pod_.reason == "KILLED_ON_REQUEST"
    assert pod_.completion_time
    client.start(made.id, version)
    info = client.await_pods(made.id, "RUNNING", 3)
    assert info.status.state == RUNNING
    assert client.pod(f"{made.id}-2").current.status.pod_id.value == f"{made.id}-2-2"


def test_a_start_does_not_touch_what_runs(client: Client) -> None:
    made = client.run(job())
    client.stop_pod(f"{made.id}-1")
    client.await_pods(made.id, "KILLED", 1)
    client.start(made.id, made.version)
    client.await_pods(made.id, "RUNNING", 3)
    runs = [client.pod(f"{made.id}-{number}").current.status.pod_id.value for number in range(3)]
    assert runs == [f"{made.id}-0-1", f"{made.id}-1-2", f"{made.id}-2-1"]


def test_a_job_is_deleted_when_killed_or_by_force(client: Client) -> None:
    made = client.run(job())
    with refused(Code.ABORTED):
        client.delete(made.id, made.version)
    version = client.stop(made.id, made.version)
    client.await_state(made.id, KILLED)
    client.delete(made.id, version)
    client.await_deleted(made.id)
    with refused(Code.NOT_FOUND):
        client.start(made.id, version)
    with refused(Code.NOT_FOUND):
        client.delete(made.id, version, force=True)
    with refused(Code.NOT_FOUND):
        client.pod(f"{made.id}-0")
    with refused(Code.NOT_FOUND):
        client.restart_pod(f"{made.id}-0")
    with refused(Code.NOT_FOUND):
        client.start_pod(f"{made.id}-0")
    assert client.events(f"{made.id}-0")  # what happened stays readable


@pytest.mark.parametrize("code", [0, 1])
def test_a_job_that_ended_by_itself_is_deleted_by_force_alone(client: Client, code: int) -> None:
    state = stateless_pb2.JOB_STATE_FAILED if code else stateless_pb2.JOB_STATE_SUCCEEDED
    made = client.create(job(instance_count=0 if code == 0 else 1, default_spec=ending(code)))
    if code == 0:
        client.await_state(made.id, state)
    with refused(Code.ABORTED):
        client.delete(made.id, made.version)
    client.delete(made.id, made.version, force=True)
    client.await_deleted(made.id)


def test_nothing_revives_a_job_that_is_being_deleted(client: Client) -> None:
    spec = job(instance_count=1, default_spec=pod(labels=[label("simulate.start_s", "0")]))
    made = client.run(spec)
    watch = client.watches.Watch(watch_jobs(made.id), timeout=60)
    next(watch)
    client.delete(made.id, made.version, force=True)
    for write in (client.start, client.stop):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - one of two codes, by how far it got
            write(made.id, "1-2-1")
        code = caught.value.code()  # type: ignore[attr-defined]
        assert code in {Code.INVALID_ARGUMENT, Code.NOT_FOUND}
    states = []
    for message in watch:
        states += [it.status.state for it in message.stateless_jobs]
        if states[-1:] == [stateless_pb2.JOB_STATE_DELETED]:
            break
    watch.cancel()
    assert states[-1] == stateless_pb2.JOB_STATE_DELETED
    assert states[0] == stateless_pb2.JOB_STATE_KILLING


def test_the_end_of_the_pods_is_the_state_of_the_job(client: Client) -> None:
    """Derived from counts; SUCCEEDED and FAILED are passed on the way to the next run."""
    for code, state in ((0, stateless_pb2.JOB_STATE_SUCCEEDED), (3, stateless_pb2.JOB_STATE_FAILED)):
        watch = client.watches.Watch(watch_jobs(labels=[label("code", str(code))]), timeout=60)
        next(watch)
        made = client.create(
            job(instance_count=2, labels=[label("code", str(code))], default_spec=ending(code))
        )
        for message in watch:
            if any(it.status.state == state for it in message.stateless_jobs):
                break
        watch.cancel()
        client.delete(made.id, client.get(made.id).status.version.value, force=True)


def test_pods_stopped_one_by_one_leave_the_goal_of_the_job(client: Client) -> None:
    made = client.run(job(instance_count=2))
    client.stop_pod(f"{made.id}-0")
    client.stop_pod(f"{made.id}-1")
    info = client.await_state(made.id, KILLED)
    assert info.status.desired_state == RUNNING
    assert info.status.version.value == "1-1-1"


def test_the_revision_of_a_status_only_grows(client: Client) -> None:
    made = client.create(job(instance_count=5))
    watch = client.watches.Watch(watch_jobs(made.id, start=1), timeout=60)
    next(watch)
    seen: list[int] = []
    for message in watch:
        seen += [summary.status.revision.version for summary in message.stateless_jobs]
        if message.stateless_jobs and message.stateless_jobs[0].status.pod_stats["POD_STATE_RUNNING"] == 5:
            break
    watch.cancel()
    assert seen == sorted(set(seen))


def test_a_status_counts_pods_by_configuration(client: Client) -> None:
    made = client.run(job())
    status = client.get(made.id).status
    assert dict(status.pod_configuration_version_stats) == {"1-0-0": 3}
    assert dict(status.pod_stats_by_configuration_version["1-0-0"].state_stats) == {"POD_STATE_RUNNING": 3}
    assert status.creation_time.endswith("Z")
    assert status.workflow_status.state == stateless_pb2.WORKFLOW_STATE_SUCCEEDED


def test_a_job_is_stopped_and_deleted_while_it_is_made(client: Client) -> None:
    slow = pod(container(), labels=[label("simulate.start_s", "0.01")])
    spec = job(instance_count=30, default_spec=slow)
    made = client.create(spec, create_spec=stateless_pb2.CreateSpec(batch_size=4))
    version = client.stop(made.id, made.version)
    info = client.await_state(made.id, KILLED)
    assert info.status.pod_stats["POD_STATE_RUNNING"] == 0
    version = client.start(made.id, version)
    client.await_pods(made.id, "RUNNING", 30)
    client.delete(made.id, version, force=True)
    client.await_deleted(made.id)
    for batch in (0, 1):
        made = client.create(
            job(instance_count=700, default_spec=slow), create_spec=stateless_pb2.CreateSpec(batch_size=batch)
        )
        client.delete(made.id, made.version, force=True)
        client.await_deleted(made.id)
        assert client.events(f"{made.id}-0")[0].pod_id.value == f"{made.id}-0-1"


def test_a_pod_is_stopped_after_the_start_of_its_job_that_was_answered_before(client: Client) -> None:
    """What a job was asked reaches its pods before what the pods are asked later."""
    count = 60
    made = client.run(job(instance_count=count))
    client.stop(made.id, made.version)
    version = client.await_state(made.id, KILLED).status.version.value
    client.start(made.id, version)
    last = f"{made.id}-{count - 1}"
    client.stop_pod(last)
    assert client.pod(last).current.status.desired_state == pod_pb2.POD_STATE_KILLED
    client.await_pods(made.id, "RUNNING", count - 1)
    assert client.pod(last).current.status.desired_state == pod_pb2.POD_STATE_KILLED
