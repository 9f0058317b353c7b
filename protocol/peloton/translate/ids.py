"""Ids and versions as texts: jobs, pods, runs, configurations, resource pools.

1. A job id is a UUID in its form of 36 characters; upper case is taken as lower case.
2. A pod's name is `<job id>-<instance>`, a run's id `<pod name>-<run>`; both are split from the right.
3. A pod's name is its id in the kernel, a job's id too; a version of a pod is `<configuration>-0-0`.
"""

import re
from typing import NamedTuple

from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.peloton.translate.refusal import invalid, not_found, shown

DEFAULT_POOL = "default"
"""Id of the one pool that takes jobs."""
DEFAULT_POOL_PATH = "/default"
ROOT_POOL = "root"
"""Id of the pool above all others, which takes no jobs itself."""
ROOT_POOL_PATH = "/"
MAX_UINT32 = 2**32 - 1
MAX_UINT64 = 2**64 - 1

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_JOB_FORM = re.compile(_UUID + r"\Z")
_POD_FORM = re.compile(rf"({_UUID})-([0-9]{{1,10}})\Z")
_RUN_FORM = re.compile(rf"({_UUID})-([0-9]{{1,10}})-([0-9]{{1,20}})\Z")
_VERSION_FORM = re.compile(r"([0-9]{1,20})-([0-9]{1,20})-([0-9]{1,20})\Z")


class PodName(NamedTuple):
    """A pod by its job and number."""

    job: str
    instance: int

    @property
    def id(self) -> str:
        """The pod's id in the kernel."""
        return f"{self.job}-{self.instance}"


def job_stream(job: str) -> str:
    """Return the stream of a job."""
    return f"job/{job}"


def pod_stream(pod: str) -> str:
    """Return the stream of a pod."""
    return f"pod/{pod}"


def read_job_id(message: peloton_pb2.JobID, field: str = "job_id") -> str:
    """Return the job's id, in lower case; refuse anything but a UUID."""
    text = message.value.lower()
    if not _JOB_FORM.match(text):
        raise invalid(field, f"must be a UUID of 36 characters, is {shown(message.value)}")
    return text


def read_pod_name(message: peloton_pb2.PodName, field: str = "pod_name") -> PodName:
    """Return job and instance; refuse anything but `<UUID>-<instance>`."""
    match = _POD_FORM.match(message.value.lower())
    if match is None or int(match[2]) > MAX_UINT32:
        raise invalid(field, f"must be <job id>-<instance id>, is {shown(message.value)}")
    return PodName(match[1], int(match[2]))


def read_pod_id(message: peloton_pb2.PodID, field: str = "pod_id") -> tuple[PodName, int]:
    """Return the pod's name and the run; refuse anything but `<UUID>-<instance>-<run>`."""
    match = _RUN_FORM.match(message.value.lower())
    if match is None or int(match[2]) > MAX_UINT32 or int(match[3]) > MAX_UINT64:
        raise invalid(field, f"must be <job id>-<instance id>-<run id>, is {shown(message.value)}")
    return PodName(match[1], int(match[2])), int(match[3])


def read_run(message: peloton_pb2.PodID, name: PodName, field: str = "pod_id") -> int | None:
    """Return the run that is asked for, None for the latest; it must be one of the pod's."""
    if not message.value:
        return None
    pod, run = read_pod_id(message, field)
    if pod != name:
        raise invalid(field, f"must be a run of the pod {name.id}")
    return run


def read_config(message: peloton_pb2.EntityVersion, field: str = "version") -> int:
    """Return the configuration that a version of a job names."""
    match = _VERSION_FORM.match(message.value)
    if match is None:
        raise invalid(field, f"must be three numbers joined by dashes, is {shown(message.value)}")
    return int(match[1])


def read_pool(message: peloton_pb2.ResourcePoolID, field: str) -> str:
    """Return the pool that a job shall run in; without any it is the default one."""
    match message.value:
        case "" | "default":
            return DEFAULT_POOL
        case "root":
            raise invalid(field, "must be a leaf: the root takes no jobs")
        case other:
            raise not_found("resource pool", other)


def read_kept_pool(message: peloton_pb2.ResourcePoolID) -> str:
    """Return the pool that a job there is says it is in, whether or not there is such a pool."""
    return message.value or DEFAULT_POOL


def job_id(job: str) -> peloton_pb2.JobID:
    """Spell a job's id."""
    return peloton_pb2.JobID(value=job)


def pod_id(pod: str, run: int) -> peloton_pb2.PodID:
    """Spell a run's id."""
    return peloton_pb2.PodID(value=f"{pod}-{run}")


def pod_version(config: int) -> str:
    """Spell a pod's version."""
    return f"{config}-0-0"
