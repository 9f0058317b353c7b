"""Workflows over a real wire: what is asked of the gateway, what the client is told of the past."""

from collections.abc import Awaitable, Callable

import grpc
import pytest

from actors.job.commands import (
    AbortWorkflow,
    CompareJob,
    JobDifference,
    PauseWorkflow,
    ReplaceJob,
    RestartJob,
    ResumeWorkflow,
)
from actors.pod.commands import ForgetPodRun
from events.job import (
    JobSpec,
    WorkflowAdvanced,
    WorkflowInstanceEnded,
    WorkflowKind,
    WorkflowOptions,
    WorkflowPhase,
    WorkflowPhaseChanged,
    WorkflowPlanned,
    WorkflowStarted,
    WorkflowTouched,
    WorkflowTurnedBack,
)
from events.pod import PodDeleted, PodRunForgotten
from projections.jobs import JobView
from projections.workflows import KEPT_INSTANCES
from protocol.pb.mesos.v1 import mesos_pb2
from protocol.pb.peloton.api.v1alpha import peloton_pb2 as base
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2 as stateless
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as jobs
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2_grpc
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2 as pods
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2_grpc
from protocol.peloton.translate.job_spec import read_job_spec
from tests.protocol.peloton.conftest import Wire
from tests.protocol.peloton.fake import JOB, FakeGateway
from tests.protocol.peloton.messages import container, job, label, pod
from tests.protocol.peloton.refusals import refused
from tests.protocol.peloton.stories import RULES, create_job, create_pod, fail_pod, pod_spec, run_pod

ID = base.JobID(value=JOB)
NAME = base.PodName(value=f"{JOB}-1")
VERSION = base.EntityVersion(value="1-1-1")
OPAQUE = base.OpaqueData(data="why")
KEYED = (("idempotency-key", "k"),)
W = WorkflowPhase


def stub(wire: Wire) -> stateless_svc_pb2_grpc.JobServiceStub:
    return stateless_svc_pb2_grpc.JobServiceStub(wire.channel)


def pod_stub(wire: Wire) -> pod_svc_pb2_grpc.PodServiceStub:
    return pod_svc_pb2_grpc.PodServiceStub(wire.channel)


@pytest.mark.asyncio
async def test_replace_asks_for_the_whole(wire: Wire) -> None:
    spec = job(instance_count=5)
    await stub(wire).ReplaceJob(
        jobs.ReplaceJobRequest(
            job_id=ID,
            version=VERSION,
            spec=spec,
            opaque_data=OPAQUE,
            update_spec=stateless.UpdateSpec(
                batch_size=1,
                rollback_on_failure=True,
                max_instance_retries=2,
                max_tolerable_instance_failures=3,
                start_paused=True,
                in_place=True,
                start_pods=True,
            ),
        ),
        metadata=KEYED,
    )
    stream, command, call = wire.gateway.asked[0]
    assert (stream, call.key) == (f"job/{JOB}", "k")
    assert command == ReplaceJob(
        expected_version="1-1-1",
        spec=read_job_spec(spec, RULES),
        opaque="why",
        options=WorkflowOptions(
            batch_size=1,
            roll_back_on_failure=True,
            max_instance_retries=2,
            max_tolerable_failures=3,
            start_paused=True,
            in_place=True,
            start_pods=True,
        ),
    )


@pytest.mark.asyncio
async def test_replace_refuses_secrets_and_what_breaks_a_rule(wire: Wire) -> None:
    request = jobs.ReplaceJobRequest(job_id=ID, version=VERSION, spec=job(), secrets=[base.Secret()])
    assert (await refused(stub(wire).ReplaceJob(request))).fields == ("secrets",)
    bad = jobs.ReplaceJobRequest(job_id=ID, version=VERSION, spec=job(instance_count=2**31))
    assert (await refused(stub(wire).ReplaceJob(bad))).fields == ("spec.instance_count",)
    assert wire.gateway.asked == []


@pytest.mark.asyncio
async def test_restart_counts_ranges_its_own_way(wire: Wire) -> None:
    ranges = [pod_pb2.InstanceIDRange(to=2), pod_pb2.InstanceIDRange(to=0)]
    request = jobs.RestartJobRequest(job_id=ID, version=VERSION, batch_size=3, ranges=ranges)
    await stub(wire).RestartJob(request)
    assert wire.gateway.asked[0][1] == RestartJob(
        expected_version="1-1-1", instances=((0, 1),), options=WorkflowOptions(batch_size=3)
    )


