"""Calls that carry a key: once done, however often they are sent."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message

from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as jobs_svc
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2 as pods_svc
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2
from tests.conformance.peloton.client import (
    Client,
    Code,
    entity,
    job_id,
    pod_id,
    pod_name,
    refused,
    unique,
    watch_jobs,
)
from tests.conformance.peloton.server import QUICK, SIMULATED, Server
from tests.protocol.peloton.messages import job

READING = ("Get", "List", "Query", "Refresh", "Browse")
RUNNING, KILLED = pod_pb2.POD_STATE_RUNNING, pod_pb2.POD_STATE_KILLED
Send = Callable[[Client, str], Message]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a directory, which tests of this module start again."""
    server = Server(tmp_path_factory.mktemp("kept"), SIMULATED + QUICK, keeps=True)
    server.start()
    yield server
    server.close()


def keyed(key: str) -> tuple[tuple[str, str], ...]:
    return (("idempotency-key", key),)


def send_create(spec: stateless_pb2.JobSpec) -> Send:
    request = jobs_svc.CreateJobRequest(spec=spec)
    return lambda client, key: client.jobs.CreateJob(request, metadata=keyed(key), timeout=60)


def head(client: Client) -> int:
    """The current revision."""
    watch = client.watches.Watch(watch_jobs(), timeout=60)
    revision: int = next(watch).revision
    watch.cancel()
    return revision


def mutations(client: Client) -> dict[str, Send]:
    """Every call that changes something, ready to be sent; each would be refused or act the second time."""
    first, second, third, fourth, fifth, sixth, seventh, eighth, ninth = (
        client.run(job(instance_count=2)) for _ in range(9)
    )
    start = jobs_svc.StartJobRequest(job_id=job_id(first.id), version=entity("1-1-1"))
    stop = jobs_svc.StopJobRequest(job_id=job_id(second.id), version=entity("1-1-1"))
    delete = jobs_svc.DeleteJobRequest(job_id=job_id(third.id), version=entity("1-1-1"), force=True)
    fewer = job(instance_count=1)
    replace = jobs_svc.ReplaceJobRequest(job_id=job_id(fourth.id), version=entity("1-1-1"), spec=fewer)
    patched = stateless_pb2.JobSpec(owner="bob")
    patch = jobs_svc.PatchJobRequest(job_id=job_id(fifth.id), version=entity("1-1-1"), spec=patched)
    restart = jobs_svc.RestartJobRequest(job_id=job_id(sixth.id), version=entity("1-1-1"))
    pause = jobs_svc.PauseJobWorkflowRequest(job_id=job_id(seventh.id), version=entity("1-1-1"))
    resume = jobs_svc.ResumeJobWorkflowRequest(job_id=job_id(eighth.id), version=entity("1-1-1"))
    abort = jobs_svc.AbortJobWorkflowRequest(job_id=job_id(ninth.id), version=entity("1-1-1"))
    forget = pods_svc.DeletePodEventsRequest(
        pod_name=pod_name(f"{seventh.id}-0"), pod_id=pod_id(f"{seventh.id}-0-1")
    )
    restart_pod = pods_svc.RestartPodRequest(pod_name=pod_name(f"{first.id}-0"), check_sla=True)
    stop_pod = pods_svc.StopPodRequest(pod_name=pod_name(f"{first.id}-1"))
    killed = client.run(job(instance_count=1))
    client.stop_pod(f"{killed.id}-0")
    client.await_run(f"{killed.id}-0", 1, KILLED)
    start_pod = pods_svc.StartPodRequest(pod_name=pod_name(f"{killed.id}-0"))
    return {
        "CreateJob": send_create(job(name=unique())),
        "StartJob": lambda it, key: it.jobs.StartJob(start, metadata=keyed(key), timeout=60),
        "StopJob": lambda it, key: it.jobs.StopJob(stop, metadata=keyed(key), timeout=60),
        "DeleteJob": lambda it, key: it.jobs.DeleteJob(delete, metadata=keyed(key), timeout=60),
        "ReplaceJob": lambda it, key: it.jobs.ReplaceJob(replace, metadata=keyed(key), timeout=60),
        "PatchJob": lambda it, key: it.jobs.PatchJob(patch, metadata=keyed(key), timeout=60),
        "RestartJob": lambda it, key: it.jobs.RestartJob(restart, metadata=keyed(key), timeout=60),
        "PauseJobWorkflow": lambda it, key: it.jobs.PauseJobWorkflow(pause, metadata=keyed(key), timeout=60),
        "ResumeJobWorkflow": lambda it, key: it.jobs.ResumeJobWorkflow(
            resume, metadata=keyed(key), timeout=60
        ),
        "AbortJobWorkflow": lambda it, key: it.jobs.AbortJobWorkflow(abort, metadata=keyed(key), timeout=60),
        "DeletePodEvents": lambda it, key: it.pods.DeletePodEvents(forget, metadata=keyed(key), timeout=60),
        "RestartPod": lambda it, key: it.pods.RestartPod(restart_pod, metadata=keyed(key), timeout=60),
        "StopPod": lambda it, key: it.pods.StopPod(stop_pod, metadata=keyed(key), timeout=60),
        "StartPod": lambda it, key: it.pods.StartPod(start_pod, metadata=keyed(key), timeout=60),
    }


