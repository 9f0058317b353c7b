"""A pod's spec (already merged) as the kernel's.

1. A value that breaks a rule of the API is INVALID; one that asks in vain is UNSUPPORTED. Both name
   the field's whole path. Nothing is silently dropped but what the README lists.
2. What a job says for all its pods (priority, labels of the system, backoff) comes as `JobTerms`.
3. A container without a name gets one by its position; names are directories of logs, so they are
   kept free of what a path could be made of.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from events.capacity import Resources
from events.pod import ContainerSpec, PodSpec, PortSpec
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.bounds import (
    MAX_CPU,
    MAX_FAILURES,
    MAX_FILES,
    MAX_GPU,
    MAX_GRACE_S,
    MAX_MB,
    NAME_LENGTH,
    check_amount,
    check_count,
    check_labels,
    check_text,
    check_variable,
)
from protocol.peloton.translate.command import read_command, read_environment
from protocol.peloton.translate.refusal import invalid, shown, unsupported
from protocol.peloton.translate.rules import Rules
from protocol.peloton.translate.unsupported import check_container, check_pod

DEFAULT_GRACE_S = 30
MAX_CONTAINERS = 100
MAX_PORTS = 1000
CONTAINER_NAME_BYTES = 200
"""A name becomes the name of a directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTerms:
    """What a job says for all its pods."""

    rules: Rules
    priority: int = 0
    preemptible: bool = False
    revocable: bool | None = None
    """None leaves it to each pod."""
    labels: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


def read_pod_spec(spec: pod_pb2.PodSpec, field: str, terms: JobTerms) -> PodSpec:
    """Return a pod's spec; refuse what breaks a rule or cannot be carried out."""
    if not spec.containers:
        raise invalid(f"{field}.containers", "must not be empty: the pod has no command")
    if spec.preemption_policy.kill_on_preempt:
        raise invalid(f"{field}.preemption_policy.kill_on_preempt", "must not be set for a stateless pod")
    init_names = _names(spec.init_containers, "init", f"{field}.init_containers", taken=())
    names = _names(spec.containers, "container", f"{field}.containers", taken=init_names)
    grace_s = check_count(
        spec.kill_grace_period_seconds, f"{field}.kill_grace_period_seconds", limit=MAX_GRACE_S
    )
    is_shell, rules = spec.mesos_spec.shell, terms.rules
    converted = PodSpec(
        containers=_containers(spec.containers, names, f"{field}.containers", rules, is_shell=is_shell),
        init_containers=_containers(
            spec.init_containers, init_names, f"{field}.init_containers", rules, is_shell=is_shell
        ),
        labels=tuple(sorted({*check_labels(spec.labels, f"{field}.labels"), *terms.labels})),
        environment=terms.environment,
        kill_grace_s=grace_s or DEFAULT_GRACE_S,
        backoff_s=rules.backoff_s,
        backoff_max_s=rules.backoff_max_s,
        priority=terms.priority,
        preemptible=terms.preemptible,
        revocable=spec.revocable if terms.revocable is None else terms.revocable,
        inherited=(*terms.labels, *terms.environment),
        beyond=_beyond(spec),
    )
    check_pod(spec, field)
    return converted


def _beyond(spec: pod_pb2.PodSpec) -> str:
    """Return what stands for policies that the kernel has no word for, empty when there are none."""
    policies = pod_pb2.PodSpec(
        restart_policy=spec.restart_policy if spec.HasField("restart_policy") else None,
        preemption_policy=spec.preemption_policy if spec.HasField("preemption_policy") else None,
    )
    policies.restart_policy.max_failures = min(policies.restart_policy.max_failures, MAX_FAILURES)
    said = policies.restart_policy.SerializeToString() + policies.preemption_policy.SerializeToString()
    return hashlib.sha256(said).hexdigest()[:16] if said else ""


