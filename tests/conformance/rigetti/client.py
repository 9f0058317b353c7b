"""What a foreign client of the Controller API has: stubs, and nothing of ours."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, cast

import grpc
import pytest

from protocol.pb.rigetti.controller import job_pb2
from protocol.pb.rigetti.controller import service_pb2 as pb
from protocol.pb.rigetti.controller.service_pb2_grpc import ControllerStub
from tests.conformance.peloton.stubs import Metadata, Whole

WAIT_S = 60.0
Code = grpc.StatusCode
Status = pb.GetControllerJobStatusResponse
Outcome = job_pb2.ControllerJobExecutionResult

BELL = "DECLARE ro BIT[2]\nH 0\nCNOT 0 1\nMEASURE 0 ro[0]\nMEASURE 1 ro[1]\n"
ANGLE = "DECLARE ro BIT[1]\nDECLARE theta REAL[1]\nRX(theta) 0\nMEASURE 0 ro[0]\n"
LONG_US = 60_000_000


class Controller(Protocol):
    """The service, as a client without asyncio has it."""

    ExecuteControllerJob: Whole[pb.ExecuteControllerJobRequest, pb.ExecuteControllerJobResponse]
    BatchExecuteControllerJobs: Whole[
        pb.BatchExecuteControllerJobsRequest, pb.BatchExecuteControllerJobsResponse
    ]
    GetControllerJobResults: Whole[pb.GetControllerJobResultsRequest, pb.GetControllerJobResultsResponse]
    CancelControllerJobs: Whole[pb.CancelControllerJobsRequest, pb.CancelControllerJobsResponse]
    GetControllerJobStatus: Whole[pb.GetControllerJobStatusRequest, pb.GetControllerJobStatusResponse]


class Client:
    """The stubs of one connection, and the few turns that most tests take."""

    def __init__(self, address: str, token: str = "") -> None:
        options = (("grpc.max_send_message_length", -1),)
        self.channel = grpc.insecure_channel(address, options)
        self.stub = cast("Controller", ControllerStub(self.channel))  # type: ignore[arg-type] # it takes this kind too
        self.metadata: Metadata = (("authorization", f"Bearer {token}"),) if token else ()

    def submit(self, request: pb.ExecuteControllerJobRequest) -> list[str]:
        """Submit, and answer the ids."""
        answer = self.stub.ExecuteControllerJob(request, timeout=WAIT_S, metadata=self.metadata)
        return list(answer.job_execution_ids)

    def one(self, request: pb.ExecuteControllerJobRequest) -> str:
        """Submit what has one configuration, and answer the id."""
        (job,) = self.submit(request)
        return job

    def batch(self, request: pb.BatchExecuteControllerJobsRequest) -> list[list[str]]:
        """Submit a batch, and answer the ids by member."""
        answer = self.stub.BatchExecuteControllerJobs(request, timeout=WAIT_S, metadata=self.metadata)
        return [list(each.job_execution_ids) for each in answer.responses]

    def result(self, job: str, timeout: float = WAIT_S) -> job_pb2.ControllerJobExecutionResult:
        """Wait for a result."""
        request = pb.GetControllerJobResultsRequest(job_execution_id=job)
        return self.stub.GetControllerJobResults(request, timeout=timeout, metadata=self.metadata).result

    def result_bytes(self, job: str) -> bytes:
        """Wait for a result, and answer the message as it came."""
        asked = pb.GetControllerJobResultsRequest(job_execution_id=job).SerializeToString()
        method: Whole[bytes, bytes]
        method = self.channel.unary_unary("/services.controller.Controller/GetControllerJobResults")
        return method(asked, timeout=WAIT_S, metadata=self.metadata)

    def status(self, job: str) -> pb.GetControllerJobStatusResponse:
        """Ask how a job stands."""
        request = pb.GetControllerJobStatusRequest(job_id=job)
        return self.stub.GetControllerJobStatus(request, timeout=WAIT_S, metadata=self.metadata)

    def cancel(self, *jobs: str) -> None:
        """Cancel."""
        request = pb.CancelControllerJobsRequest(job_ids=jobs)
        self.stub.CancelControllerJobs(request, timeout=WAIT_S, metadata=self.metadata)

    def busy(self, target: str = "") -> str:
        """Submit a job that holds its processor for long, and wait until it runs."""
        holding = self.one(job(hold_us=LONG_US, target=target))
        self.await_status(holding, Status.RUNNING)
        return holding

    def await_status(self, id: str, wanted: "Status.Status.ValueType") -> None:  # noqa: A002 - the name of the thing
        """Ask until a job stands as wanted; each answer takes a turn of the server."""
        while (told := self.status(id).status) != wanted:
            assert told in (Status.QUEUED, Status.RUNNING, Status.POST_PROCESSING), told


def plaintext(quil: str = BELL, **members: object) -> bytes:
    """The plaintext of a job."""
    return json.dumps({"format": "local-quil/1", "quil": quil, **members}).encode()


def configuration(values: Mapping[str, Iterable[float]] | None = None) -> job_pb2.JobExecutionConfiguration:
    """A configuration with reals."""
    given = job_pb2.JobExecutionConfiguration()
    for name, reals in (values or {}).items():
        given.memory_values[name].real.data.extend(reals)
    return given


def job(
    quil: str = BELL,
    *,
    count: int = 1,
    key: uuid.UUID | None = None,
    target: str = "",
    timeout_s: float | None = None,
    **members: object,
) -> pb.ExecuteControllerJobRequest:
    """A request with one job, by default of one empty configuration."""
    request = pb.ExecuteControllerJobRequest(
        execution_configurations=[configuration()] * count,
        encrypted=job_pb2.EncryptedControllerJob(job=plaintext(quil, **members)),
    )
    if key is not None:
        request.idempotency_key.CopyFrom(spelled(key))
    if target:
        request.quantum_processor_id = target
    if timeout_s is not None:
        request.options.timeout.FromNanoseconds(round(timeout_s * 1e9))
    return request


def spelled(key: uuid.UUID) -> pb.Uuid:
    """A key as two halves."""
    return pb.Uuid(high=key.int >> 64, low=key.int & (2**64 - 1))


@contextmanager
def refused(code: grpc.StatusCode, words: str = "") -> Iterator[None]:
    """What is called inside is refused so."""
    with pytest.raises(grpc.RpcError) as caught:
        yield
    error = cast("grpc.Call", caught.value)
    assert error.code() is code, error
    assert words in (error.details() or ""), error.details()