def methods() -> set[str]:
    """Every method of jobs and pods that changes something."""
    services = (
        jobs_svc.DESCRIPTOR.services_by_name["JobService"],
        pods_svc.DESCRIPTOR.services_by_name["PodService"],
    )
    names = {name for service in services for name in service.methods_by_name}
    return {name for name in names if not name.startswith(READING)}


def test_a_call_with_a_key_is_done_once_whatever_came_later(client: Client) -> None:
    """Neither a contradicting change nor the end of what it was about makes of a repeat another answer."""
    calls = mutations(client)
    assert calls.keys() == methods()
    keys = {name: unique(name) for name in calls}
    answers = {name: send(client, keys[name]) for name, send in calls.items()}
    for listed in client.jobs.ListJobs(jobs_svc.ListJobsRequest(), timeout=60):
        (summary,) = listed.jobs
        bounded = job(instance_count=1, sla=stateless_pb2.SlaSpec(maximum_unavailable_instances=1))
        request = jobs_svc.ReplaceJobRequest(
            job_id=summary.job_id, version=summary.status.version, spec=bounded
        )
        with suppress(grpc.RpcError):  # some are on their way out, or are being restarted
            client.jobs.ReplaceJob(request, timeout=60)
    assert {name: send(client, keys[name]) for name, send in calls.items()} == answers
    for listed in client.jobs.ListJobs(jobs_svc.ListJobsRequest(), timeout=60):
        (summary,) = listed.jobs
        with suppress(grpc.RpcError):  # some are gone already
            client.delete(summary.job_id.value, summary.status.version.value, force=True)
            client.await_deleted(summary.job_id.value)
    assert {name: send(client, keys[name]) for name, send in calls.items()} == answers


def test_a_call_with_a_key_is_done_once_also_after_the_end_of_the_server(kept: Server) -> None:
    client = Client(kept.grpc)
    calls = mutations(client)
    keys = {name: unique(name) for name in calls}
    answers = {name: send(client, keys[name]) for name, send in calls.items()}
    assert {name: send(client, keys[name]) for name, send in calls.items()} == answers
    name = client.get(answers["CreateJob"].job_id.value).spec.name  # type: ignore[attr-defined]
    client.channel.close()
    for end in (kept.terminate, kept.kill):
        end()
        kept.start()
        client = Client(kept.grpc)
        assert {name: send(client, keys[name]) for name, send in calls.items()} == answers
        ids = client.jobs.GetJobIDFromJobName(jobs_svc.GetJobIDFromJobNameRequest(job_name=name)).job_id
        assert len(ids) == 1
        client.channel.close()


def test_a_repeat_is_answered_whatever_the_settings_say_now(tmp_path: Path) -> None:
    server = Server(tmp_path, SIMULATED, keeps=True)
    server.start()
    try:
        client, key, other = Client(server.grpc), unique(), unique()
        create = send_create(job(instance_count=3))
        made = create(client, key)
        replace = jobs_svc.ReplaceJobRequest(
            job_id=made.job_id,  # type: ignore[attr-defined]
            version=entity("1-1-1"),
            spec=job(instance_count=4),
        )
        replaced = client.jobs.ReplaceJob(replace, metadata=keyed(other), timeout=60)
        server.kill()
        server.configuration.write_text(f"{SIMULATED}[limits]\ninstances_per_job = 2\n")
        server.start()
        client = Client(server.grpc)
        assert create(client, key) == made
        assert client.jobs.ReplaceJob(replace, metadata=keyed(other), timeout=60) == replaced
        with refused(Code.INVALID_ARGUMENT):
            create(client, unique())
    finally:
        server.close()
    assert "Traceback" not in server.said(), server.said()


def test_what_was_done_once_shows_once(client: Client) -> None:
    made = client.run(job(instance_count=1))
    restart = pods_svc.RestartPodRequest(pod_name=pod_name(f"{made.id}-0"))
    key = unique()
    for _ in range(3):
        client.pods.RestartPod(restart, metadata=keyed(key))
        client.await_run(f"{made.id}-0", 2, RUNNING)
    stop = jobs_svc.StopJobRequest(job_id=job_id(made.id), version=entity("1-1-1"))
    key = unique()
    versions = {client.jobs.StopJob(stop, metadata=keyed(key)).version.value for _ in range(3)}
    assert versions == {"1-2-1"}