def _names(
    containers: Sequence[pod_pb2.ContainerSpec], kind: str, field: str, *, taken: Iterable[str]
) -> tuple[str, ...]:
    """Return the containers' names, made up where there is none; refuse a name given twice."""
    if len(containers) > MAX_CONTAINERS:
        raise invalid(field, f"must be at most {MAX_CONTAINERS}")
    used = set(taken)
    given = {container.name for container in containers}
    names: list[str] = []
    for place, container in enumerate(containers):
        name = container.name and _checked_name(container.name, f"{field}[{place}].name")
        if name in used:
            raise invalid(f"{field}[{place}].name", f"must be unique within the pod, is {shown(name)}")
        number = place
        while not name or (not container.name and name in used | given):
            name, number = f"{kind}-{number}", number + 1
        used.add(name)
        names.append(name)
    return tuple(names)


def _checked_name(name: str, field: str) -> str:
    if name in {".", ".."} or "/" in name or not name.isprintable():
        raise invalid(field, f"must be printable, without '/', and not '.' or '..', is {shown(name)}")
    if len(name.encode()) > CONTAINER_NAME_BYTES:
        raise invalid(field, f"must have at most {CONTAINER_NAME_BYTES} bytes")
    return name


def _containers(
    specs: Sequence[pod_pb2.ContainerSpec], names: Sequence[str], field: str, rules: Rules, *, is_shell: bool
) -> tuple[ContainerSpec, ...]:
    return tuple(
        _container(spec, name, f"{field}[{place}]", rules, is_shell=is_shell)
        for place, (spec, name) in enumerate(zip(specs, names, strict=True))
    )


def _container(
    spec: pod_pb2.ContainerSpec, name: str, field: str, rules: Rules, *, is_shell: bool
) -> ContainerSpec:
    limits = spec.resource
    converted = ContainerSpec(
        name=name,
        command=read_command(spec, field, is_shell=is_shell),
        environment=read_environment(spec, field),
        resources=Resources(
            cpu=check_amount(limits.cpu_limit, f"{field}.resource.cpu_limit", limit=MAX_CPU),
            memory_mb=check_amount(limits.mem_limit_mb, f"{field}.resource.mem_limit_mb", limit=MAX_MB),
            disk_mb=check_amount(limits.disk_limit_mb, f"{field}.resource.disk_limit_mb", limit=MAX_MB),
            gpu=check_amount(limits.gpu_limit, f"{field}.resource.gpu_limit", limit=MAX_GPU),
        ),
        open_files=check_count(limits.fd_limit, f"{field}.resource.fd_limit", limit=MAX_FILES),
        ports=_ports(spec.ports, f"{field}.ports"),
        image=check_text(_image(spec), f"{field}.image"),
    )
    check_container(spec, field, user=rules.user)
    return converted


def _image(spec: pod_pb2.ContainerSpec) -> str:
    older = spec.container
    return spec.image or older.docker.image or older.mesos.image.docker.name


def _ports(ports: Sequence[pod_pb2.PortSpec], field: str) -> tuple[PortSpec, ...]:
    if len(ports) > MAX_PORTS:
        raise invalid(field, f"must be at most {MAX_PORTS}")
    found: dict[str, PortSpec] = {}
    for place, port in enumerate(ports):
        path = f"{field}[{place}]"
        if not port.name:
            raise invalid(f"{path}.name", "must not be empty")
        if port.name in found:
            raise invalid(f"{path}.name", f"must be unique within the container, is {shown(port.name)}")
        found[port.name] = _port(port, path)
    return tuple(found.values())


def _port(port: pod_pb2.PortSpec, field: str) -> PortSpec:
    if port.template_name or port.type == pod_pb2.PortSpec.PORT_TYPE_DYNAMIC_TEMPLATE_VAR:
        raise unsupported(f"{field}.template_name")
    if port.value == 0 and port.type == pod_pb2.PortSpec.PORT_TYPE_STATIC:
        raise invalid(f"{field}.value", "must not be 0 for a static port")
    if port.value == 0 and not port.env_name:
        raise invalid(f"{field}.env_name", "must not be empty for a port that is chosen on the host")
    if port.env_name:
        check_variable(port.env_name, f"{field}.env_name")
    return PortSpec(
        name=check_text(port.name, f"{field}.name", limit=NAME_LENGTH),
        number=check_count(port.value, f"{field}.value", limit=65_535),
        variable=port.env_name,
    )
