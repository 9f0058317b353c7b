"""Specs as clients sent them, read back from the attachments that keep them.

1. A spec handed out is shared: whoever changes it copies it first.
2. What was not created through this API has no attachment: its spec is spelled from the kernel's.
3. Parsed specs are kept by their bytes, least recently used out first, up to a number of bytes.
"""

from collections import OrderedDict

from events.job import JobSpec
from events.pod import ContainerSpec, PodSpec
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.ids import DEFAULT_POOL
from protocol.peloton.translate.job_spec import ATTACHMENT
from protocol.peloton.translate.merging import merge_pod

KEPT_BYTES = 64 * 2**20


class StoredSpecs:
    """Reads specs from attachments, each of them once as long as there is room."""

    def __init__(self, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._specs: OrderedDict[bytes, stateless_pb2.JobSpec] = OrderedDict()

    def of(self, spec: JobSpec) -> stateless_pb2.JobSpec:
        """Return the spec of a job as its client sent it; shared, not to be changed."""
        for attachment in spec.attachments:
            if attachment.kind == ATTACHMENT:
                return self._parse(attachment.body)
        return spell_job_spec(spec)

    def of_pod(self, spec: JobSpec, instance: int, pod: str) -> pod_pb2.PodSpec:
        """Return the spec of one instance, merged, with its name; free to be changed."""
        stored = self.of(spec)
        merged = pod_pb2.PodSpec()
        if instance in stored.instance_spec:
            merged = merge_pod(stored.default_spec, stored.instance_spec[instance])
        else:
            merged.CopyFrom(stored.default_spec)
        merged.pod_name.value = pod
        return merged

    def _parse(self, body: bytes) -> stateless_pb2.JobSpec:
        known = self._specs.get(body)
        if known is not None:
            self._specs.move_to_end(body)
            return known
        parsed = self._specs[body] = stateless_pb2.JobSpec.FromString(body)
        self._bytes += len(body)
        while self._bytes > self._kept_bytes and len(self._specs) > 1:
            dropped, _ = self._specs.popitem(last=False)
            self._bytes -= len(dropped)
        return parsed


def spell_job_spec(spec: JobSpec) -> stateless_pb2.JobSpec:
    """Spell a spec as far as the kernel knows it."""
    return stateless_pb2.JobSpec(
        name=spec.name,
        owner=spec.owner,
        labels=spell_labels(spec.labels),
        instance_count=spec.instance_count,
        sla=stateless_pb2.SlaSpec(maximum_unavailable_instances=spec.maximum_unavailable),
        default_spec=None if spec.default is None else spell_pod_spec(spec.default),
        instance_spec={instance: spell_pod_spec(own) for instance, own in spec.instances},
        respool_id=peloton_pb2.ResourcePoolID(value=spec.pool or DEFAULT_POOL),
    )


def spell_pod_spec(spec: PodSpec) -> pod_pb2.PodSpec:
    """Spell a pod's spec as far as the kernel knows it."""
    return pod_pb2.PodSpec(
        labels=spell_labels(spec.labels),
        init_containers=[_spell_container(container) for container in spec.init_containers],
        containers=[_spell_container(container) for container in spec.containers],
        kill_grace_period_seconds=spec.kill_grace_s,
        revocable=spec.revocable,
    )


def spell_labels(labels: tuple[tuple[str, str], ...]) -> list[peloton_pb2.Label]:
    """Spell labels."""
    return [peloton_pb2.Label(key=key, value=value) for key, value in labels]


def _spell_container(spec: ContainerSpec) -> pod_pb2.ContainerSpec:
    needs = spec.resources
    return pod_pb2.ContainerSpec(
        name=spec.name,
        resource=pod_pb2.ResourceSpec(
            cpu_limit=needs.cpu,
            mem_limit_mb=needs.memory_mb,
            disk_limit_mb=needs.disk_mb,
            gpu_limit=needs.gpu,
            fd_limit=spec.open_files,
        ),
        ports=[
            pod_pb2.PortSpec(name=port.name, value=port.number, env_name=port.variable) for port in spec.ports
        ],
        entrypoint=pod_pb2.CommandSpec(value="".join(spec.command[:1]), arguments=spec.command[1:]),
        environment=[pod_pb2.Environment(name=name, value=value) for name, value in spec.environment],
        image=spec.image,
    )
