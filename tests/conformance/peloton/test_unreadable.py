"""An event becomes unreadable while the server runs: its entity is out of service, and nothing else is.

1. Somebody writes in the journal behind the server's back. The server reads a stream again when a
   commit has failed, which a full disk makes happen (skipped where none can be had).
2. What is known of the entity is still told; its commands, and its past, are refused by revision.
3. At start nothing can be known of an unreadable journal: exit code 2 names the topic.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2
from tests.conformance.peloton.client import Client, Code, Made, pod_name, refused, watch_jobs, watch_pods
from tests.conformance.peloton.disks import filled, small_disk
from tests.conformance.peloton.server import QUICK, SIMULATED, Server
from tests.conformance.peloton.test_idempotency import send_create
from tests.protocol.peloton.messages import job

BAD = "job.invented:7"


@dataclass(frozen=True, slots=True)
class Damaged:
    """A server with a job whose first event cannot be read any more, and another job."""

    server: Server
    client: Client
    bad: Made
    good: Made
    revision: int
    topic: str

    def write(self, topic: str) -> None:
        """Let the event be of a topic."""
        with sqlite3.connect(Path(self.server.data) / "journal.sqlite") as database:
            change = "UPDATE stored_events SET topic = ? WHERE notification_id = ?"
            assert database.execute(change, (topic, self.revision)).rowcount == 1
        database.close()


def first_event(server: Server, stream: str) -> tuple[int, str]:
    """Revision and topic of the first event of a stream."""
    database = sqlite3.connect(Path(server.data) / "journal.sqlite")
    query = (
        "SELECT notification_id, topic FROM stored_events WHERE originator_id = ? AND originator_version = 1"
    )
    found: tuple[int, str] = database.execute(query, (stream,)).fetchone()
    database.close()
    return found


@pytest.fixture
def damaged(tmp_path: Path) -> Iterator[Damaged]:
    with small_disk(tmp_path / "disk", mb=8) as disk:
        server = Server(tmp_path, SIMULATED + QUICK, keeps=True)
        server.data = str(disk / "data")
        server.start()
        client = Client(server.grpc)
        good = client.run(job(name="good", instance_count=2))
        bad = client.run(job(name="bad", instance_count=2))
        revision, topic = first_event(server, f"job/{bad.id}")
        server.terminate()
        server.start()  # this one remembers nothing of what was told
        client = Client(server.grpc)
        made = Damaged(server, client, bad, good, revision, topic)
        made.write(BAD)
        long = job(name="bad", instance_count=2, description="x" * 40_000)
        with filled(disk), refused(Code.UNAVAILABLE):
            replace(client, bad, long)
        yield made
        server.close()


def replace(client: Client, made: Made, spec: stateless_pb2.JobSpec) -> svc.ReplaceJobResponse:
    request = svc.ReplaceJobRequest(spec=spec)
    request.job_id.value, request.version.value = made.id, made.version
    return client.jobs.ReplaceJob(request, timeout=60)


def test_only_the_commands_of_its_entity_are_refused(damaged: Damaged) -> None:
    client, bad, good = damaged.client, damaged.bad, damaged.good
    for _ in range(3):
        with refused(
            Code.UNAVAILABLE, f"job/{bad.id} is out of service", BAD, f"revision {damaged.revision}"
        ):
            client.stop(bad.id, bad.version)
    assert client.get(bad.id).spec.name == "bad"
    found = client.jobs.QueryJobs(svc.QueryJobsRequest(), timeout=60).records
    assert sorted(record.name for record in found) == ["bad", "good"]
    client.stop_pod(f"{bad.id}-0")
    client.await_run(f"{bad.id}-0", 1, pod_pb2.POD_STATE_KILLED)
    version = client.stop(good.id, good.version)
    client.await_pods(good.id, "KILLED", 2)
    client.delete(good.id, version)
    client.run(job(name="new"))
    assert damaged.server.get("/healthz")[0] == 200
    assert damaged.server.said().count("stream_unreadable") == 1


def test_a_key_whose_answer_cannot_be_read_makes_nothing_anew(damaged: Damaged) -> None:
    send = send_create(job(name="keyed"))
    first = send(damaged.client, "a-key")
    database = sqlite3.connect(Path(damaged.server.data) / "journal.sqlite")
    with database:
        change = "UPDATE stored_events SET topic = ? WHERE originator_id LIKE 'receipt/%'"
        (topic,) = database.execute(
            "SELECT topic FROM stored_events WHERE originator_id LIKE 'receipt/%'"
        ).fetchone()
        assert database.execute(change, (BAD,)).rowcount == 1
    with refused(Code.UNAVAILABLE, "idempotency key", BAD):
        send(damaged.client, "a-key")
    with database:
        database.execute(change, (topic,))
    database.close()
    assert send(damaged.client, "a-key") == first


def test_it_is_back_when_it_can_be_read(damaged: Damaged) -> None:
    client, bad = damaged.client, damaged.bad
    with refused(Code.UNAVAILABLE, BAD):
        client.stop(bad.id, bad.version)
    damaged.write(damaged.topic)
    client.stop(bad.id, bad.version)
    client.await_pods(bad.id, "KILLED", 2)
    assert damaged.server.said().count("stream_readable_again") == 1


def test_the_past_is_told_of_everybody_else(damaged: Damaged) -> None:
    client, bad, good = damaged.client, damaged.bad, damaged.good
    pods = client.watches.Watch(watch_pods(start=1), timeout=60)
    seen = [next(pods) for _ in range(8)]
    assert any(message.pods for message in seen)
    pods.cancel()
    only_good = client.watches.Watch(watch_jobs(good.id, start=1), timeout=60)
    assert [next(only_good) for _ in range(2)][1].stateless_jobs[0].name == "good"
    only_good.cancel()
    told: list[str] = []
    with refused(Code.UNAVAILABLE, f"revision {damaged.revision}", BAD):
        for message in client.watches.Watch(watch_jobs(start=1), timeout=60):
            told += [summary.name for summary in message.stateless_jobs]
    assert set(told) == {"good"}  # all that was before
    client.pods.GetPodEvents(pod_svc_pb2.GetPodEventsRequest(pod_name=pod_name(f"{bad.id}-0")), timeout=60)
    assert "made a mistake" not in damaged.server.said()


def test_the_next_server_says_what_it_cannot_read(damaged: Damaged) -> None:
    damaged.server.terminate()
    code, stdout, stderr = damaged.server.fail()
    assert (code, stdout, len(stderr.splitlines())) == (2, b"", 1), stderr
    assert BAD in stderr
    assert f"revision {damaged.revision}" in stderr
    damaged.write(damaged.topic)
    damaged.server.start()
    assert Client(damaged.server.grpc).get(damaged.bad.id).spec.name == "bad"
