"""Messages that tests start from."""

from protocol.pb.mesos.v1 import mesos_pb2
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2


def label(key: str, value: str) -> peloton_pb2.Label:
    return peloton_pb2.Label(key=key, value=value)


def container(line: str = "sleep 60", **fields: object) -> pod_pb2.ContainerSpec:
    fields.setdefault("command", mesos_pb2.CommandInfo(value=line))
    return pod_pb2.ContainerSpec(**fields)  # type: ignore[arg-type] # fields of any type


def pod(*containers: pod_pb2.ContainerSpec, **fields: object) -> pod_pb2.PodSpec:
    return pod_pb2.PodSpec(containers=containers or [container()], **fields)  # type: ignore[arg-type]


def job(**fields: object) -> stateless_pb2.JobSpec:
    known: dict[str, object] = {
        "name": "web",
        "owner": "ann",
        "owning_team": "team",
        "instance_count": 3,
        "default_spec": pod(),
        "labels": [label("tier", "front")],
    }
    return stateless_pb2.JobSpec(**(known | fields))  # type: ignore[arg-type]


def create(spec: stateless_pb2.JobSpec, **fields: object) -> stateless_svc_pb2.CreateJobRequest:
    return stateless_svc_pb2.CreateJobRequest(spec=spec, **fields)  # type: ignore[arg-type]
