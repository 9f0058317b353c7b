"""Jobs from submission to result, by a real engine in a pod."""

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from protocol.pb.rigetti.controller import service_pb2 as pb
from tests import warm
from tests.conformance.peloton.server import Server
from tests.conformance.rigetti.client import ANGLE, Client, Code, Outcome, Status, configuration, job, refused


def readouts(result: Outcome, reference: str = "ro[0]") -> list[int]:
    return list(result.readout_values[reference].integer_values.values)


def test_a_bell_pair_agrees_in_every_shot(client: Client) -> None:
    result = client.result(client.one(job(shots=200, seed=7)))
    assert result.status == Outcome.SUCCESS
    assert not result.HasField("status_message")
    first, second = readouts(result), readouts(result, "ro[1]")
    assert first == second
    assert 60 < sum(first) < 140
    assert len(result.memory_values["ro"].binary.data) == 2
    assert result.execution_duration_microseconds > 0


def test_each_configuration_is_an_execution_of_its_own(client: Client) -> None:
    request = job(ANGLE, shots=30)
    del request.execution_configurations[:]
    request.execution_configurations.extend(
        [configuration({"theta": [3.141592653589793]}), configuration(), configuration({"theta": [0.0]})]
    )
    ids = client.submit(request)
    assert len(set(ids)) == 3
    assert [sum(readouts(client.result(each))) for each in ids] == [30, 0, 0]


def test_seeded_jobs_repeat_themselves_and_others_do_not(client: Client) -> None:
    same = [readouts(client.result(client.one(job(shots=64, seed=11)))) for _ in range(2)]
    assert same[0] == same[1]
    others = [readouts(client.result(each)) for each in client.submit(job(shots=64, count=2))]
    assert others[0] != others[1]


def test_a_result_is_the_same_bytes_each_time(client: Client) -> None:
    id = client.one(job(shots=1000))  # noqa: A001 - the name of the thing
    assert client.result_bytes(id) == client.result_bytes(id)


def test_a_long_result_is_read_from_the_journal(client: Client) -> None:
    result = client.result(client.one(job(shots=65_535)))
    assert len(readouts(result)) == 65_535


def test_all_who_wait_are_answered(client: Client) -> None:
    holding = client.one(job(hold_us=400_000, shots=3))
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda _: client.result(holding), range(20)))
    assert {each.SerializeToString(deterministic=True) for each in results} == {
        results[0].SerializeToString(deterministic=True)
    }


def test_a_job_that_holds_too_long_is_evicted_and_the_next_one_runs(client: Client) -> None:
    late = client.one(job(hold_us=60_000_000, timeout_s=0.3))
    after = client.one(job())
    result = client.result(late)
    assert result.status == Outcome.USER_FAILURE
    assert "0.3 s" in result.status_message
    assert 300_000 <= result.execution_duration_microseconds < 20_000_000
    assert not result.readout_values
    assert client.status(late).status == Status.FAILED
    assert client.result(after).status == Outcome.SUCCESS


def test_a_crash_fails_the_job_and_the_worker_is_replaced(client: Client, running: Server) -> None:
    holding = client.busy()
    os.kill(engine(running), signal.SIGKILL)
    result = client.result(holding)
    assert result.status == Outcome.SERVICE_FAILURE
    assert result.status_message
    assert client.result(client.one(job())).status == Outcome.SUCCESS


def test_an_engine_that_somebody_stops_is_started_when_there_is_work(client: Client, running: Server) -> None:
    """Whoever may stop pods may stop this one; the job that it has fails."""
    holding = client.busy()
    worker = show(running, "worker/local-1")
    assert warm.run("stop", str(worker["pod"]), "--server", running.grpc).returncode == 0
    assert client.result(holding).status == Outcome.SERVICE_FAILURE
    assert client.result(client.one(job())).status == Outcome.SUCCESS


def show(server: Server, entity: str) -> dict[str, object]:
    """What the server knows of an entity."""
    shown = warm.run("show", entity, "-o", "json", "--server", server.grpc)
    shown.check_returncode()
    state: dict[str, object] = json.loads(shown.stdout)["state"]
    return state


def engine(server: Server) -> int:
    """The process that last said that it is ready to work for a server."""
    ready = [json.loads(line) for line in server.said().splitlines() if '"channel.ready"' in line]
    return int(ready[-1]["process"])


def test_what_is_queued_is_cancelled_and_what_runs_is_not(client: Client) -> None:
    holding = client.one(job(hold_us=700_000))
    client.await_status(holding, Status.RUNNING)
    queued = client.one(job())
    reader = threading.Thread(target=lambda: results.append(client.result(queued)))
    results: list[Outcome] = []
    reader.start()
    client.cancel(queued, holding, queued, "nobody's", "")
    client.cancel(queued)
    reader.join(20)
    (told,) = results
    assert (told.status, told.execution_duration_microseconds) == (Outcome.USER_CANCELLATION, 0)
    assert told.status_message
    assert client.status(queued).status == Status.CANCELED
    assert client.result(holding).status == Outcome.SUCCESS


def test_a_cancel_and_a_start_never_both_happen(client: Client) -> None:
    """Each job of many is either cancelled or run, whoever comes first."""
    ids = client.submit(job(count=30))
    client.cancel(*ids)
    for each in ids:
        result = client.result(each)
        was_run = result.execution_duration_microseconds > 0
        assert was_run == (result.status == Outcome.SUCCESS)
        assert was_run or result.status == Outcome.USER_CANCELLATION


def test_delays_go_to_the_end_and_shrink(client: Client) -> None:
    holding = client.one(job(hold_us=600_000, estimated_duration_us=600_000, timeout_s=5))
    queued = client.one(job(estimated_duration_us=1_000_000, timeout_s=2))
    delay = client.status(queued).estimated_job_completion_delay
    assert 1_000_000 <= delay.minimum.ToMicroseconds() <= 1_600_000
    assert delay.minimum.ToMicroseconds() <= delay.maximum.ToMicroseconds() <= 7_000_000
    later = client.status(queued).estimated_job_completion_delay
    assert later.maximum.ToMicroseconds() <= delay.maximum.ToMicroseconds()
    assert later.now.ToMicroseconds() >= delay.now.ToMicroseconds()
    client.result(queued)
    client.result(holding)
    ended = client.status(queued).estimated_job_completion_delay
    assert ended.HasField("minimum")
    assert ended.HasField("maximum")
    assert (ended.minimum.ToMicroseconds(), ended.maximum.ToMicroseconds()) == (0, 0)


@pytest.mark.parametrize("job_id", ["", "00000000-0000-4000-8000-000000000000", "../x"])
def test_an_id_that_is_none(client: Client, job_id: str) -> None:
    code = Code.NOT_FOUND if job_id else Code.INVALID_ARGUMENT
    with refused(code):
        client.result(job_id)
    with refused(code):
        client.status(job_id)


def test_a_reader_who_waits_long_enough_is_told_so(waiting: Client) -> None:
    queued = waiting.one(job(target="second"))
    with refused(Code.DEADLINE_EXCEEDED, "ask again"):
        waiting.result(queued)


def test_an_empty_cancel_is_fine(client: Client) -> None:
    client.cancel()
    request = pb.CancelControllerJobsRequest(quantum_processor_id="nobody's", job_ids=["a"])
    client.stub.CancelControllerJobs(request, timeout=60)
    request = pb.CancelControllerJobsRequest(quantum_processor_id="", job_ids=["a"])
    client.stub.CancelControllerJobs(request, timeout=60)
