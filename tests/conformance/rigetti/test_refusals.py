"""Bad input: each has its code, and leaves nothing queued."""

import json
import math
from collections.abc import Callable

import pytest
from google.protobuf.duration_pb2 import Duration

from protocol.pb.rigetti.controller import job_pb2
from protocol.pb.rigetti.controller import service_pb2 as pb
from tests.conformance.peloton.server import Server
from tests.conformance.rigetti.client import (
    ANGLE,
    BELL,
    Client,
    Code,
    configuration,
    job,
    plaintext,
    refused,
)

Request = pb.ExecuteControllerJobRequest
BAD, MISSING, FULL = Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.RESOURCE_EXHAUSTED


def head(server: Server) -> int:
    """How many tasks wait, as the server counts them."""
    _, body = server.get("/metrics")
    (line,) = (line for line in body.decode().splitlines() if line.startswith("polyplane_tasks_queued "))
    return int(float(line.split()[1]))


def of(body: bytes) -> Request:
    request = job(target="first")
    request.encrypted.job = body
    return request


def keyed(high: int, low: int) -> Request:
    request = job(target="first")
    request.idempotency_key.CopyFrom(pb.Uuid(high=high, low=low))
    return request


def targeted(**target: str) -> Request:
    request = job()
    for field, name in target.items():
        setattr(request, field, name)
    return request


def timed(seconds: int, nanos: int = 0) -> Request:
    request = job(target="first")
    request.options.timeout.CopyFrom(Duration(seconds=seconds, nanos=nanos))
    return request


def patched(values: dict[str, list[float]], quil: str = ANGLE) -> Request:
    request = job(quil, target="first")
    del request.execution_configurations[:]
    request.execution_configurations.append(configuration(values))
    return request


def changed(change: Callable[[Request], object]) -> Request:
    request = job(target="first")
    change(request)
    return request


def sealed(key_id: str, nonce: bytes = b"", body: bytes = b"x" * 40) -> Request:
    request = of(body)
    request.encrypted.encryption.CopyFrom(job_pb2.JobEncryption(key_id=key_id, nonce=nonce))
    return request


