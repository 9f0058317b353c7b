"""What CreateJob refuses, as a table: the spec, the code, the field that is named."""

import math

import pytest
from google.protobuf.json_format import ParseDict

from actors.kernel.decider import Code
from protocol.gateway import Refused
from protocol.pb.mesos.v1 import mesos_pb2 as mesos
from protocol.pb.peloton.api.v1alpha import peloton_pb2 as base
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2 as stateless
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.apachemesos import apachemesos_pb2
from protocol.peloton.translate.job_spec import read_create
from protocol.peloton.translate.known_specs import KnownSpecs
from protocol.peloton.translate.rules import Rules
from tests.protocol.peloton.fake import JOB, OTHER
from tests.protocol.peloton.messages import container, create, job, label, pod

RULES = Rules(instances_per_job=100, user="me")
READ = KnownSpecs(RULES).read
DEFAULT = "spec.default_spec"
FIRST = f"{DEFAULT}.containers[0]"
PORT = f"{FIRST}.ports[0]"
INVALID, UNSUPPORTED, NOT_FOUND = Code.INVALID, Code.UNSUPPORTED, Code.NOT_FOUND

Custom = mesos.ExecutorInfo
Executor = apachemesos_pb2.PodSpec.ExecutorSpec


def with_container(**fields: object) -> stateless.JobSpec:
    return job(default_spec=pod(container(**fields)))  # type: ignore[arg-type]


def with_pod(**fields: object) -> stateless.JobSpec:
    return job(default_spec=pod(container(), **fields))


def with_resource(**fields: float) -> stateless.JobSpec:
    return with_container(resource=pod_pb2.ResourceSpec(**fields))  # type: ignore[arg-type]


def with_port(**fields: object) -> stateless.JobSpec:
    return with_container(ports=[pod_pb2.PortSpec(**fields)])  # type: ignore[arg-type]


def with_command(**fields: object) -> stateless.JobSpec:
    return with_container(command=ParseDict({"value": "x", **fields}, mesos.CommandInfo()))


def with_docker(**fields: object) -> stateless.JobSpec:
    return with_container(
        container=ParseDict({"type": "DOCKER", "docker": {"image": "a", **fields}}, mesos.ContainerInfo())
    )


def with_info(**fields: object) -> stateless.JobSpec:
    return with_container(container=ParseDict({"type": "MESOS", **fields}, mesos.ContainerInfo()))


def mesos_spec(**fields: object) -> apachemesos_pb2.PodSpec:
    return ParseDict(fields, apachemesos_pb2.PodSpec())


def executor(**fields: object) -> mesos.ExecutorInfo:
    return mesos.ExecutorInfo(executor_id=mesos.ExecutorID(value="e"), **fields)  # type: ignore[arg-type]


def custom(**fields: object) -> apachemesos_pb2.PodSpec:
    return apachemesos_pb2.PodSpec(executor_spec=Executor(**fields))  # type: ignore[arg-type]


