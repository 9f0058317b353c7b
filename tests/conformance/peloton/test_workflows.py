"""Updates and restarts of a running job, as a foreign client sees them."""

import uuid

import pytest

from protocol.pb.mesos.v1 import mesos_pb2
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2 as stateless
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2
from tests.conformance.peloton.client import Client, Code, entity, job_id, pod_id, pod_name, refused
from tests.protocol.peloton.messages import container, job, pod

UpdateSpec = stateless.UpdateSpec
FAILING = pod(container(command=mesos_pb2.CommandInfo(shell=False, value="/there/is/no/such/program")))


def replace(
    client: Client,
    made: str,
    version: str,
    spec: stateless.JobSpec,
    opaque: str = "",
    **options: object,
) -> str:
    """Replace a job's spec; answers its new version."""
    request = svc.ReplaceJobRequest(
        job_id=job_id(made),
        version=entity(version),
        spec=spec,
        update_spec=UpdateSpec(**options),  # type: ignore[arg-type] # any
        opaque_data=peloton_pb2.OpaqueData(data=opaque),
    )
    return client.jobs.ReplaceJob(request).version.value


def await_workflow(
    client: Client,
    made: str,
    state: stateless.WorkflowState.ValueType,
) -> stateless.WorkflowInfo:
    """Wait until the current workflow is in a state."""
    client.await_job(made, lambda info: info.status.workflow_status.state == state)
    return client.read(made).workflow_info


def ranges(spelled: object) -> list[tuple[int, int]]:
    return [(getattr(each, "from"), each.to) for each in spelled]  # type: ignore[attr-defined]


def run_of(client: Client, name: str) -> str:
    return client.pod(name, limit=1).current.status.pod_id.value.rsplit("-", 1)[1]


def diff(client: Client, made: str, version: str, spec: stateless.JobSpec) -> tuple[object, ...]:
    request = svc.GetReplaceJobDiffRequest(job_id=job_id(made), version=entity(version), spec=spec)
    told = client.jobs.GetReplaceJobDiff(request)
    return (
        ranges(told.instances_added),
        ranges(told.instances_updated),
        ranges(told.instances_removed),
        ranges(told.instances_unchanged),
    )


def test_an_update_moves_all_pods(client: Client) -> None:
    made = client.run(job(instance_count=3))
    other = job(instance_count=4, default_spec=pod(container("sleep 61")))
    assert diff(client, made.id, made.version, other) == ([(3, 3)], [(0, 2)], [], [])
    version = replace(client, made.id, made.version, other, "mine", batch_size=2)
    assert version == "2-1-2"
    told = await_workflow(client, made.id, stateless.WORKFLOW_STATE_SUCCEEDED)
    assert (ranges(told.instances_added), ranges(told.instances_updated)) == ([(3, 3)], [(0, 2)])
    assert told.status.num_instances_completed == 4
    assert (told.opaque_data.data, told.update_spec.batch_size) == ("mine", 2)
    assert (told.status.version.value, told.status.prev_version.value) == ("2-1-2", "1-1-2")
    info = client.get(made.id)
    assert info.spec.default_spec.containers[0].command.value == "sleep 61"
    assert dict(info.status.pod_configuration_version_stats) == {"2-0-0": 4}
    assert [run_of(client, f"{made.id}-{each}") for each in range(4)] == ["2", "2", "2", "1"]
    listed = client.jobs.ListJobWorkflows(
        svc.ListJobWorkflowsRequest(job_id=job_id(made.id), instance_events=True)
    ).workflow_infos
    assert [each.status.version.value.split("-")[0] for each in listed] == ["2", "1"]
    assert [each.instance_id for each in listed[0].instance_events] == [0, 1, 2, 3]
    events = client.jobs.GetWorkflowEvents(
        svc.GetWorkflowEventsRequest(job_id=job_id(made.id), instance_id=3)
    ).events
    assert [each.state for each in events] == [
        stateless.WORKFLOW_STATE_SUCCEEDED,
        stateless.WORKFLOW_STATE_ROLLING_FORWARD,
        stateless.WORKFLOW_STATE_INITIALIZED,
    ]


def test_what_is_no_change_restarts_nothing(client: Client) -> None:
    made = client.run(job(instance_count=2))
    spec = job(instance_count=2, name="renamed", owner="bob", default_spec=pod(container(name="other")))
    assert diff(client, made.id, made.version, spec) == ([], [], [], [(0, 1)])
    replace(client, made.id, made.version, spec)
    told = await_workflow(client, made.id, stateless.WORKFLOW_STATE_SUCCEEDED)
    assert told.status.num_instances_completed == 0
    client.await_pod(f"{made.id}-1", lambda it: it.version.value == "2-0-0")
    assert run_of(client, f"{made.id}-1") == "1"


