"""Creating a job: what is answered, what is refused, what the job is then."""

import uuid

import pytest

from protocol.pb.mesos.v1 import mesos_pb2
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.apachemesos import apachemesos_pb2
from tests.conformance.peloton.client import Client, Code, entity, job_id, refused, unique
from tests.protocol.peloton.messages import container, job, label, pod

INVALID, UNKNOWN, UNSUPPORTED = Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.UNIMPLEMENTED


def pool(value: str) -> peloton_pb2.ResourcePoolID:
    return peloton_pb2.ResourcePoolID(value=value)


def port(**fields: object) -> pod_pb2.ContainerSpec:
    return container(ports=[pod_pb2.PortSpec(**fields)])  # type: ignore[arg-type] # any


REFUSED: dict[str, tuple[Code, dict[str, object]]] = {
    "root pool": (INVALID, {"respool_id": pool("root")}),
    "unknown pool": (UNKNOWN, {"respool_id": pool(str(uuid.uuid4()))}),
    "no spec at all": (INVALID, {"default_spec": None}),
    "an instance without a spec": (INVALID, {"default_spec": None, "instance_spec": {0: pod()}}),
    "no command": (INVALID, {"default_spec": pod(pod_pb2.ContainerSpec(name="main"))}),
    "no command after merging": (
        INVALID,
        {"default_spec": pod(pod_pb2.ContainerSpec()), "instance_spec": {0: pod()}},
    ),
    "no container": (INVALID, {"default_spec": pod_pb2.PodSpec(revocable=True)}),
    "two containers of a name": (INVALID, {"default_spec": pod(container(name="a"), container(name="a"))}),
    "port without a name": (INVALID, {"default_spec": pod(port(value=80))}),
    "dynamic port without a variable": (INVALID, {"default_spec": pod(port(name="http"))}),
    "controller elsewhere": (INVALID, {"instance_spec": {1: pod(controller=True)}}),
    "controller everywhere": (INVALID, {"default_spec": pod(controller=True)}),
    "killed on preemption": (
        INVALID,
        {"default_spec": pod(preemption_policy=pod_pb2.PreemptionPolicy(kill_on_preempt=True))},
    ),
    "revocable, not preemptible": (INVALID, {"sla": stateless_pb2.SlaSpec(revocable=True)}),
    "too many instances": (INVALID, {"instance_count": 100_001}),
    "executor that is not custom": (
        INVALID,
        {
            "default_spec": pod(
                container(
                    executor=mesos_pb2.ExecutorInfo(
                        executor_id=mesos_pb2.ExecutorID(value="e"), type=mesos_pb2.ExecutorInfo.DEFAULT
                    )
                )
            )
        },
    ),
    "custom executor without data": (
        INVALID,
        {
            "default_spec": pod(
                mesos_spec=apachemesos_pb2.PodSpec(
                    executor_spec=apachemesos_pb2.PodSpec.ExecutorSpec(
                        type=apachemesos_pb2.PodSpec.ExecutorSpec.EXECUTOR_TYPE_CUSTOM
                    )
                )
            )
        },
    ),
    "health check": (
        UNSUPPORTED,
        {"default_spec": pod(container(liveness_check=pod_pb2.HealthCheckSpec(enabled=True)))},
    ),
    "negative cpu": (
        INVALID,
        {"default_spec": pod(container(resource=pod_pb2.ResourceSpec(cpu_limit=-1)))},
    ),
    "cpu that is no number": (
        INVALID,
        {"default_spec": pod(container(resource=pod_pb2.ResourceSpec(cpu_limit=float("nan"))))},
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_job_that_breaks_a_rule_is_refused_and_leaves_nothing(client: Client, case: str) -> None:
    code, fields = REFUSED[case]
    mine, name = str(uuid.uuid4()), unique()
    with refused(code):
        client.create(job(name=name, **fields), job_id=job_id(mine))
    with refused(Code.NOT_FOUND):
        client.get(mine)
    client.create(job(name=name), job_id=job_id(mine))  # the id was not used up


@pytest.mark.parametrize("text", ["x", "1234", "not-a-uuid", "0190aaaa-bbbb-7ccc-8ddd-eeeeffff000g"])
def test_an_id_that_is_no_uuid_is_refused(client: Client, text: str) -> None:
    with refused(INVALID):
        client.create(job(), job_id=job_id(text))


def test_secrets_are_refused_while_disabled(client: Client) -> None:
    with refused(INVALID, "secrets"):
        client.create(job(), secrets=[peloton_pb2.Secret(path="/etc/secret")])


def test_an_id_is_made_when_none_is_given(client: Client) -> None:
    made = client.create(job())
    assert str(uuid.UUID(made.id)) == made.id
    assert made.version == "1-1-1"
    assert client.create(job()).id != made.id


def test_an_id_is_used_once(client: Client) -> None:
    mine = str(uuid.uuid4())
    made = client.run(job(name="first"))
    assert client.create(job(instance_count=1), job_id=job_id(mine)).id == mine
    with refused(Code.ALREADY_EXISTS):
        client.create(job(name="second"), job_id=job_id(made.id))
    assert client.get(made.id).spec.name == "first"


def test_a_deleted_id_is_not_used_again(client: Client) -> None:
    made = client.create(job(instance_count=1))
    client.delete(made.id, made.version, force=True)
    client.await_deleted(made.id)
    with refused(Code.ALREADY_EXISTS):
        client.create(job(), job_id=job_id(made.id))


def test_the_spec_comes_back_as_it_was_sent(client: Client) -> None:
    spec = job(
        name=unique(),
        description="a job",
        ldap_groups=["g"],
        labels=[label("a", "1"), label("b", "2")],
        sla=stateless_pb2.SlaSpec(priority=7, preemptible=True),
        default_spec=pod(
            container("sleep 9", name="main", resource=pod_pb2.ResourceSpec(cpu_limit=0.5, mem_limit_mb=9)),
            labels=[label("p", "q")],
            kill_grace_period_seconds=3,
        ),
        instance_spec={1: pod_pb2.PodSpec(kill_grace_period_seconds=5)},
    )
    made = client.create(spec)
    info = client.get(made.id)
    assert info.spec.revision.version == 1
    info.spec.ClearField("revision")
    assert info.spec == spec
    assert info.status.version.value == "1-1-1"
    former = client.read(made.id, version=entity("1-7-9"))
    assert former.job_info.spec.name == spec.name
    assert not former.job_info.HasField("status")


def test_an_own_spec_replaces_whole_settings_of_the_default(client: Client) -> None:
    limits = pod_pb2.ResourceSpec(cpu_limit=1, mem_limit_mb=10)
    own = pod_pb2.PodSpec(
        containers=[pod_pb2.ContainerSpec(resource=pod_pb2.ResourceSpec(disk_limit_mb=5))],
    )
    made = client.run(
        job(
            instance_count=2,
            default_spec=pod(container(name="main", resource=limits), revocable=True),
            instance_spec={1: own},
        )
    )
    first, second = (client.pod(f"{made.id}-{number}").current.spec for number in (0, 1))
    assert first.containers[0].resource == limits
    assert first.revocable
    assert second.containers[0].resource == own.containers[0].resource  # the default's cpu is gone
    assert second.containers[0].command.value == "sleep 60"
    assert second.containers[0].name == "main"
    assert not second.revocable  # booleans always come from the instance


def test_retries_are_cut_and_not_refused(client: Client) -> None:
    spec = pod(restart_policy=pod_pb2.RestartPolicy(max_failures=5000))
    made = client.create(job(default_spec=spec))
    assert client.get(made.id).spec.default_spec.restart_policy.max_failures == 100


def test_every_instance_may_have_a_spec_of_its_own(client: Client) -> None:
    spec = job(instance_count=2, default_spec=None, instance_spec={0: pod(), 1: pod()})
    client.run(spec)


def test_a_job_without_pods_has_succeeded(client: Client) -> None:
    made = client.create(job(instance_count=0))
    info = client.await_state(made.id, stateless_pb2.JOB_STATE_SUCCEEDED)
    assert info.status.desired_state == stateless_pb2.JOB_STATE_RUNNING


def test_creation_is_a_workflow(client: Client) -> None:
    made = client.create(
        job(instance_count=4),
        create_spec=stateless_pb2.CreateSpec(batch_size=1),
        opaque_data=peloton_pb2.OpaqueData(data="mine"),
    )
    client.await_pods(made.id, "RUNNING", 4)
    workflow = client.read(made.id).workflow_info
    assert workflow.status.type == stateless_pb2.WORKFLOW_TYPE_UPDATE
    assert workflow.status.state == stateless_pb2.WORKFLOW_STATE_SUCCEEDED
    assert workflow.status.num_instances_completed == 4
    assert workflow.status.num_instances_remaining == 0
    assert workflow.status.prev_version.value == "0-1-1"
    assert workflow.status.version.value == "1-1-1"
    assert [(getattr(it, "from"), it.to) for it in workflow.instances_added] == [(0, 3)]  # inclusive
    assert workflow.opaque_data.data == "mine"
    states = [event.state for event in workflow.events]
    assert states[0] == stateless_pb2.WORKFLOW_STATE_SUCCEEDED
    assert states[-1] == stateless_pb2.WORKFLOW_STATE_INITIALIZED


def test_a_paused_creation_starts_nothing(client: Client) -> None:
    made = client.create(job(), create_spec=stateless_pb2.CreateSpec(start_paused=True))
    answer = client.read(made.id)
    assert answer.workflow_info.status.state == stateless_pb2.WORKFLOW_STATE_PAUSED
    assert answer.workflow_info.status.prev_state == stateless_pb2.WORKFLOW_STATE_INITIALIZED
    assert answer.job_info.status.state == stateless_pb2.JOB_STATE_PENDING
    assert sum(answer.job_info.status.pod_stats.values()) == 0
    client.delete(made.id, made.version, force=True)
    client.await_deleted(made.id)
