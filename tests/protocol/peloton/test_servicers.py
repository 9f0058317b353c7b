"""Jobs, pods and hosts over a real wire: what is asked of the gateway, what the client is told."""

import grpc
import pytest

from actors.job.commands import CreateJob, DeleteJob, JobAccepted, StartJob, StartJobPod, StopJob
from actors.kernel.decider import Code, Rejection
from actors.pod.commands import RestartPod, StartPod, StopPod
from events.host import HostPhase
from protocol.pb.peloton.api.v1alpha import peloton_pb2 as base
from protocol.pb.peloton.api.v1alpha.host import host_pb2
from protocol.pb.peloton.api.v1alpha.host.svc import host_svc_pb2, host_svc_pb2_grpc
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2 as stateless
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as jobs
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2_grpc
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2 as pods
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2_grpc
from tests.protocol.peloton.conftest import FILES, Wire
from tests.protocol.peloton.fake import JOB, OTHER
from tests.protocol.peloton.messages import create, job, label, pod
from tests.protocol.peloton.refusals import refused
from tests.protocol.peloton.stories import create_job, create_pod, fail_pod, pod_spec, run_pod

ID = base.JobID(value=JOB)
NAME = base.PodName(value=f"{JOB}-1")
VERSION = base.EntityVersion(value="1-1-1")


def job_stub(wire: Wire) -> stateless_svc_pb2_grpc.JobServiceStub:
    return stateless_svc_pb2_grpc.JobServiceStub(wire.channel)


def pod_stub(wire: Wire) -> pod_svc_pb2_grpc.PodServiceStub:
    return pod_svc_pb2_grpc.PodServiceStub(wire.channel)


# ---------------------------------------------------------------- writing


@pytest.mark.asyncio
async def test_create_asks_for_the_job_and_tells_its_version(wire: Wire) -> None:
    made = await job_stub(wire).CreateJob(
        create(job(), job_id=base.JobID(value=JOB.upper())), metadata=(("idempotency-key", "k"),)
    )
    assert (made.job_id.value, made.version.value) == (JOB, "1-1-1")
    stream, command, call = wire.gateway.asked[0]
    assert stream == f"job/{JOB}"
    assert isinstance(command, CreateJob)
    assert (command.job, command.spec.name) == (JOB, "web")
    assert (call.key, call.origin, call.principal) == ("k", "peloton", "local")
    assert len(call.fingerprint) == 64


@pytest.mark.asyncio
async def test_create_without_an_id_makes_one_up(wire: Wire) -> None:
    await job_stub(wire).CreateJob(create(job()))
    stream, command, _ = wire.gateway.asked[0]
    assert isinstance(command, CreateJob)
    assert stream == f"job/{command.job}"


@pytest.mark.asyncio
async def test_create_refuses_by_the_field(wire: Wire) -> None:
    told = await refused(job_stub(wire).CreateJob(create(job(), job_id=base.JobID(value="job-1"))))
    assert (told.code, told.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("job_id",))
    told = await refused(job_stub(wire).CreateJob(create(job(default_spec=pod(volumes=[{"name": "v"}])))))
    assert (told.code, told.fields) == (grpc.StatusCode.UNIMPLEMENTED, ("spec.default_spec.volumes",))
    assert wire.gateway.asked == []


@pytest.mark.asyncio
async def test_start_stop_and_delete_carry_the_version(wire: Wire) -> None:
    wire.gateway.answer = JobAccepted(job=JOB, version="1-2-1")
    stub = job_stub(wire)
    started = await stub.StartJob(jobs.StartJobRequest(job_id=ID, version=VERSION))
    stopped = await stub.StopJob(jobs.StopJobRequest(job_id=ID, version=VERSION))
    await stub.DeleteJob(jobs.DeleteJobRequest(job_id=ID, version=VERSION, force=True))
    assert started.version.value == stopped.version.value == "1-2-1"
    assert [(stream, command) for stream, command, _ in wire.gateway.asked] == [
        (f"job/{JOB}", StartJob(expected_version="1-1-1")),
        (f"job/{JOB}", StopJob(expected_version="1-1-1")),
        (f"job/{JOB}", DeleteJob(expected_version="1-1-1", force=True)),
    ]


