"""The server ends, by order or by accident, and comes back: nothing is lost, nothing runs twice."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protocol.pb.peloton.api.v1alpha.host import host_pb2
from protocol.pb.peloton.api.v1alpha.host.svc import host_svc_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from tests.actors.effects.engines.ear import gone
from tests.conformance.peloton.client import Client, Code, entity, job_id, refused, watch_jobs, watch_pods
from tests.conformance.peloton.server import PROCESSES, QUICK, SIMULATED, Server, host, hosts
from tests.conformance.peloton.test_processes import first_line, is_running
from tests.protocol.peloton.messages import container, job, pod

RUNNING = pod_pb2.POD_STATE_RUNNING
LINE = "echo $$; exec sleep 200"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, PROCESSES + QUICK, keeps=True)
    server.start()
    yield server
    server.close()
    assert "Traceback" not in server.said()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Server]:
    """A server of simulated hosts, over a directory."""
    server = Server(tmp_path, SIMULATED + QUICK, keeps=True)
    server.start()
    yield server
    server.close()
    assert "Traceback" not in server.said()


def crash(server: Server) -> None:
    server.kill()


def drain(server: Server) -> None:
    assert server.terminate() == (0, b"")


@pytest.mark.parametrize("end", [drain, crash])
def test_processes_outlive_the_server_and_are_taken_over(
    server: Server, end: Callable[[Server], None]
) -> None:
    client = Client(server.grpc)
    made = client.run(job(default_spec=pod(container(LINE, name="main"), kill_grace_period_seconds=5)))
    names = [f"{made.id}-{number}" for number in range(3)]
    numbers = [int(first_line(server, name, "logs/main/stdout")) for name in names]
    before = [client.pod(name).current for name in names]
    last = last_running(client, 3)
    for round_ in range(2):
        end(server)
        assert all(is_running(number) for number in numbers[round_:])
        if round_ == 1:
            os.kill(numbers[0], signal.SIGKILL)  # nobody is there to see it
        server.start()
        client = Client(server.grpc)
        if round_ == 0:
            assert [client.pod(name).current for name in names] == before
    status = client.await_run(names[0], 2, RUNNING)
    assert status.failure_count == 1
    missed = client.pod(names[0]).previous[0].status
    assert missed.state == pod_pb2.POD_STATE_FAILED
    assert missed.containers_status[0].terminationStatus.signal == "SIGKILL"
    for name, number in zip(names[1:], numbers[1:], strict=True):
        assert int(first_line(server, name, "logs/main/stdout")) == number
        assert client.pod(name).current.status.pod_id.value == f"{name}-1"
        assert is_running(number)
    # a watch goes on where it was, over the restart
    watch = client.watches.Watch(watch_pods(start=last + 1), timeout=60)
    next(watch)
    told = [it.pod_name.value for it in next(watch).pods]
    watch.cancel()
    assert told == [names[0]]
    client.stop(made.id, made.version)
    client.await_state(made.id, stateless_pb2.JOB_STATE_KILLED)
    assert not any(is_running(number) for number in numbers)
    client.delete(made.id, client.get(made.id).status.version.value)
    client.await_deleted(made.id)


@pytest.mark.parametrize("end", [drain, crash])
def test_a_server_that_keeps_nothing_takes_its_pods_along(
    tmp_path: Path, end: Callable[[Server], None]
) -> None:
    """However it ends: nobody could reach them any more."""
    server = Server(tmp_path, PROCESSES + QUICK)
    server.start()
    client = Client(server.grpc)
    made = client.run(job(default_spec=pod(container(LINE, name="main"))))
    numbers = [int(first_line(server, f"{made.id}-{number}", "logs/main/stdout")) for number in range(3)]
    end(server)
    for number in numbers:
        asyncio.run(gone(number))


def last_running(client: Client, count: int) -> int:
    """The revision at which the last of so many pods began to run."""
    running: set[str] = set()
    watch = client.watches.Watch(watch_pods(start=1), timeout=60)
    for message in watch:
        running.update(it.pod_name.value for it in message.pods if it.status.state == RUNNING)
        if len(running) == count:
            watch.cancel()
            return message.revision
    raise AssertionError("the watch ended")


@pytest.mark.parametrize("end", [drain, crash])
def test_everything_told_is_told_again(kept: Server, end: Callable[[Server], None]) -> None:
    client = Client(kept.grpc)
    made = client.run(job(name="kept"))
    client.stop_pod(f"{made.id}-1")
    client.await_pods(made.id, "KILLED", 1)
    gone = client.create(job(name="kept", instance_count=1))
    client.delete(gone.id, gone.version, force=True)
    client.await_deleted(gone.id)
    renamed = client.create(job(name="kept", instance_count=0))
    other = svc.ReplaceJobRequest(
        job_id=job_id(renamed.id), version=entity(renamed.version), spec=job(name="other", instance_count=0)
    )
    client.jobs.ReplaceJob(other)

    def everything() -> list[object]:
        client = Client(kept.grpc)
        by_name = svc.GetJobIDFromJobNameRequest(job_name="kept")
        return [
            client.read(made.id),
            [client.pod(f"{made.id}-{number}") for number in range(3)],
            client.events(f"{made.id}-1"),
            client.events(f"{gone.id}-0"),
            client.jobs.GetJobIDFromJobName(by_name),
            client.jobs.QueryJobs(svc.QueryJobsRequest()),
            [*client.jobs.ListPods(svc.ListPodsRequest(job_id=job_id(made.id)))],
        ]

    before = everything()
    assert len(client.jobs.GetJobIDFromJobName(svc.GetJobIDFromJobNameRequest(job_name="kept")).job_id) == 3
    end(kept)
    kept.start()
    assert everything() == before
    end(kept)
    (Path(kept.data) / "views.sqlite").write_bytes(b"this can be made again")
    kept.start()
    assert everything() == before


def test_a_watch_ends_with_the_server_and_goes_on_with_the_next(kept: Server) -> None:
    client = Client(kept.grpc)
    watch = client.watches.Watch(watch_jobs(), timeout=60)
    next(watch)
    made = client.run(job(instance_count=1))
    last = next(watch).revision
    drain(kept)
    with refused(Code.UNAVAILABLE):
        for message in watch:
            last = message.revision
    kept.start()
    client = Client(kept.grpc)
    assert kept.revision >= last
    watch = client.watches.Watch(watch_jobs(start=last + 1), timeout=60)
    next(watch)
    client.stop(made.id, made.version)
    assert next(watch).revision > last
    watch.cancel()


def test_a_job_half_made_is_made_whole_after_a_crash(kept: Server) -> None:
    client = Client(kept.grpc)
    made = client.create(job(instance_count=200), create_spec=stateless_pb2.CreateSpec(batch_size=10))
    kept.kill()
    kept.start()
    client = Client(kept.grpc)
    client.await_pods(made.id, "RUNNING", 200)
    version = client.stop(made.id, made.version)
    kept.kill()
    kept.start()
    client = Client(kept.grpc)
    client.await_state(made.id, stateless_pb2.JOB_STATE_KILLED)
    client.delete(made.id, version)
    kept.kill()
    kept.start()
    Client(kept.grpc).await_deleted(made.id)


def test_a_host_that_is_declared_no_more_takes_no_pods(kept: Server) -> None:
    client = Client(kept.grpc)
    client.run(job(instance_count=2))
    kept.terminate()
    kept.configuration.write_text(hosts(host("sim-2")) + QUICK)
    kept.start()
    client = Client(kept.grpc)
    up = host_svc_pb2.QueryHostsRequest(host_states=[host_pb2.HOST_STATE_UP])
    assert [it.hostname for it in client.hosts.QueryHosts(up).host_infos] == ["sim-2"]
    made = client.run(job())
    places = {client.pod(f"{made.id}-{number}").current.status.host for number in range(3)}
    assert places == {"sim-2"}
