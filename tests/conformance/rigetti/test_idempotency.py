"""Keys: one set of jobs, whatever is repeated, and across restarts."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from protocol.pb.rigetti.controller import service_pb2 as pb
from tests.conformance.peloton.server import PROCESSES, SIMULATED, Server
from tests.conformance.rigetti.client import ANGLE, Client, Code, Outcome, Status, job, refused, spelled
from tests.conformance.rigetti.client import configuration as configured
from tests.conformance.rigetti.conftest import TWO
from tests.conformance.rigetti.test_refusals import head

Batch = pb.BatchExecuteControllerJobsRequest
REGIONS = "".join(f"DECLARE r{n} BIT[2]\nMEASURE 0 r{n}[0]\nMEASURE 0 r{n}[1]\n" for n in range(8))


@pytest.fixture
def kept(queueing: Server, waiting: Client) -> tuple[Server, Client]:
    return queueing, waiting


def test_a_repeat_gets_the_first_answer(kept: tuple[Server, Client]) -> None:
    server, client = kept
    request = job(count=3, target="first", key=uuid.uuid4())
    ids, before = client.submit(request), head(server)
    assert client.submit(request) == ids
    client.cancel(*ids)
    assert client.submit(request) == ids
    assert {client.status(each).status for each in ids} == {Status.CANCELED}
    assert head(server) == before - 3


def test_a_repeated_batch_has_the_same_nesting(kept: tuple[Server, Client]) -> None:
    server, client = kept
    members = [job(count=2, target="first"), job(target="second"), job(count=3, target="first")]
    members[1].idempotency_key.SetInParent()
    request = Batch(requests=members, idempotency_key=spelled(uuid.uuid4()))
    ids, before = client.batch(request), head(server)
    assert [len(each) for each in ids] == [2, 1, 3]
    request.requests[1].ClearField("idempotency_key")
    assert client.batch(request) == ids
    assert head(server) == before


def test_two_calls_at_once_make_one_set(kept: tuple[Server, Client]) -> None:
    server, client = kept
    request = job(count=2, target="first", key=uuid.uuid4())
    before = head(server)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.submit(request), range(16)))
    assert len({tuple(each) for each in answers}) == 1
    assert head(server) == before + 2


def test_a_key_means_one_request(kept: tuple[Server, Client]) -> None:
    """Another job, other options, another order of configurations, another method, even a bad one."""
    server, client = kept
    key = uuid.uuid4()
    client.submit(job(target="first", key=key))
    before = head(server)
    others = [job(ANGLE, target="first", key=key), job(target="second", key=key)]
    others += [job(target="first", key=key, timeout_s=5), job("FOO 0\n", target="third", key=key)]
    for other in others:
        with refused(Code.ALREADY_EXISTS):
            client.submit(other)
    with refused(Code.ALREADY_EXISTS):
        client.batch(Batch(requests=[job(target="first")], idempotency_key=spelled(key)))
    assert head(server) == before


def test_the_order_of_a_map_is_nothing(kept: tuple[Server, Client]) -> None:
    _, client = kept
    quil = "DECLARE a REAL[1]\nDECLARE b REAL[1]\n" + ANGLE
    key, ids = uuid.uuid4(), []
    for order in ("ab", "ba"):
        request = job(quil, target="first", key=key)
        del request.execution_configurations[:]
        request.execution_configurations.append(configured({name: [1.0] for name in order}))
        ids.append(client.submit(request))
    assert ids[0] == ids[1]


def test_a_refusal_binds_nothing(kept: tuple[Server, Client]) -> None:
    _, client = kept
    key = uuid.uuid4()
    with refused(Code.INVALID_ARGUMENT):
        client.submit(job("FOO 0\n", target="first", key=key))
    with refused(Code.RESOURCE_EXHAUSTED):
        client.submit(job(count=10_001, target="first", key=key))
    assert client.submit(job(target="first", key=key))


def test_without_a_key_each_call_is_another(kept: tuple[Server, Client]) -> None:
    _, client = kept
    assert client.one(job(target="first")) != client.one(job(target="first"))


def test_metadata_does_it_where_the_message_says_nothing(kept: tuple[Server, Client]) -> None:
    """With a key in the message the one in the metadata is not even looked at."""
    _, client = kept
    stub = client.stub
    request, key = job(target="first"), (("idempotency-key", str(uuid.uuid4())),)
    first = stub.ExecuteControllerJob(request, metadata=key, timeout=60)
    assert stub.ExecuteControllerJob(request, metadata=key, timeout=60) == first
    keyed = job(target="first", key=uuid.uuid4())
    second = stub.ExecuteControllerJob(keyed, metadata=key, timeout=60)
    assert second != first
    bad = (("idempotency-key", "two words"),)
    assert stub.ExecuteControllerJob(keyed, metadata=bad, timeout=60) == second
    same_request_id = (("x-request-id", "r-1"),)
    ids = [
        stub.ExecuteControllerJob(request, metadata=same_request_id, timeout=60).job_execution_ids[0]
        for _ in range(2)
    ]
    assert ids[0] != ids[1]


def test_a_cancel_may_carry_a_key(kept: tuple[Server, Client]) -> None:
    _, client = kept
    id, other = client.one(job(target="first")), client.one(job(target="first"))  # noqa: A001 - the name of the thing
    key = (("idempotency-key", str(uuid.uuid4())),)
    request = pb.CancelControllerJobsRequest(job_ids=[id])
    for _ in range(2):
        client.stub.CancelControllerJobs(request, metadata=key, timeout=60)
    assert client.status(id).status == Status.CANCELED
    with refused(Code.ALREADY_EXISTS):
        request = pb.CancelControllerJobsRequest(job_ids=[other])
        client.stub.CancelControllerJobs(request, metadata=key, timeout=60)
    assert client.status(other).status == Status.QUEUED


def test_a_cancel_of_nothing_is_remembered_too(kept: tuple[Server, Client]) -> None:
    _, client = kept
    key, none = (("idempotency-key", str(uuid.uuid4())),), pb.CancelControllerJobsRequest(job_ids=["none"])
    for _ in range(2):
        client.stub.CancelControllerJobs(none, metadata=key, timeout=60)
    waiting = client.one(job(target="first"))
    with refused(Code.ALREADY_EXISTS):
        request = pb.CancelControllerJobsRequest(job_ids=[waiting])
        client.stub.CancelControllerJobs(request, metadata=key, timeout=60)
    assert client.status(waiting).status == Status.QUEUED


# ---------------------------------------------------------------- restarts


@pytest.fixture
def stopped(tmp_path: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a directory, which a test starts as often as it wants."""
    pytest.importorskip("quil")
    del tmp_path
    server = Server(tmp_path_factory.mktemp("kept"), SIMULATED + TWO, keeps=True)
    yield server
    server.close()
    assert "Traceback" not in server.said()


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_keys_jobs_and_order_outlive_the_server(stopped: Server, end: str) -> None:
    stopped.start()
    client = Client(stopped.grpc)
    request = job(count=2, target="first", key=uuid.uuid4(), estimated_duration_us=1_000_000)
    ids = client.submit(request)
    cancelled, last = client.one(job(target="first")), client.one(job(target="first"))
    client.cancel(cancelled)
    getattr(stopped, end)()
    stopped.start()
    client = Client(stopped.grpc)
    assert client.submit(request) == ids
    with refused(Code.ALREADY_EXISTS):
        client.submit(
            job(
                target="first",
                key=uuid.UUID(int=(request.idempotency_key.high << 64) | request.idempotency_key.low),
            )
        )
    assert [client.status(each).status for each in (*ids, cancelled, last)] == [
        Status.QUEUED,
        Status.QUEUED,
        Status.CANCELED,
        Status.QUEUED,
    ]
    assert client.result(cancelled).status == Outcome.USER_CANCELLATION
    delays = [client.status(each).estimated_job_completion_delay for each in (*ids, last)]
    assert [each.minimum.ToMicroseconds() for each in delays] == [1_000_000, 2_000_000, 2_000_000]