@pytest.mark.parametrize(
    ("rejection", "code", "words"),
    [
        (Rejection(Code.STALE_VERSION, "is 1-2-1"), grpc.StatusCode.ABORTED, "unexpected entity version"),
        (Rejection(Code.WRONG_STATE, "not killed"), grpc.StatusCode.ABORTED, "not killed"),
        (
            Rejection(Code.BEING_DELETED, "job is going to be deleted"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "job is going to be deleted",
        ),
        (Rejection(Code.EXHAUSTED, "full"), grpc.StatusCode.RESOURCE_EXHAUSTED, "full"),
    ],
)
@pytest.mark.asyncio
async def test_refusals_of_the_kernel(
    wire: Wire, rejection: Rejection, code: grpc.StatusCode, words: str
) -> None:
    wire.gateway.refuse(rejection)
    told = await refused(job_stub(wire).StopJob(jobs.StopJobRequest(job_id=ID, version=VERSION)))
    assert (told.code, told.reason) == (code, rejection.code.name)
    assert words in told.sentence
    assert told.is_retried == (rejection.code is Code.EXHAUSTED)


@pytest.mark.asyncio
async def test_a_mistake_of_ours_is_told_without_what_it_was(
    wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    wire.gateway.refusal = RuntimeError("password is hunter2")
    told = await refused(job_stub(wire).StopJob(jobs.StopJobRequest(job_id=ID)))
    assert told.code is grpc.StatusCode.INTERNAL
    assert "hunter2" not in told.sentence
    assert "hunter2" in "".join(capsys.readouterr())


@pytest.mark.asyncio
async def test_a_bad_key_does_nothing(wire: Wire) -> None:
    call = job_stub(wire).StopJob(jobs.StopJobRequest(job_id=ID), metadata=(("idempotency-key", "a b"),))
    told = await refused(call)
    assert (told.code, told.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ("idempotency-key",))
    assert wire.gateway.asked == []


@pytest.mark.asyncio
async def test_wishes_for_pods_go_to_whom_they_concern(wire: Wire) -> None:
    wire.gateway.answer = None
    create_pod(wire.gateway, 1)
    create_pod(wire.gateway, 2, owner="run/7")
    stub = pod_stub(wire)
    await stub.StartPod(pods.StartPodRequest(pod_name=NAME))
    await stub.StartPod(pods.StartPodRequest(pod_name=base.PodName(value=f"{JOB}-2")))
    await stub.StartPod(pods.StartPodRequest(pod_name=base.PodName(value=f"{JOB}-9")))
    await stub.StopPod(pods.StopPodRequest(pod_name=NAME))
    await stub.RestartPod(pods.RestartPodRequest(pod_name=NAME, check_sla=True))
    assert [(stream, command) for stream, command, _ in wire.gateway.asked] == [
        (f"job/{JOB}", StartJobPod(instance=1)),
        (f"pod/{JOB}-2", StartPod()),
        (f"job/{JOB}", StartJobPod(instance=9)),
        (f"pod/{JOB}-1", StopPod()),
        (f"pod/{JOB}-1", RestartPod()),
    ]


@pytest.mark.asyncio
async def test_a_bound_on_unavailable_pods_is_not_ignored(wire: Wire) -> None:
    create_job(wire.gateway, job(sla=stateless.SlaSpec(maximum_unavailable_instances=1)))
    request = pods.RestartPodRequest(pod_name=NAME, check_sla=True)
    assert (await refused(pod_stub(wire).RestartPod(request))).code is grpc.StatusCode.UNIMPLEMENTED


# ---------------------------------------------------------------- reading


@pytest.mark.asyncio
async def test_get_job_whole_in_summary_and_as_configured(wire: Wire) -> None:
    create_job(wire.gateway)
    stub = job_stub(wire)
    whole = await stub.GetJob(jobs.GetJobRequest(job_id=ID))
    assert whole.job_info.status.state == stateless.JOB_STATE_RUNNING
    assert whole.workflow_info.status.type == stateless.WORKFLOW_TYPE_UPDATE
    assert not whole.HasField("summary")
    short = await stub.GetJob(jobs.GetJobRequest(job_id=ID, summary_only=True))
    assert short.summary.name == "web"
    assert not short.HasField("job_info")
    old = await stub.GetJob(jobs.GetJobRequest(job_id=ID, version=VERSION))
    assert old.job_info.spec.name == "web"
    assert not old.job_info.HasField("status")
    assert not old.HasField("workflow_info")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (jobs.GetJobRequest(), grpc.StatusCode.INVALID_ARGUMENT),
        (jobs.GetJobRequest(job_id=base.JobID(value=OTHER)), grpc.StatusCode.NOT_FOUND),
        (
            jobs.GetJobRequest(job_id=ID, version=base.EntityVersion(value="1-1")),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        (
            jobs.GetJobRequest(job_id=ID, version=base.EntityVersion(value="2-1-1")),
            grpc.StatusCode.NOT_FOUND,
        ),
    ],
)
@pytest.mark.asyncio
async def test_get_job_refuses(wire: Wire, request_: jobs.GetJobRequest, code: grpc.StatusCode) -> None:
    create_job(wire.gateway)
    assert (await refused(job_stub(wire).GetJob(request_))).code is code


@pytest.mark.asyncio
async def test_ids_of_a_name(wire: Wire) -> None:
    create_job(wire.gateway)
    stub = job_stub(wire)
    found = await stub.GetJobIDFromJobName(jobs.GetJobIDFromJobNameRequest(job_name="web"))
    assert [it.value for it in found.job_id] == [JOB]
    missing = stub.GetJobIDFromJobName(jobs.GetJobIDFromJobNameRequest(job_name="nope"))
    assert (await refused(missing)).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.asyncio
async def test_lists_are_read_to_the_end_one_in_a_message(wire: Wire) -> None:
    wire.gateway.page_size = 2
    create_job(wire.gateway)
    create_job(wire.gateway, job=OTHER)
    for instance in range(5):
        create_pod(wire.gateway, instance)
    stub = job_stub(wire)
    listed = [message async for message in stub.ListJobs(jobs.ListJobsRequest())]
    assert [it.job_id.value for message in listed for it in message.jobs] == [JOB, OTHER]
    told = [message async for message in stub.ListPods(jobs.ListPodsRequest(job_id=ID))]
    assert [[it.pod_name.value for it in message.pods] for message in told] == [
        [f"{JOB}-{instance}"] for instance in range(5)
    ]


@pytest.mark.parametrize(("last", "found"), [(1, []), (2, [1]), (4, [1, 2, 3]), (9, [1, 2, 3, 4])])
@pytest.mark.asyncio
async def test_ranges_of_pods_leave_out_their_last(wire: Wire, last: int, found: list[int]) -> None:
    create_job(wire.gateway)
    for instance in range(5):
        create_pod(wire.gateway, instance)
    span = pod_pb2.InstanceIDRange(to=last)
    setattr(span, "from", 1)
    told = job_stub(wire).ListPods(jobs.ListPodsRequest(job_id=ID, range=span))
    assert [message.pods[0].pod_name.value async for message in told] == [f"{JOB}-{it}" for it in found]


@pytest.mark.asyncio
async def test_pods_of_an_unknown_job(wire: Wire) -> None:
    async def read() -> None:
        async for _ in job_stub(wire).ListPods(jobs.ListPodsRequest(job_id=ID)):
            pass

    assert (await refused(read())).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.asyncio
async def test_query_jobs_echoes_what_was_asked(wire: Wire) -> None:
    wire.gateway.page_size = 1
    create_job(wire.gateway)
    create_job(wire.gateway, job=OTHER)
    spec = stateless.QuerySpec(labels=[label("tier", "front")])
    page = await job_stub(wire).QueryJobs(jobs.QueryJobsRequest(spec=spec))
    assert [it.job_id.value for it in page.records] == [JOB, OTHER]
    assert (page.pagination.limit, page.pagination.total, page.spec) == (10, 2, spec)
    never = stateless.QuerySpec(job_states=[stateless.JOB_STATE_INITIALIZED])
    assert not (await job_stub(wire).QueryJobs(jobs.QueryJobsRequest(spec=never))).records


@pytest.mark.asyncio
async def test_an_offset_beyond_the_end_is_an_empty_page(wire: Wire) -> None:
    create_job(wire.gateway)
    spec = stateless.QuerySpec()
    spec.pagination.offset = 500
    page = await job_stub(wire).QueryJobs(jobs.QueryJobsRequest(spec=spec))
    assert not page.records
    assert page.pagination.total == 1


@pytest.mark.asyncio
async def test_query_pods_tells_specs_unless_asked_not_to(wire: Wire) -> None:
    create_job(wire.gateway, job(instance_spec={1: pod(kill_grace_period_seconds=9)}))
    for instance in range(2):
        create_pod(wire.gateway, instance)
    stub = job_stub(wire)
    page = await stub.QueryPods(jobs.QueryPodsRequest(job_id=ID))
    assert [it.spec.kill_grace_period_seconds for it in page.pods] == [0, 9]
    assert [it.spec.pod_name.value for it in page.pods] == [f"{JOB}-0", f"{JOB}-1"]
    assert page.pagination.total == 2
    short = await stub.QueryPods(jobs.QueryPodsRequest(job_id=ID, summary_only=True))
    assert not any(it.HasField("spec") for it in short.pods)


@pytest.mark.asyncio
async def test_get_pod_tells_runs_up_to_a_limit(wire: Wire) -> None:
    create_job(wire.gateway)
    stream = create_pod(wire.gateway, 1)
    for run in (1, 2):
        run_pod(wire.gateway, stream, run=run)
        fail_pod(wire.gateway, stream, pod_spec(job()), run=run)
    stub = pod_stub(wire)
    for limit, runs in ((0, [2, 1]), (1, []), (2, [2]), (9, [2, 1])):
        told = await stub.GetPod(pods.GetPodRequest(pod_name=NAME, limit=limit))
        assert told.current.status.pod_id.value == f"{JOB}-1-3"
        assert [it.status.pod_id.value for it in told.previous] == [f"{JOB}-1-{run}" for run in runs]
        assert told.current.spec.containers[0].command.value == "sleep 60"
    bare = await stub.GetPod(pods.GetPodRequest(pod_name=NAME, status_only=True))
    assert not bare.current.HasField("spec")
    assert not bare.previous[0].HasField("spec")


@pytest.mark.asyncio
async def test_a_pod_without_a_job_is_told_as_far_as_it_is_known(wire: Wire) -> None:
    create_pod(wire.gateway, 1, owner="run/7")
    told = await pod_stub(wire).GetPod(pods.GetPodRequest(pod_name=NAME))
    assert told.current.spec.pod_name == NAME
    assert told.current.spec.containers[0].entrypoint.arguments == ["-c", "sleep 60"]


@pytest.mark.asyncio
async def test_an_unknown_pod(wire: Wire) -> None:
    stub = pod_stub(wire)
    assert (await refused(stub.GetPod(pods.GetPodRequest(pod_name=NAME)))).code is grpc.StatusCode.NOT_FOUND
    bad = stub.GetPod(pods.GetPodRequest(pod_name=base.PodName(value="web-1")))
    assert (await refused(bad)).fields == ("pod_name",)
    assert not (await stub.GetPodEvents(pods.GetPodEventsRequest(pod_name=NAME))).events
    browse = stub.BrowsePodSandbox(pods.BrowsePodSandboxRequest(pod_name=NAME))
    assert (await refused(browse)).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.asyncio
async def test_files_of_a_run_that_ran(wire: Wire) -> None:
    stream = create_pod(wire.gateway, 1)
    stub = pod_stub(wire)
    browse = stub.BrowsePodSandbox(pods.BrowsePodSandboxRequest(pod_name=NAME))
    assert (await refused(browse)).code is grpc.StatusCode.ABORTED
    run_pod(wire.gateway, stream)
    fail_pod(wire.gateway, stream, pod_spec(job()))
    told = await stub.BrowsePodSandbox(
        pods.BrowsePodSandboxRequest(pod_name=NAME, pod_id=base.PodID(value=f"{JOB}-1-1"))
    )
    assert (told.hostname, told.port, tuple(told.paths)) == ("127.0.0.1", "7780", FILES)


@pytest.mark.asyncio
async def test_events_of_a_run(wire: Wire) -> None:
    stream = create_pod(wire.gateway, 1)
    run_pod(wire.gateway, stream)
    told = await pod_stub(wire).GetPodEvents(pods.GetPodEventsRequest(pod_name=NAME))
    assert told.events[0].actual_state == "POD_STATE_RUNNING"


@pytest.mark.asyncio
async def test_hosts(wire: Wire) -> None:
    wire.gateway.add_host("h1")
    wire.gateway.add_host("h2", HostPhase.DOWN)
    stub = host_svc_pb2_grpc.HostServiceStub(wire.channel)
    every = await stub.QueryHosts(host_svc_pb2.QueryHostsRequest())
    assert [it.hostname for it in every.host_infos] == ["h1", "h2"]
    first = every.host_infos[0]
    assert (first.ip, first.state, first.goal_state) == ("10.0.0.1", 2, 2)
    assert [(it.key, it.value) for it in first.labels] == [("hostname", "h1"), ("rack", "a")]
    for states, names in (
        ([host_pb2.HOST_STATE_DOWN] * 2, ["h2"]),
        ([host_pb2.HOST_STATE_UNKNOWN], []),
        ([host_pb2.HOST_STATE_UNKNOWN, host_pb2.HOST_STATE_UP], ["h1"]),
    ):
        told = await stub.QueryHosts(host_svc_pb2.QueryHostsRequest(host_states=states))
        assert [it.hostname for it in told.host_infos] == names


@pytest.mark.asyncio
async def test_what_is_not_built_says_so(wire: Wire) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await host_svc_pb2_grpc.HostServiceStub(wire.channel).StartMaintenance(
            host_svc_pb2.StartMaintenanceRequest()
        )
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