@pytest.mark.asyncio
async def test_touching_keeps_or_sets_the_text(wire: Wire) -> None:
    it = stub(wire)
    await it.PauseJobWorkflow(jobs.PauseJobWorkflowRequest(job_id=ID, version=VERSION))
    await it.ResumeJobWorkflow(
        jobs.ResumeJobWorkflowRequest(job_id=ID, version=VERSION, opaque_data=base.OpaqueData())
    )
    await it.AbortJobWorkflow(jobs.AbortJobWorkflowRequest(job_id=ID, version=VERSION, opaque_data=OPAQUE))
    assert [command for _, command, _ in wire.gateway.asked] == [
        PauseWorkflow(expected_version="1-1-1"),
        ResumeWorkflow(expected_version="1-1-1", opaque=""),
        AbortWorkflow(expected_version="1-1-1", opaque="why"),
    ]


@pytest.mark.asyncio
async def test_a_difference_is_a_question(wire: Wire) -> None:
    wire.gateway.answer = JobDifference(
        added=((3, 4),), updated=((0, 0),), removed=((7, 7),), unchanged=((1, 2),)
    )
    request = jobs.GetReplaceJobDiffRequest(job_id=ID, version=VERSION, spec=job())
    told = await stub(wire).GetReplaceJobDiff(request, metadata=KEYED)
    _, command, call = wire.gateway.asked[0]
    assert command == CompareJob(expected_version="1-1-1", spec=read_job_spec(job(), RULES))
    assert call.key == ""
    named = (told.instances_added, told.instances_updated, told.instances_removed, told.instances_unchanged)
    assert [[(getattr(it, "from"), it.to) for it in each] for each in named] == [
        [(3, 4)],
        [(0, 0)],
        [(7, 7)],
        [(1, 2)],
    ]


PATCHES: list[tuple[stateless.JobSpec, stateless.JobSpec]] = [
    (stateless.JobSpec(), job()),
    (stateless.JobSpec(owner="bob", labels=[label("a", "b")]), job(owner="bob", labels=[label("a", "b")])),
    (stateless.JobSpec(sla=stateless.SlaSpec(priority=3)), job(sla=stateless.SlaSpec(priority=3))),
    (
        stateless.JobSpec(default_spec=pod_pb2.PodSpec(kill_grace_period_seconds=5)),
        job(default_spec=pod(kill_grace_period_seconds=5)),
    ),
    (
        stateless.JobSpec(
            default_spec=pod(
                pod_pb2.ContainerSpec(resource=pod_pb2.ResourceSpec(cpu_limit=2)), container("sleep 9")
            )
        ),
        job(default_spec=pod(container(resource=pod_pb2.ResourceSpec(cpu_limit=2)), container("sleep 9"))),
    ),
    (
        stateless.JobSpec(
            default_spec=pod(
                pod_pb2.ContainerSpec(entrypoint=pod_pb2.CommandSpec(value="true", arguments=["x"]))
            )
        ),
        job(
            default_spec=pod(
                pod_pb2.ContainerSpec(entrypoint=pod_pb2.CommandSpec(value="true", arguments=["x"]))
            )
        ),
    ),
    (
        stateless.JobSpec(instance_spec={1: pod_pb2.PodSpec(kill_grace_period_seconds=7)}),
        job(instance_spec={1: pod_pb2.PodSpec(kill_grace_period_seconds=7)}),
    ),
]


@pytest.mark.parametrize(("patch", "whole"), PATCHES)
@pytest.mark.asyncio
async def test_a_patch_is_the_whole_with_some_fields_changed(
    wire: Wire, patch: stateless.JobSpec, whole: stateless.JobSpec
) -> None:
    create_job(wire.gateway)
    await stub(wire).PatchJob(jobs.PatchJobRequest(job_id=ID, version=VERSION, spec=patch))
    _, command, _ = wire.gateway.asked[0]
    assert isinstance(command, ReplaceJob)
    assert command.spec == read_job_spec(whole, RULES)


