"""What a spec may ask for that this server does not carry out: refused by name, never ignored.

1. Asking for the ordinary (a Docker container, the host's network, an image) is no wish and passes.
2. The checks of a pod or container run after the API's own rules on it: wrong beats unsupported.
"""

from collections.abc import Collection

from google.protobuf.message import Message

from protocol.pb.mesos.v1 import mesos_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.apachemesos import apachemesos_pb2
from protocol.peloton.translate.refusal import invalid, shown, unsupported

_POD = frozenset({"constraint", "volume", "volumes", "host_ports"})
_MESOS = frozenset({"docker_parameters", "uris"})
_CONTAINER_INFO = frozenset({"volumes", "hostname", "network_infos", "linux_info", "rlimit_info", "tty_info"})
_DOCKER = frozenset({"port_mappings", "privileged", "parameters", "volume_driver"})
_COMMAND = frozenset({"uris"})
_NETWORKS = frozenset(
    {
        apachemesos_pb2.PodSpec.NetworkSpec.NETWORK_TYPE_INVALID,
        apachemesos_pb2.PodSpec.NetworkSpec.NETWORK_TYPE_HOST,
    }
)


def check_pod(spec: pod_pb2.PodSpec, field: str) -> None:
    """Refuse what a pod as a whole asks for in vain."""
    mesos = spec.mesos_spec
    executor = mesos.executor_spec
    if mesos.HasField("executor_spec"):
        is_custom = executor.type == apachemesos_pb2.PodSpec.ExecutorSpec.EXECUTOR_TYPE_CUSTOM
        _check_executor(executor.data, f"{field}.mesos_spec.executor_spec", is_custom=is_custom)
    _refuse_set(spec, _POD, field)
    _refuse_set(mesos, _MESOS, f"{field}.mesos_spec")
    if mesos.network_spec.type not in _NETWORKS:
        raise unsupported(f"{field}.mesos_spec.network_spec.type", "must be the host's network")


def check_container(spec: pod_pb2.ContainerSpec, field: str, *, user: str) -> None:
    """Refuse what a container asks for in vain."""
    if spec.HasField("executor"):
        is_custom = spec.executor.type == mesos_pb2.ExecutorInfo.CUSTOM
        _check_executor(spec.executor.data, f"{field}.executor", is_custom=is_custom)
    for name in ("liveness_check", "readiness_check"):
        check: pod_pb2.HealthCheckSpec = getattr(spec, name)
        if check.enabled:
            raise unsupported(f"{field}.{name}.enabled")
    _refuse_set(spec, {"volume_mounts"}, field)
    _refuse_set(spec.container, _CONTAINER_INFO, f"{field}.container")
    docker = spec.container.docker
    _refuse_set(docker, _DOCKER, f"{field}.container.docker")
    if docker.network != mesos_pb2.ContainerInfo.DockerInfo.HOST:
        raise unsupported(f"{field}.container.docker.network", "must be the host's network")
    _refuse_set(spec.command, _COMMAND, f"{field}.command")
    if spec.command.user not in {"", user}:
        raise unsupported(
            f"{field}.command.user", f"must be unset or {shown(user)}, the user that the server runs as"
        )


def _check_executor(data: bytes, field: str, *, is_custom: bool) -> None:
    if not is_custom:
        raise invalid(f"{field}.type", "must be CUSTOM")
    if not data:
        raise invalid(f"{field}.data", "must not be empty for a custom executor")
    raise unsupported(field)


def _refuse_set(message: Message, names: Collection[str], field: str) -> None:
    for descriptor, value in message.ListFields():
        if descriptor.name in names and value is not False:
            raise unsupported(f"{field}.{descriptor.name}")