V4, RFC = 0x4000, 2 << 62
DECLARED = "DECLARE ro BIT[2]\n"
CASES = {
    "zero key": (keyed(0, 0), BAD, "idempotency_key"),
    "key of version 1": (keyed(0x1000, RFC), BAD, "version 4"),
    "key of version 7": (keyed(0x7000, RFC), BAD, "version 4"),
    "key of another variant": (keyed(V4, 3 << 62), BAD, "version 4"),
    "key of no variant": (keyed(V4, 0), BAD, "version 4"),
    "key of all ones": (keyed(2**64 - 1, 2**64 - 1), BAD, "version 4"),
    "no configurations": (changed(lambda it: it.ClearField("execution_configurations")), BAD, "at least one"),
    "no job": (changed(lambda it: it.ClearField("encrypted")), BAD, "job"),
    "empty job": (of(b""), BAD, "encrypted.job"),
    "no target where there are two": (job(), BAD, "target"),
    "empty processor": (targeted(quantum_processor_id=""), BAD, "quantum_processor_id"),
    "empty endpoint": (targeted(endpoint_id=""), BAD, "endpoint_id"),
    "unknown processor": (targeted(quantum_processor_id="third"), MISSING, ""),
    "endpoint as processor": (targeted(quantum_processor_id="ep-1"), MISSING, ""),
    "unknown endpoint": (targeted(endpoint_id="first"), MISSING, ""),
    "zero timeout": (timed(0), BAD, "options.timeout"),
    "negative timeout": (timed(-1), BAD, "options.timeout"),
    "timeout of two signs": (timed(1, -1), BAD, "options.timeout"),
    "too many nanos": (timed(1, 1_000_000_000), BAD, "options.timeout"),
    "timeout above the limit": (timed(3601), BAD, "3600 s"),
    "huge timeout": (timed(2**62), BAD, "3600 s"),
    "not JSON": (of(b"{nothing"), BAD, ""),
    "not UTF-8": (of(b"\xff\xfe"), BAD, ""),
    "unknown member": (of(plaintext(extra=1)), BAD, "extra"),
    "no programme": (of(json.dumps({"format": "local-quil/1"}).encode()), BAD, "quil"),
    "other format": (of(json.dumps({"format": "other/1", "quil": BELL}).encode()), BAD, "format"),
    "no shots": (of(plaintext(shots=0)), BAD, "shots"),
    "too many shots": (of(plaintext(shots=65_536)), BAD, "shots"),
    "half a shot": (of(plaintext(shots=1.5)), BAD, "shots"),
    "too many qubits": (of(plaintext("\n".join(f"H {qubit}" for qubit in range(5)))), BAD, ""),
    "gate without a qubit": (of(plaintext("H\n")), BAD, ""),
    "unknown gate": (of(plaintext("FOO 0\n")), BAD, "FOO"),
    "reference out of range": (of(plaintext(DECLARED + "MEASURE 0 ro[7]\n")), BAD, "ro"),
    "undeclared region": (of(plaintext("MEASURE 0 ro[0]\n")), BAD, "ro"),
    "no Quil": (of(plaintext("this is no Quil (")), BAD, ""),
    "undeclared patch": (patched({"phi": [1.0]}), BAD, "phi"),
    "patch of another length": (patched({"theta": [1.0, 2.0]}), BAD, "theta"),
    "patch of another type": (patched({"ro": [1.0]}), BAD, "ro"),
    "patch that is no number": (patched({"theta": [math.nan]}), BAD, "theta"),
    "patch without end": (patched({"theta": [math.inf]}), BAD, "theta"),
    "unknown key": (sealed("nobody's", b"x" * 12), BAD, "decrypted"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_and_leaves_nothing(waiting: Client, queueing: Server, name: str) -> None:
    request, code, words = CASES[name]
    before = head(queueing)
    with refused(code, words):
        waiting.submit(request)
    batch = pb.BatchExecuteControllerJobsRequest(requests=[job(target="first"), request])
    if request.HasField("idempotency_key"):
        waiting.batch(batch)  # keys of members are not looked at
        return
    with refused(code, "requests[1]: "):
        waiting.batch(batch)
    assert head(queueing) == before


def test_a_value_without_content_is_refused(waiting: Client) -> None:
    request = job(ANGLE, target="first")
    request.execution_configurations[0].memory_values["theta"].SetInParent()
    with refused(BAD, "memory_values['theta']"):
        waiting.submit(request)


def test_an_empty_batch_is_refused(waiting: Client) -> None:
    with refused(BAD, "requests"):
        waiting.batch(pb.BatchExecuteControllerJobsRequest())


def test_the_first_failure_is_the_answer(waiting: Client) -> None:
    """Key, then configurations, job, target, limit, programme, values: each hides what follows."""
    request = Request(quantum_processor_id="third")
    request.idempotency_key.SetInParent()
    request.options.timeout.seconds = -1
    request.options.bypass_settings_protection = True
    with refused(BAD, "idempotency_key"):
        waiting.submit(request)
    request.ClearField("idempotency_key")
    with refused(BAD, "execution_configurations"):
        waiting.submit(request)
    request.execution_configurations.append(configuration({"nothing": [math.nan]}))
    with refused(BAD, "job: "):
        waiting.submit(request)
    request.encrypted.job = b"{"
    with refused(MISSING):
        waiting.submit(request)
    request.quantum_processor_id = "first"
    with refused(BAD, "options.timeout"):
        waiting.submit(request)
    request.options.timeout.seconds = 1
    with refused(BAD, "encrypted.job"):
        waiting.submit(request)
    request.encrypted.job = plaintext(settings={"laser": 1})
    with refused(BAD, "nothing"):
        waiting.submit(request)


def test_a_batch_names_the_first_that_is_bad(waiting: Client) -> None:
    good, bad = job(target="first"), job("FOO 0\n", target="second")
    missing = job(target="third")
    with refused(BAD, "requests[1]: "):
        waiting.batch(pb.BatchExecuteControllerJobsRequest(requests=[good, bad, missing]))
    with refused(MISSING, "requests[0]: "):
        waiting.batch(pb.BatchExecuteControllerJobsRequest(requests=[missing, bad]))


def test_ten_thousand_configurations_are_queued_or_none(waiting: Client, queueing: Server) -> None:
    """All that a queue may hold, and no more: what waits already counts."""
    waiting.one(job(target="second"))
    before = head(queueing)
    with refused(FULL, "10000"):
        waiting.submit(job(count=10_000, target="second"))
    half = job(count=5_000, target="second")
    with refused(FULL):
        waiting.batch(pb.BatchExecuteControllerJobsRequest(requests=[half, half]))
    assert head(queueing) == before
    ids = waiting.submit(job(count=9_000, target="second"))
    assert len(set(ids)) == 9_000
    waiting.cancel(*ids)
    assert head(queueing) == before


def test_a_job_with_a_target_is_found_under_it_alone(waiting: Client) -> None:
    request = job()
    request.endpoint_id = "ep-2"
    (id,) = waiting.submit(request)  # noqa: A001 - the name of the thing
    stub = waiting.stub
    for target in ({"quantum_processor_id": "first"}, {"endpoint_id": "ep-1"}, {}):
        asked = pb.GetControllerJobStatusRequest(job_id=id, **target)
        stub.GetControllerJobStatus(asked, timeout=60)
    for target in ({"quantum_processor_id": "second"}, {"endpoint_id": "ep-3"}, {"endpoint_id": "none"}):
        with refused(MISSING):
            asked = pb.GetControllerJobStatusRequest(job_id=id, **target)
            stub.GetControllerJobStatus(asked, timeout=60)
        with refused(MISSING):
            read = pb.GetControllerJobResultsRequest(job_execution_id=id, **target)
            stub.GetControllerJobResults(read, timeout=60)
        elsewhere = pb.CancelControllerJobsRequest(job_ids=[id], **target)
        stub.CancelControllerJobs(elsewhere, timeout=60)
        assert waiting.status(id).status == pb.GetControllerJobStatusResponse.QUEUED
    stub.CancelControllerJobs(pb.CancelControllerJobsRequest(job_ids=[id], endpoint_id="ep-1"), timeout=60)
    assert waiting.status(id).status == pb.GetControllerJobStatusResponse.CANCELED


def test_the_flag_does_no_harm_to_a_job_that_changes_nothing(waiting: Client) -> None:
    request = job(target="first")
    request.options.bypass_settings_protection = True
    waiting.submit(request)


def test_managed_settings_need_the_flag(waiting: Client) -> None:
    """On loopback everybody has every role: the flag is what is missing."""
    request = job(target="first", settings={"laser": 1})
    with refused(Code.PERMISSION_DENIED, "laser"):
        waiting.submit(request)
    request.options.bypass_settings_protection = True
    waiting.submit(request)
