"""The specs of a pod's runs: kept as long as the configurations that the runs were begun with."""

import grpc
import pytest

from events.job import WorkflowKind, WorkflowOptions, WorkflowStarted
from events.pod import EndReason, PodEnded, PodPhase, PodRunStarted
from projections.workflows import KEPT_WORKFLOWS
from protocol.pb.peloton.api.v1alpha import peloton_pb2 as base
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as jobs
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2_grpc
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2 as pods
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2_grpc
from protocol.peloton.translate.job_spec import read_job_spec
from tests.protocol.peloton.conftest import Wire
from tests.protocol.peloton.fake import JOB
from tests.protocol.peloton.messages import container, job, pod
from tests.protocol.peloton.stories import RULES, create_job, create_pod, pod_spec

NAME = base.PodName(value=f"{JOB}-1")


async def is_kept(wire: Wire, version: base.EntityVersion) -> bool:
    """Whether the job still tells a configuration."""
    stub = stateless_svc_pb2_grpc.JobServiceStub(wire.channel)
    try:
        await stub.GetJob(jobs.GetJobRequest(job_id=base.JobID(value=JOB), version=version))
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.NOT_FOUND  # noqa: PT017 - what else may come is the test
        return False
    return True


@pytest.mark.asyncio
async def test_a_run_has_a_spec_as_long_as_its_configuration_is_kept(wire: Wire) -> None:
    """GetJob and GetPod agree about every run after every update, the current run included."""
    create_job(wire.gateway)
    stream = create_pod(wire.gateway, 1)
    stub = pod_svc_pb2_grpc.PodServiceStub(wire.channel)
    told: pods.GetPodResponse
    for config in range(2, KEPT_WORKFLOWS + 4):
        spec = job(default_spec=pod(container(f"sleep {config}")))
        started = WorkflowStarted(
            kind=WorkflowKind.UPDATE,
            config=config,
            previous_config=config - 1,
            options=WorkflowOptions(),
            spec=read_job_spec(spec, RULES),
        )
        wire.gateway.record(f"job/{JOB}", started)
        if config <= KEPT_WORKFLOWS // 2:  # later updates do not reach the pod
            run = config - 1
            wire.gateway.record(
                stream,
                PodEnded(run=run, phase=PodPhase.KILLED, reason=EndReason.FOR_UPDATE),
                PodRunStarted(run=run + 1, config=config, spec=pod_spec(spec), failure_count=0),
            )
        told = await stub.GetPod(pods.GetPodRequest(pod_name=NAME))
        for it in (told.current, *told.previous):
            number = int(it.status.version.value.partition("-")[0])
            version = base.EntityVersion(value=f"{number}-1-1")
            assert it.HasField("spec") == await is_kept(wire, version)
            if it.HasField("spec") and number > 1:
                assert it.spec.containers[0].command.value == f"sleep {number}"
    assert [it.HasField("spec") for it in (told.current, *told.previous)] == [True, True, False, False, False]