@pytest.mark.asyncio
async def test_variables_of_a_patch_count_in_whichever_form_they_come(wire: Wire) -> None:
    known = pod_pb2.ContainerSpec(
        entrypoint=pod_pb2.CommandSpec(value="old"), environment=[pod_pb2.Environment(name="A", value="1")]
    )
    create_job(wire.gateway, job(default_spec=pod(known)))
    line, variable = mesos_pb2.CommandInfo(value="new"), mesos_pb2.Environment.Variable(name="A", value="2")
    given = mesos_pb2.CommandInfo(value="new", environment=mesos_pb2.Environment(variables=[variable]))
    for command, variables in ((line, (("A", "1"),)), (given, (("A", "2"),))):
        spec = stateless.JobSpec(default_spec=pod(pod_pb2.ContainerSpec(command=command)))
        await stub(wire).PatchJob(jobs.PatchJobRequest(job_id=ID, version=VERSION, spec=spec))
        _, asked, _ = wire.gateway.asked[-1]
        assert isinstance(asked, ReplaceJob)
        assert asked.spec.default is not None
        assert asked.spec.default.containers[0].environment == variables


# ---------------------------------------------------------------- the past


def moved(gateway: FakeGateway, *events: object) -> JobView:
    gateway.record(f"job/{JOB}", *events)
    view = gateway.views[f"job/{JOB}"]
    assert isinstance(view, JobView)
    return view


def update(config: int, spec: JobSpec | None = None) -> WorkflowStarted:
    return WorkflowStarted(
        kind=WorkflowKind.UPDATE,
        config=config,
        previous_config=config - 1,
        options=WorkflowOptions(),
        spec=spec,
    )


TURNED = (
    WorkflowPhaseChanged(phase=W.ABORTED),
    update(2, read_job_spec(job(instance_count=2), RULES)),
    WorkflowPlanned(updated=((0, 1),), removed=((2, 2),)),
    WorkflowAdvanced(instances=(0, 0), more=((2, 2),)),
    WorkflowInstanceEnded(instance=0, has_failed=True),
    WorkflowTouched(opaque="later"),
    WorkflowTurnedBack(config=3, spec=read_job_spec(job(), RULES)),
    WorkflowPlanned(added=((2, 2),), updated=((0, 0),)),
    WorkflowAdvanced(instances=(0, 0)),
    WorkflowInstanceEnded(instance=0, has_failed=False),
)


@pytest.mark.asyncio
async def test_events_of_one_instance_are_told_newest_first(wire: Wire) -> None:
    create_job(wire.gateway)
    moved(wire.gateway, *TURNED)
    request = jobs.GetWorkflowEventsRequest(job_id=ID, instance_id=0)
    told = (await stub(wire).GetWorkflowEvents(request)).events
    assert [stateless.WorkflowState.Name(it.state).removeprefix("WORKFLOW_STATE_") for it in told] == [
        "SUCCEEDED",
        "ROLLING_BACKWARD",
        "FAILED",
        "ROLLING_FORWARD",
        "INITIALIZED",
    ]
    request.limit = 2
    assert len((await stub(wire).GetWorkflowEvents(request)).events) == 2
    for instance, count in ((1, 0), (2, 2)):
        request = jobs.GetWorkflowEventsRequest(job_id=ID, instance_id=instance)
        assert len((await stub(wire).GetWorkflowEvents(request)).events) == count


@pytest.mark.asyncio
async def test_workflows_are_listed_newest_first(wire: Wire) -> None:
    create_job(wire.gateway)
    moved(wire.gateway, *TURNED)
    it = stub(wire)
    updates = (await it.ListJobUpdates(jobs.ListJobUpdatesRequest(job_id=ID))).workflow_infos
    assert [each.status.version.value for each in updates] == ["3-1-3", "1-1-3"]
    assert [each.opaque_data.data for each in updates] == ["later", "mine"]
    assert not updates[0].instance_events
    request = jobs.ListJobWorkflowsRequest(
        job_id=ID, updates_limit=1, instance_events=True, instance_events_limit=1
    )
    (told,) = (await it.ListJobWorkflows(request)).workflow_infos
    assert [(each.instance_id, len(each.events)) for each in told.instance_events] == [(0, 1), (2, 1)]


@pytest.mark.asyncio
async def test_only_kept_configurations_are_told(wire: Wire) -> None:
    create_job(wire.gateway)
    moved(wire.gateway, *TURNED)
    it = stub(wire)
    for config, count in (("1", 3), ("2", 2), ("3", 3)):
        request = jobs.GetJobRequest(job_id=ID, version=base.EntityVersion(value=f"{config}-1-1"))
        assert (await it.GetJob(request)).job_info.spec.instance_count == count
    moved(wire.gateway, *(update(config) for config in range(4, 13)))
    for config in ("1", "99"):
        request = jobs.GetJobRequest(job_id=ID, version=base.EntityVersion(value=f"{config}-1-1"))
        assert (await refused(it.GetJob(request))).code is grpc.StatusCode.NOT_FOUND