def test_pods_go_and_come_back(client: Client) -> None:
    made = client.run(job(instance_count=3))
    version = replace(client, made.id, made.version, job(instance_count=1))
    told = await_workflow(client, made.id, stateless.WORKFLOW_STATE_SUCCEEDED)
    assert ranges(told.instances_removed) == [(1, 2)]
    with refused(Code.NOT_FOUND):
        client.pod(f"{made.id}-2")
    replace(client, made.id, version, job(instance_count=3))
    await_workflow(client, made.id, stateless.WORKFLOW_STATE_SUCCEEDED)
    assert run_of(client, f"{made.id}-2") == "2"
    assert client.get(made.id).status.pod_stats["POD_STATE_RUNNING"] == 3


def test_pause_resume_and_abort(client: Client) -> None:
    made = client.run(job(instance_count=2))
    version = replace(
        client, made.id, made.version, job(default_spec=pod(container("sleep 61"))), start_paused=True
    )
    status = client.read(made.id).workflow_info.status
    assert status.state == stateless.WORKFLOW_STATE_PAUSED
    assert status.prev_state == stateless.WORKFLOW_STATE_INITIALIZED
    paused = client.jobs.PauseJobWorkflow(
        svc.PauseJobWorkflowRequest(job_id=job_id(made.id), version=entity(version))
    ).version.value
    assert paused == "2-1-3"
    request = svc.RestartJobRequest(job_id=job_id(made.id), version=entity(paused))
    with refused(Code.INVALID_ARGUMENT):
        client.jobs.RestartJob(request)
    resumed = client.jobs.ResumeJobWorkflow(
        svc.ResumeJobWorkflowRequest(job_id=job_id(made.id), version=entity(paused))
    ).version.value
    await_workflow(client, made.id, stateless.WORKFLOW_STATE_SUCCEEDED)
    aborted = client.jobs.AbortJobWorkflow(
        svc.AbortJobWorkflowRequest(
            job_id=job_id(made.id),
            version=entity(resumed),
            opaque_data=peloton_pb2.OpaqueData(data="why"),
        )
    ).version.value
    assert aborted == "2-1-5"
    told = client.read(made.id).workflow_info
    assert (told.status.state, told.opaque_data.data) == (stateless.WORKFLOW_STATE_SUCCEEDED, "why")
    with refused(Code.ABORTED, "unexpected entity version"):
        client.jobs.PauseJobWorkflow(
            svc.PauseJobWorkflowRequest(job_id=job_id(made.id), version=entity(resumed))
        )


def test_a_restart_starts_what_was_stopped(client: Client) -> None:
    made = client.run(job(instance_count=3))
    version = client.stop(made.id, made.version)
    client.await_state(made.id, stateless.JOB_STATE_KILLED)
    some = pod_pb2.InstanceIDRange(to=2)
    request = svc.RestartJobRequest(job_id=job_id(made.id), version=entity(version), ranges=[some])
    restarted = client.jobs.RestartJob(request).version.value
    assert restarted == "2-2-2"
    told = await_workflow(client, made.id, stateless.WORKFLOW_STATE_SUCCEEDED)
    assert ranges(told.restart_ranges) == [(0, 1)]
    info = client.get(made.id)
    assert info.status.desired_state == stateless.JOB_STATE_RUNNING
    assert (info.status.pod_stats["POD_STATE_RUNNING"], info.status.pod_stats["POD_STATE_KILLED"]) == (2, 1)


def test_a_failing_update_rolls_back(working: Client) -> None:
    client = working
    made = client.run(job(instance_count=2))
    replace(
        client,
        made.id,
        made.version,
        job(instance_count=3, default_spec=FAILING),
        batch_size=1,
        max_instance_retries=1,
        max_tolerable_instance_failures=1,
        rollback_on_failure=True,
    )
    told = await_workflow(client, made.id, stateless.WORKFLOW_STATE_ROLLED_BACK)
    assert told.status.version.value.startswith("3-")
    assert told.status.prev_version.value.startswith("2-")
    info = client.await_pods(made.id, "RUNNING", 2)
    assert info.spec.instance_count == 2
    assert info.status.version.value == "3-1-2"
    for config in ("1-0-0", "2-0-0"):
        assert client.read(made.id, version=entity(config)).job_info.spec.instance_count in (2, 3)


def test_a_patch_changes_what_it_says(client: Client) -> None:
    made = client.run(job(instance_count=1))
    assert patch(client, made.id, made.version, stateless.JobSpec(instance_count=2)) == "2-1-2"
    client.await_pods(made.id, "RUNNING", 2)
    assert client.get(made.id).spec.default_spec.containers[0].command.value == "sleep 60"
    assert run_of(client, f"{made.id}-0") == "1"


def patch(client: Client, made: str, version: str, spec: stateless.JobSpec) -> str:
    """Change what a spec says of a job; answers its new version."""
    request = svc.PatchJobRequest(job_id=job_id(made), version=entity(version), spec=spec)
    return client.jobs.PatchJob(request).version.value