def test_a_key_of_another_request_is_refused_and_does_nothing(client: Client) -> None:
    key, name = unique(), unique()
    send_create(job(name=name, instance_count=1))(client, key)
    for other in (job(name=name, instance_count=2), job(name=unique("other"))):
        with refused(Code.ALREADY_EXISTS):
            send_create(other)(client, key)
    assert (
        len(client.jobs.GetJobIDFromJobName(jobs_svc.GetJobIDFromJobNameRequest(job_name=name)).job_id) == 1
    )
    made = client.run(job(instance_count=1))
    with refused(Code.ALREADY_EXISTS):  # of another method too
        client.pods.StopPod(pods_svc.StopPodRequest(pod_name=pod_name(f"{made.id}-0")), metadata=keyed(key))
    assert client.pod(f"{made.id}-0").current.status.desired_state == RUNNING


def test_the_order_of_a_map_is_no_difference(client: Client) -> None:
    key = unique()
    one = job(instance_count=3)
    for number in (0, 1, 2):
        one.instance_spec[number].kill_grace_period_seconds = number + 1
    other = job(instance_count=3)
    for number in (2, 1, 0):
        other.instance_spec[number].kill_grace_period_seconds = number + 1
    assert send_create(one)(client, key) == send_create(other)(client, key)


def test_a_failed_attempt_binds_nothing(client: Client) -> None:
    key = unique()
    made = client.run(job(instance_count=1))
    wrong = jobs_svc.StopJobRequest(job_id=job_id(made.id), version=entity("9-9-9"))
    with refused(Code.ABORTED):
        client.jobs.StopJob(wrong, metadata=keyed(key))
    with refused(Code.INVALID_ARGUMENT):
        send_create(job(default_spec=None))(client, key)
    with refused(Code.NOT_FOUND):
        nobody = jobs_svc.StopJobRequest(job_id=job_id(str(uuid.uuid4())), version=entity("1-1-1"))
        client.jobs.StopJob(nobody, metadata=keyed(key))
    with refused(Code.NOT_FOUND):
        unknown = jobs_svc.PatchJobRequest(job_id=job_id(str(uuid.uuid4())), version=entity("1-1-1"))
        client.jobs.PatchJob(unknown, metadata=keyed(key))
    right = jobs_svc.StopJobRequest(job_id=job_id(made.id), version=entity("1-1-1"))
    for _ in range(2):
        assert client.jobs.StopJob(right, metadata=keyed(key), timeout=60).version.value == "1-2-1"
    with refused(Code.ALREADY_EXISTS):
        client.jobs.StopJob(wrong, metadata=keyed(key))


def test_a_call_that_changes_nothing_is_remembered_too(client: Client) -> None:
    key = unique()
    made = client.run(job(instance_count=1))
    stop = pods_svc.StopPodRequest(pod_name=pod_name(f"{made.id}-0"))
    client.stop_pod(f"{made.id}-0")
    client.await_run(f"{made.id}-0", 1, KILLED)
    client.pods.StopPod(stop, metadata=keyed(key))  # is stopped already
    client.start_pod(f"{made.id}-0")
    client.await_run(f"{made.id}-0", 2, RUNNING)
    client.pods.StopPod(stop, metadata=keyed(key))  # answered, not done
    assert client.pod(f"{made.id}-0").current.status.desired_state == RUNNING


def test_calls_at_once_with_a_key_are_one_call(client: Client) -> None:
    name, key = unique(), unique()
    send = send_create(job(name=name))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: send(client, key), range(64)))
    assert all(answer == answers[0] for answer in answers)
    assert (
        len(client.jobs.GetJobIDFromJobName(jobs_svc.GetJobIDFromJobNameRequest(job_name=name)).job_id) == 1
    )


def test_a_key_counts_for_all_connections(simulated: Server, client: Client) -> None:
    key, send = unique(), send_create(job())
    other = Client(simulated.grpc)
    assert send(client, key) == send(other, key)
    other.channel.close()


@pytest.mark.parametrize("key", ["", "with space", "x" * 256])
def test_a_bad_key_is_refused(client: Client, key: str) -> None:
    with refused(Code.INVALID_ARGUMENT, "idempotency-key"):
        send_create(job())(client, key)


def test_two_keys_are_refused(client: Client) -> None:
    with refused(Code.INVALID_ARGUMENT, "idempotency-key"):
        client.jobs.CreateJob(jobs_svc.CreateJobRequest(spec=job()), metadata=(*keyed("one"), *keyed("two")))


def test_a_key_means_nothing_to_readers(client: Client) -> None:
    key = unique()
    send_create(job())(client, key)
    before = head(client)
    client.jobs.QueryJobs(jobs_svc.QueryJobsRequest(), metadata=keyed(key))
    watch = client.watches.Watch(watch_jobs(), metadata=keyed(key), timeout=60)
    cancel = watch_svc_pb2.CancelRequest(watch_id=next(watch).watch_id)
    client.watches.Cancel(cancel, metadata=keyed(key))
    assert head(client) >= before
