"""Kill -9 of the server under load: what was acknowledged is there, once, and what was not can be repeated.

1. Submitters go on until their server is gone, so that the kill falls between any two instructions.
2. Only an answer counts as an acknowledgement. A submission without one may have been done or not;
   with a key it is repeated, and then it has been done once.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Semaphore

import grpc
import pytest

from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from tests.conformance.peloton.client import Client, Code
from tests.conformance.peloton.server import QUICK, SIMULATED, WAIT_S, Server
from tests.conformance.peloton.test_idempotency import send_create
from tests.protocol.peloton.messages import job

SUBMITTERS = 6
ROUNDS = 3
ACKNOWLEDGED = 120
"""Acknowledgements of one round before the server is killed."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, SIMULATED + QUICK, keeps=True)
    server.start()
    yield server
    server.close()
    assert "Traceback" not in server.said()


@dataclass(slots=True)
class Submissions:
    """What one submitter has asked for, and what it was told."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    """Ids of jobs by name."""
    unanswered: list[str] = field(default_factory=list)
    """Names of jobs that may be there or not."""


def key_of(name: str) -> str:
    """The key under which a job is submitted, if with any: every second one is."""
    return f"key-{name}" if name.endswith(("0", "2", "4", "6", "8")) else ""


def submit(client: Client, name: str) -> str:
    """Submit a job; answers its id."""
    spec = job(name=name, instance_count=1)
    if not (key := key_of(name)):
        return client.create(spec).id
    answer = send_create(spec)(client, key)
    assert isinstance(answer, svc.CreateJobResponse)
    return answer.job_id.value


def go_on(client: Client, names: Iterator[str], told: Submissions, progress: Semaphore) -> None:
    """Submit one job after another until there is no answer."""
    for name in names:
        try:
            told.acknowledged[name] = submit(client, name)
        except grpc.RpcError as error:
            told.unanswered.append(name)
            assert error.code() is Code.UNAVAILABLE, error  # noqa: PT017 - what else may come is the test
            return
        finally:
            progress.release()


def numbered(prefix: str) -> Iterator[str]:
    number = 0
    while True:
        yield f"{prefix}-{number}"
        number += 1


def all_jobs(client: Client) -> list[tuple[str, str]]:
    """Name and id of every job there is."""
    return [
        (summary.name, summary.job_id.value)
        for message in client.jobs.ListJobs(svc.ListJobsRequest(), timeout=WAIT_S)
        for summary in message.jobs
    ]


def storm(server: Server, round_: int) -> list[Submissions]:
    """Submit from all sides and kill the server in the middle of it."""
    told = [Submissions() for _ in range(SUBMITTERS)]
    progress = Semaphore(0)
    clients = [Client(server.grpc, ("grpc.enable_retries", 0)) for _ in told]
    with ThreadPoolExecutor(SUBMITTERS) as pool:
        running = [
            pool.submit(go_on, client, numbered(f"{round_}-{each}"), submissions, progress)
            for each, (client, submissions) in enumerate(zip(clients, told, strict=True))
        ]
        for _ in range(ACKNOWLEDGED):
            assert progress.acquire(timeout=WAIT_S)
        server.kill()
        for each in running:
            each.result(WAIT_S)
    return told


def test_nothing_acknowledged_is_lost_and_nothing_is_done_twice(server: Server) -> None:
    acknowledged: dict[str, str] = {}
    without_key: set[str] = set()
    for round_ in range(ROUNDS):
        told = storm(server, round_)
        server.start()
        client = Client(server.grpc)
        for submissions in told:
            acknowledged |= submissions.acknowledged
            without_key |= {name for name in submissions.unanswered if not key_of(name)}
            acknowledged |= {name: submit(client, name) for name in submissions.unanswered if key_of(name)}
        assert [submit(client, name) for name in acknowledged if key_of(name)] == [
            made for name, made in acknowledged.items() if key_of(name)
        ]
        found = all_jobs(client)
        counts = Counter(name for name, _ in found)
        assert set(acknowledged.items()) <= set(found)
        assert {name: counts[name] for name in acknowledged} == dict.fromkeys(acknowledged, 1)
        assert set(counts) <= acknowledged.keys() | without_key
        assert max(counts.values()) == 1
    client = Client(server.grpc)
    for made in acknowledged.values():
        assert client.get(made).spec.instance_count == 1


def test_every_job_that_was_cut_off_comes_up(server: Server) -> None:
    """Whatever stage a job had reached when the server was killed, its pods run in the end."""
    made = {name: id_ for told in storm(server, 0) for name, id_ in told.acknowledged.items()}
    server.start()
    client = Client(server.grpc)
    for id_ in made.values():
        client.await_pods(id_, "RUNNING", 1)
        assert len(client.pod(f"{id_}-0").previous) == 0
