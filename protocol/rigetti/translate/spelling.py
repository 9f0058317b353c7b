"""How executions stand and what came of them, in the words of this API.

1. Two enums say how it went, and their numbers disagree: that of a job and that of a result.
2. Every phase of a task has a status; a test holds the tables to that.
"""

from collections.abc import Mapping
from types import MappingProxyType

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from actors.effects.quantum.result import Result
from events.task import FailureKind, TaskPhase
from projections.queues import Delay
from projections.tasks import TaskView
from protocol.pb.rigetti.controller import job_pb2, readout_pb2
from protocol.pb.rigetti.controller import service_pb2 as pb
from protocol.rigetti.translate.values import spell_value

JobStatus = pb.GetControllerJobStatusResponse
ResultStatus = job_pb2.ControllerJobExecutionResult

STATUSES: Mapping[TaskPhase, JobStatus.Status.ValueType] = MappingProxyType(
    {
        TaskPhase.QUEUED: JobStatus.QUEUED,
        TaskPhase.ASSIGNED: JobStatus.QUEUED,
        TaskPhase.RUNNING: JobStatus.RUNNING,
        TaskPhase.POST_PROCESSING: JobStatus.POST_PROCESSING,
        TaskPhase.SUCCEEDED: JobStatus.SUCCEEDED,
        TaskPhase.FAILED: JobStatus.FAILED,
        TaskPhase.CANCELLED: JobStatus.CANCELED,
    }
)
"""By phase; a deleted task is not found."""
FAILURES: Mapping[FailureKind, ResultStatus.Status.ValueType] = MappingProxyType(
    {
        FailureKind.SERVICE: ResultStatus.SERVICE_FAILURE,
        FailureKind.USER: ResultStatus.USER_FAILURE,
        FailureKind.TIMEOUT: ResultStatus.USER_FAILURE,
    }
)
CANCELLED = "the job was cancelled before it started"
_MICROSECONDS = 1_000_000


def spell_status(task: TaskView, delay: Delay, now: int) -> pb.GetControllerJobStatusResponse:
    """Spell how an execution stands."""
    return pb.GetControllerJobStatusResponse(
        status=STATUSES[task.phase],
        estimated_job_completion_delay=pb.EstimatedDelay(
            minimum=_duration(delay.minimum_us), maximum=_duration(delay.maximum_us), now=_timestamp(now)
        ),
    )


def spell_result(task: TaskView, result: bytes | None) -> pb.GetControllerJobResultsResponse:
    """Spell what came of an execution that has ended; `result` is what it gave, None for nothing."""
    spelled = job_pb2.ControllerJobExecutionResult(execution_duration_microseconds=task.held_us)
    if result is not None:
        spelled.status = ResultStatus.SUCCESS
        _spell_outcomes(Result.from_bytes(result), spelled)
    elif task.kind is not None:
        spelled.status, spelled.status_message = FAILURES[task.kind], task.message
    else:
        spelled.status, spelled.status_message = ResultStatus.USER_CANCELLATION, CANCELLED
    return pb.GetControllerJobResultsResponse(result=spelled)


def _spell_outcomes(result: Result, spelled: job_pb2.ControllerJobExecutionResult) -> None:
    for reference, outcomes in result.readouts:
        values = readout_pb2.IntegerReadoutValues()
        values.values.extend(outcomes)
        spelled.readout_values[reference].CopyFrom(readout_pb2.ReadoutValues(integer_values=values))
    for name, value in result.memory:
        spelled.memory_values[name].CopyFrom(spell_value(value))


def _duration(microseconds: int) -> Duration:
    seconds, rest = divmod(microseconds, _MICROSECONDS)
    return Duration(seconds=seconds, nanos=rest * 1_000)


def _timestamp(moment: int) -> Timestamp:
    seconds, rest = divmod(moment, _MICROSECONDS)
    return Timestamp(seconds=seconds, nanos=rest * 1_000)