REFUSED: list[tuple[str, stateless.JobSpec, Code, str]] = [
    ("root pool", job(respool_id=base.ResourcePoolID(value="root")), INVALID, "spec.respool_id"),
    ("unknown pool", job(respool_id=base.ResourcePoolID(value=OTHER)), NOT_FOUND, ""),
    ("too many instances", job(instance_count=101), INVALID, "spec.instance_count"),
    ("no default", job(default_spec=None), INVALID, DEFAULT),
    (
        "an instance without spec",
        job(default_spec=None, instance_spec={0: pod(), 2: pod()}),
        INVALID,
        DEFAULT,
    ),
    ("no container", job(default_spec=pod_pb2.PodSpec()), INVALID, f"{DEFAULT}.containers"),
    ("no command", with_container(command=mesos.CommandInfo()), INVALID, f"{FIRST}.command.value"),
    (
        "arguments without program",
        with_container(command=mesos.CommandInfo(shell=False, arguments=["a"])),
        INVALID,
        f"{FIRST}.command.value",
    ),
    (
        "second container without command",
        job(default_spec=pod(container(), pod_pb2.ContainerSpec())),
        INVALID,
        f"{DEFAULT}.containers[1].command.value",
    ),
    (
        "init container without command",
        with_pod(init_containers=[pod_pb2.ContainerSpec()]),
        INVALID,
        f"{DEFAULT}.init_containers[0].command.value",
    ),
    ("NUL in a command", with_command(value="a\0b"), INVALID, f"{FIRST}.command.value"),
    (
        "endless command",
        with_command(value="x" * 200_000),
        INVALID,
        f"{FIRST}.command.value",
    ),
    (
        "variable without name",
        with_container(environment=[pod_pb2.Environment(name="")]),
        INVALID,
        f"{FIRST}.environment[0].name",
    ),
    (
        "variable with =",
        with_command(environment={"variables": [{"name": "A=B", "value": "c"}]}),
        INVALID,
        f"{FIRST}.command.environment.variables[0].name",
    ),
    ("port without name", with_port(value=80), INVALID, f"{PORT}.name"),
    ("dynamic port without variable", with_port(name="http"), INVALID, f"{PORT}.env_name"),
    ("port number", with_port(name="http", value=65_536), INVALID, f"{PORT}.value"),
    ("static port 0", with_port(name="http", type=1, env_name="P"), INVALID, f"{PORT}.value"),
    (
        "port twice",
        with_container(ports=[pod_pb2.PortSpec(name="a", value=1), pod_pb2.PortSpec(name="a", value=2)]),
        INVALID,
        f"{FIRST}.ports[1].name",
    ),
    ("template port", with_port(name="a", template_name="t"), UNSUPPORTED, f"{PORT}.template_name"),
    ("not a number", with_resource(cpu_limit=math.nan), INVALID, f"{FIRST}.resource.cpu_limit"),
    ("endless", with_resource(mem_limit_mb=math.inf), INVALID, f"{FIRST}.resource.mem_limit_mb"),
    ("negative", with_resource(disk_limit_mb=-1), INVALID, f"{FIRST}.resource.disk_limit_mb"),
    ("huge", with_resource(gpu_limit=1e300), INVALID, f"{FIRST}.resource.gpu_limit"),
    ("files", with_resource(fd_limit=2**20 + 1), INVALID, f"{FIRST}.resource.fd_limit"),
    (
        "second container by name",
        job(default_spec=pod(container(name="a"), container(name="a"))),
        INVALID,
        f"{DEFAULT}.containers[1].name",
    ),
    (
        "name of an init container",
        job(default_spec=pod(container(name="a"), init_containers=[container(name="a")])),
        INVALID,
        f"{FIRST}.name",
    ),
    ("name with a path", with_container(name="../a"), INVALID, f"{FIRST}.name"),
    ("name of a directory", with_container(name=".."), INVALID, f"{FIRST}.name"),
    ("long container name", with_container(name="ä" * 101), INVALID, f"{FIRST}.name"),
    (
        "controller by default",
        with_pod(controller=True),
        INVALID,
        f"{DEFAULT}.controller",
    ),
    (
        "controller on another instance",
        job(instance_spec={1: pod(controller=True)}),
        INVALID,
        "spec.instance_spec[1].controller",
    ),
    (
        "kill on preempt",
        with_pod(preemption_policy=pod_pb2.PreemptionPolicy(kill_on_preempt=True)),
        INVALID,
        f"{DEFAULT}.preemption_policy.kill_on_preempt",
    ),
    ("grace", with_pod(kill_grace_period_seconds=86_401), INVALID, f"{DEFAULT}.kill_grace_period_seconds"),
    ("label key", job(labels=[label("", "x")]), INVALID, "spec.labels[0].key"),
    ("pod label key", with_pod(labels=[label("", "x")]), INVALID, f"{DEFAULT}.labels[0].key"),
    ("long label", job(labels=[label("k", "v" * 1025)]), INVALID, "spec.labels[0].value"),
    ("labels", job(labels=[label(str(i), "") for i in range(1001)]), INVALID, "spec.labels"),
    ("long name", job(name="n" * 1025), INVALID, "spec.name"),
    ("NUL in the owner", job(owner="a\0"), INVALID, "spec.owner"),
    (
        "revocable alone",
        job(sla=stateless.SlaSpec(revocable=True)),
        INVALID,
        "spec.sla.revocable",
    ),
    ("default executor", with_container(executor=executor()), INVALID, f"{FIRST}.executor.type"),
    (
        "custom executor without data",
        with_container(executor=executor(type=Custom.CUSTOM)),
        INVALID,
        f"{FIRST}.executor.data",
    ),
    (
        "custom executor",
        with_container(executor=executor(type=Custom.CUSTOM, data=b"x")),
        UNSUPPORTED,
        f"{FIRST}.executor",
    ),
    (
        "newer executor",
        with_pod(mesos_spec=custom(type=Executor.EXECUTOR_TYPE_DEFAULT)),
        INVALID,
        f"{DEFAULT}.mesos_spec.executor_spec.type",
    ),
    (
        "newer custom executor",
        with_pod(mesos_spec=custom(type=Executor.EXECUTOR_TYPE_CUSTOM, data=b"x")),
        UNSUPPORTED,
        f"{DEFAULT}.mesos_spec.executor_spec",
    ),
    (
        "liveness check",
        with_container(liveness_check=pod_pb2.HealthCheckSpec(enabled=True)),
        UNSUPPORTED,
        f"{FIRST}.liveness_check.enabled",
    ),
    (
        "readiness check",
        with_container(readiness_check=pod_pb2.HealthCheckSpec(enabled=True)),
        UNSUPPORTED,
        f"{FIRST}.readiness_check.enabled",
    ),
    ("constraint", with_pod(constraint=pod_pb2.Constraint()), UNSUPPORTED, f"{DEFAULT}.constraint"),
    ("volume", with_pod(volume=pod_pb2.PersistentVolumeSpec()), UNSUPPORTED, f"{DEFAULT}.volume"),
    ("volumes", with_pod(volumes=[{"name": "v"}]), UNSUPPORTED, f"{DEFAULT}.volumes"),
    ("host ports", with_pod(host_ports=[pod_pb2.PortSpec()]), UNSUPPORTED, f"{DEFAULT}.host_ports"),
    (
        "mounts",
        with_container(volume_mounts=[pod_pb2.VolumeMount(name="v")]),
        UNSUPPORTED,
        f"{FIRST}.volume_mounts",
    ),
    ("URIs", with_command(uris=[{"value": "http://x"}]), UNSUPPORTED, f"{FIRST}.command.uris"),
    (
        "newer URIs",
        with_pod(mesos_spec=mesos_spec(uris=[{"value": "http://x"}])),
        UNSUPPORTED,
        f"{DEFAULT}.mesos_spec.uris",
    ),
    ("another user", with_command(user="root"), UNSUPPORTED, f"{FIRST}.command.user"),
    (
        "secret variable",
        with_command(environment={"variables": [{"name": "A", "type": "SECRET"}]}),
        UNSUPPORTED,
        f"{FIRST}.command.environment.variables[0].secret",
    ),
    ("privileges", with_docker(privileged=True), UNSUPPORTED, f"{FIRST}.container.docker.privileged"),
    ("bridge", with_docker(network="BRIDGE"), UNSUPPORTED, f"{FIRST}.container.docker.network"),
    (
        "mapped ports",
        with_docker(port_mappings=[{"host_port": 1, "container_port": 2}]),
        UNSUPPORTED,
        f"{FIRST}.container.docker.port_mappings",
    ),
    ("hostname", with_info(hostname="h"), UNSUPPORTED, f"{FIRST}.container.hostname"),
    (
        "older volumes",
        with_info(volumes=[{"container_path": "/v", "mode": "RW"}]),
        UNSUPPORTED,
        f"{FIRST}.container.volumes",
    ),
    (
        "network of its own",
        with_pod(mesos_spec=mesos_spec(network_spec={"type": 4})),
        UNSUPPORTED,
        f"{DEFAULT}.mesos_spec.network_spec.type",
    ),
]