def test_what_ran_fails_once_and_what_waited_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("quil")
    server = Server(tmp_path_factory.mktemp("running"), PROCESSES, keeps=True)
    server.start()
    try:
        client = Client(server.grpc)
        done = client.one(job(REGIONS, shots=50))
        result = client.result_bytes(done)
        holding = client.busy()
        request = job(key=uuid.uuid4())
        (queued,) = client.submit(request)
        server.kill()
        server.start()
        client = Client(server.grpc)
        failed = client.result(holding)
        assert failed.status == Outcome.SERVICE_FAILURE
        assert "server ended" in failed.status_message
        assert client.result(queued).status == Outcome.SUCCESS
        assert client.submit(request) == [queued]
        assert client.result_bytes(done) == result
    finally:
        server.close()
    assert "Traceback" not in server.said()


def test_a_server_that_stops_sends_readers_away(stopped: Server) -> None:
    stopped.start()
    client = Client(stopped.grpc)
    queued = client.one(job(target="first"))
    request = pb.GetControllerJobResultsRequest(job_execution_id=queued)
    waiting = client.stub.GetControllerJobResults.future(request, timeout=30)
    assert client.status(queued).status == Status.QUEUED  # a turn of the server, so that it waits
    assert stopped.terminate() == (0, b"")
    with refused(Code.UNAVAILABLE):
        waiting.result(20)


def test_results_are_kept_as_long_as_the_settings_say(tmp_path_factory: pytest.TempPathFactory) -> None:
    """When the last job of a request is gone, its key is free."""
    pytest.importorskip("quil")
    configuration = SIMULATED + TWO.replace("[rigetti]\n", "[rigetti]\nretention_s = 0.2\n")
    server = Server(tmp_path_factory.mktemp("short"), configuration, keeps=True)
    server.start()
    try:
        client = Client(server.grpc)
        request = job(count=2, target="first", key=uuid.uuid4())
        ids = client.submit(request)
        client.cancel(ids[0])
        await_gone(client, ids[0])
        assert client.submit(request) == ids
        client.cancel(ids[1])
        await_gone(client, ids[1])
        with refused(Code.NOT_FOUND):
            client.result(ids[1])
        again = client.submit(request)
        assert not set(again) & set(ids)
        assert client.submit(request) == again
        server.kill()
        server.start()
        assert Client(server.grpc).submit(request) == again
    finally:
        server.close()


def await_gone(client: Client, id: str) -> None:  # noqa: A002
    """Ask until a job is no longer known; each answer takes a turn of the server."""
    with refused(Code.NOT_FOUND):
        while True:
            client.status(id)