def test_what_happened_to_very_many_instances_is_not_kept_for_ever() -> None:
    gateway, many = FakeGateway(), KEPT_INSTANCES + 1
    create_job(gateway, job(instance_count=many))
    assert len(moved(gateway).workflows[0].instance_changes) == many
    assert not moved(gateway, update(2)).workflows[0].instance_changes


@pytest.mark.asyncio
async def test_what_is_not_there_is_not_found(wire: Wire) -> None:
    it, pods_ = stub(wire), pod_stub(wire)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: it.GetWorkflowEvents(jobs.GetWorkflowEventsRequest(job_id=ID)),
        lambda: it.ListJobUpdates(jobs.ListJobUpdatesRequest(job_id=ID)),
        lambda: it.ListJobWorkflows(jobs.ListJobWorkflowsRequest(job_id=ID)),
        lambda: it.RefreshJob(jobs.RefreshJobRequest(job_id=ID)),
        lambda: it.GetJobCache(jobs.GetJobCacheRequest(job_id=ID)),
        lambda: it.PatchJob(jobs.PatchJobRequest(job_id=ID)),
        lambda: pods_.RefreshPod(pods.RefreshPodRequest(pod_name=NAME)),
        lambda: pods_.GetPodCache(pods.GetPodCacheRequest(pod_name=NAME)),
    ]
    for call in calls:
        assert (await refused(call())).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.asyncio
async def test_what_is_in_memory(wire: Wire) -> None:
    create_job(wire.gateway)
    create_pod(wire.gateway, 1)
    moved(wire.gateway, update(2))
    cached = await stub(wire).GetJobCache(jobs.GetJobCacheRequest(job_id=ID))
    assert (cached.spec.name, cached.status.version.value) == ("web", "2-1-2")
    workflow = cached.status.workflow_status
    assert (workflow.version.value, workflow.prev_version.value) == ("2-0-0", "1-0-0")
    whole = await stub(wire).GetJob(jobs.GetJobRequest(job_id=ID))
    assert whole.job_info.status.workflow_status.version.value == "2-1-2"
    await stub(wire).RefreshJob(jobs.RefreshJobRequest(job_id=ID))
    await pod_stub(wire).RefreshPod(pods.RefreshPodRequest(pod_name=NAME))
    told = await pod_stub(wire).GetPodCache(pods.GetPodCacheRequest(pod_name=NAME))
    assert told.status.pod_id.value == f"{JOB}-1-1"
    assert "peloton.job_name" in {it.key for it in told.labels}


@pytest.mark.asyncio
async def test_events_of_a_forgotten_run_are_not_told(wire: Wire) -> None:
    wire.gateway.answer = None
    stream = create_pod(wire.gateway, 1)
    run_pod(wire.gateway, stream)
    fail_pod(wire.gateway, stream, pod_spec(job()))
    wire.gateway.record(stream, PodRunForgotten(run=1))
    run_pod(wire.gateway, stream, run=2)
    it = pod_stub(wire)

    async def count(run: int | None) -> int:
        pod_id = None if run is None else base.PodID(value=f"{JOB}-1-{run}")
        return len((await it.GetPodEvents(pods.GetPodEventsRequest(pod_name=NAME, pod_id=pod_id))).events)

    assert await count(1) == 0
    assert await count(2) == await count(None) > 3
    wire.gateway.record(stream, PodRunForgotten(run=2), PodDeleted(run=2))
    assert await count(2) == await count(None) == 1
    request = pods.DeletePodEventsRequest(pod_name=NAME, pod_id=base.PodID(value=f"{JOB}-1-2"))
    await it.DeletePodEvents(request)
    assert wire.gateway.asked[-1][:2] == (stream, ForgetPodRun(run=2))
    told = await refused(it.DeletePodEvents(pods.DeletePodEventsRequest(pod_name=NAME)))
    assert (told.code, told.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("pod_id",))


def test_policies_without_a_kernel_word_make_another_pod() -> None:
    one = pod_spec(job())
    other = pod_spec(job(default_spec=pod(restart_policy=pod_pb2.RestartPolicy(max_failures=3))))
    assert one.beyond == ""
    assert other.beyond
    cut = [
        pod_spec(job(default_spec=pod(restart_policy=pod_pb2.RestartPolicy(max_failures=each))))
        for each in (100, 200)
    ]
    assert cut[0] == cut[1]