@pytest.mark.parametrize(
    ("spec", "code", "field"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_create_refuses(spec: stateless.JobSpec, code: Code, field: str) -> None:
    request = svc.CreateJobRequest.FromString(create(spec).SerializeToString())
    with pytest.raises(Refused) as refused:
        read_create(request, JOB, READ)
    rejection = refused.value.rejection
    assert (rejection.code, rejection.field) == (code, field)
    assert rejection.reason.startswith(field)


def test_secrets_are_disabled() -> None:
    request = create(job(), secrets=[base.Secret(path="/s")])
    with pytest.raises(Refused) as refused:
        read_create(request, JOB, READ)
    assert (refused.value.rejection.code, refused.value.rejection.field) == (INVALID, "secrets")


def test_the_pool_is_checked_before_anything_else() -> None:
    spec = job(respool_id=base.ResourcePoolID(value=OTHER), instance_count=10_000, name="n" * 2000)
    with pytest.raises(Refused) as refused:
        read_create(create(spec), JOB, READ)
    assert refused.value.rejection.code is NOT_FOUND


ACCEPTED: list[tuple[str, stateless.JobSpec]] = [
    ("no instances", job(instance_count=0)),
    ("no instances, nothing to run", job(instance_count=0, default_spec=None)),
    ("only instance specs", job(default_spec=None, instance_spec={i: pod() for i in range(3)})),
    ("instances beyond the count", job(instance_spec={3: pod(controller=True), 2**32 - 1: pod()})),
    ("disabled checks", with_container(liveness_check=pod_pb2.HealthCheckSpec(timeout_secs=3))),
    ("docker image", with_docker(network="HOST", privileged=False, force_pull_image=True)),
    ("mesos container", with_info()),
    ("my own user", with_command(user="me")),
    ("controller alone", job(instance_count=1, default_spec=pod(controller=True))),
    ("controller of instance 0", job(instance_spec={0: pod(controller=True)})),
    ("zero as a number", with_resource(cpu_limit=-0.0)),
    ("no name", job(name="")),
    ("default pool", job(respool_id=base.ResourcePoolID(value="default"))),
    ("revocable and preemptible", job(sla=stateless.SlaSpec(revocable=True, preemptible=True))),
    ("host network", with_pod(mesos_spec=mesos_spec(network_spec={"type": 1}))),
]


@pytest.mark.parametrize("spec", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_create_accepts(spec: stateless.JobSpec) -> None:
    assert read_create(create(spec), JOB, READ).spec.instance_count == spec.instance_count