def test_a_patch_shrinks_a_job_and_what_it_had_for_the_instances_comes_back(client: Client) -> None:
    own = {each: pod_pb2.PodSpec(kill_grace_period_seconds=each) for each in (1, 2, 7)}
    made = client.run(job(instance_count=3, instance_spec=own))
    version = made.version
    for count in (1, 3):
        spec = stateless.JobSpec(instance_count=count)
        version = patch(client, made.id, version, spec)
        await_workflow(client, made.id, stateless.WORKFLOW_STATE_SUCCEEDED)
        info = client.await_pods(made.id, "RUNNING", count)
        assert sorted(info.spec.instance_spec) == [1, 2, 7]
        assert len(list(client.jobs.ListPods(svc.ListPodsRequest(job_id=job_id(made.id))))) == count
    assert client.pod(f"{made.id}-2").current.spec.kill_grace_period_seconds == 2
    assert [run_of(client, f"{made.id}-{each}") for each in range(3)] == ["1", "2", "2"]


@pytest.mark.parametrize("pool", ["root", "nowhere", "/default", "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001"])
def test_a_job_keeps_its_pool(client: Client, pool: str) -> None:
    made = client.create(job(instance_count=1))
    there, nobody = (peloton_pb2.ResourcePoolID(value=each) for each in ("default", pool))
    moved = job(instance_count=2, respool_id=nobody)
    for send in (replace, diff):
        with refused(Code.INVALID_ARGUMENT, "pool"):
            send(client, made.id, made.version, moved)
    with refused(Code.INVALID_ARGUMENT, "pool"):
        patch(client, made.id, made.version, stateless.JobSpec(respool_id=nobody))
    with refused(Code.ABORTED, "unexpected entity version"):
        replace(client, made.id, "9-9-9", moved)
    with refused(Code.NOT_FOUND):
        replace(client, str(uuid.uuid4()), made.version, moved)
    assert client.get(made.id).status.version.value == made.version
    assert replace(client, made.id, made.version, job(instance_count=2, respool_id=there)) == "2-1-2"


def test_history_is_pruned(client: Client) -> None:
    made = client.run(job(instance_count=0))
    version = made.version
    for _ in range(11):
        version = replace(client, made.id, version, job(instance_count=0))
    assert version == "12-1-12"
    listed = client.jobs.ListJobUpdates(svc.ListJobUpdatesRequest(job_id=job_id(made.id))).workflow_infos
    assert len(listed) == 10
    with refused(Code.NOT_FOUND):
        client.read(made.id, version=entity("2-1-1"))
    assert client.read(made.id, version=entity("3-1-1")).job_info.spec.name == "web"


def test_events_of_one_run_are_deleted(client: Client) -> None:
    made = client.run(job(instance_count=1))
    name = f"{made.id}-0"
    client.restart_pod(name)
    client.await_run(name, 2, pod_pb2.POD_STATE_RUNNING)
    client.pods.DeletePodEvents(
        pod_svc_pb2.DeletePodEventsRequest(pod_name=pod_name(name), pod_id=pod_id(f"{name}-1"))
    )
    assert client.events(name, f"{name}-1") == []
    assert client.events(name, f"{name}-2")
    with refused(Code.INVALID_ARGUMENT, "pod_id"):
        client.pods.DeletePodEvents(pod_svc_pb2.DeletePodEventsRequest(pod_name=pod_name(name)))


def test_what_is_in_memory(client: Client) -> None:
    made = client.run(job(instance_count=1))
    cached = client.jobs.GetJobCache(svc.GetJobCacheRequest(job_id=job_id(made.id)))
    assert (cached.spec.name, cached.status.version.value) == ("web", "1-1-1")
    client.jobs.RefreshJob(svc.RefreshJobRequest(job_id=job_id(made.id)))
    name = pod_name(f"{made.id}-0")
    client.pods.RefreshPod(pod_svc_pb2.RefreshPodRequest(pod_name=name))
    pod_cache = client.pods.GetPodCache(pod_svc_pb2.GetPodCacheRequest(pod_name=name))
    assert pod_cache.status.state == pod_pb2.POD_STATE_RUNNING
    assert "peloton.job_name" in {each.key for each in pod_cache.labels}
    with refused(Code.NOT_FOUND):
        client.pods.RefreshPod(pod_svc_pb2.RefreshPodRequest(pod_name=pod_name(f"{made.id}-9")))


@pytest.mark.parametrize("count", [0, 2])
def test_an_update_of_a_stopped_job_leaves_it_stopped(client: Client, count: int) -> None:
    made = client.run(job(instance_count=1))
    version = client.stop(made.id, made.version)
    client.await_state(made.id, stateless.JOB_STATE_KILLED)
    replace(client, made.id, version, job(instance_count=count, default_spec=pod(container("sleep 61"))))
    await_workflow(client, made.id, stateless.WORKFLOW_STATE_SUCCEEDED)
    stats = client.get(made.id).status.pod_stats
    assert (stats["POD_STATE_KILLED"], stats["POD_STATE_RUNNING"]) == (count, 0)
