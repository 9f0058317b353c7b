"""What happened to jobs and pods, as events: the past that tests read."""

from events.goal import Goal
from events.job import (
    JobCreated,
    JobPhase,
    JobPhaseChanged,
    JobPodReported,
    WorkflowAdvanced,
    WorkflowKind,
    WorkflowOptions,
    WorkflowStarted,
)
from events.pod import (
    EndReason,
    PodContainerExited,
    PodContainerStarted,
    PodCreated,
    PodEnded,
    PodGoalChanged,
    PodLaunched,
    PodLaunching,
    PodPhase,
    PodPlaced,
    PodQueued,
    PodRunning,
    PodRunStarted,
    PodSpec,
    PodStopRequested,
    Port,
)
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2 as stateless
from protocol.peloton.translate.job_spec import read_job_spec
from protocol.peloton.translate.rules import Rules
from tests.protocol.peloton.fake import JOB, NOW, FakeGateway, pod_stream
from tests.protocol.peloton.messages import job as job_message

RULES = Rules()


def pod_spec(spec: stateless.JobSpec) -> PodSpec:
    default = read_job_spec(spec, RULES).default
    assert default is not None
    return default


def create_job(gateway: FakeGateway, spec: stateless.JobSpec | None = None, job: str = JOB) -> None:
    """A job of three pods, all taken by its first workflow; two have reported."""
    spec = spec or job_message()
    last = spec.instance_count - 1
    gateway.record(
        f"job/{job}",
        JobCreated(spec=read_job_spec(spec, RULES)),
        WorkflowStarted(
            kind=WorkflowKind.UPDATE,
            config=1,
            previous_config=0,
            options=WorkflowOptions(batch_size=5),
            added=((0, last),),
            opaque="mine",
        ),
        WorkflowAdvanced(instances=(0, last)),
        report(0, PodPhase.RUNNING),
        report(1, PodPhase.PENDING),
        JobPhaseChanged(phase=JobPhase.RUNNING),
    )


def report(instance: int, phase: PodPhase, *, config: int = 1) -> JobPodReported:
    return JobPodReported(
        instance=instance, run=1, phase=phase, goal=Goal.RUNNING, config=config, failure_count=0
    )


def create_pod(
    gateway: FakeGateway, instance: int, spec: stateless.JobSpec | None = None, *, owner: str = f"job/{JOB}"
) -> str:
    """A pod that exists; returns its stream."""
    stream = pod_stream(instance)
    created = PodCreated(
        owner=owner, instance=instance, config=1, spec=pod_spec(spec or job_message()), name="web"
    )
    gateway.record(stream, created)
    return stream


def run_pod(gateway: FakeGateway, stream: str, *, run: int = 1, host: str = "h1") -> None:
    """From initialized to running."""
    at = NOW + (gateway.revision + 1) * 1000
    gateway.record(
        stream,
        PodQueued(run=run, reason="no host has 8 cores free"),
        PodPlaced(run=run, host=host, ports=(Port(container="container-0", name="http", number=31000),)),
        PodLaunching(run=run),
        PodLaunched(run=run),
        PodContainerStarted(run=run, container="container-0", process=7, at=at),
        PodRunning(run=run),
    )


def fail_pod(gateway: FakeGateway, stream: str, spec: PodSpec, *, run: int = 1) -> None:
    """A run ends by itself, the next begins."""
    at = NOW + (gateway.revision + 1) * 1000
    gateway.record(
        stream,
        PodContainerExited(run=run, container="container-0", exit_code=3, at=at),
        PodEnded(run=run, phase=PodPhase.FAILED, reason=EndReason.FAILED, message="exit 3", failure_count=1),
        PodRunStarted(run=run + 1, config=1, spec=spec, failure_count=1),
    )


def stop_pod(gateway: FakeGateway, stream: str, *, run: int = 1) -> None:
    """A run is ended on request."""
    at = NOW + (gateway.revision + 1) * 1000
    gateway.record(
        stream,
        PodGoalChanged(goal=Goal.KILLED, desired_run=run),
        PodStopRequested(run=run, reason=EndReason.ON_REQUEST),
        PodContainerExited(run=run, container="container-0", exit_code=0, signal="SIGTERM", at=at),
        PodEnded(run=run, phase=PodPhase.KILLED, reason=EndReason.ON_REQUEST),
    )
