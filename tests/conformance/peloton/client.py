"""What a foreign client of Peloton's API has: the generated stubs, and nothing of ours.

1. To wait is to watch: open a watch, look, and look again after each message. Nothing ever sleeps.
2. A refusal is asserted by its code, and by words of its sentence where they are part of the API.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import grpc
import pytest

from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2
from protocol.pb.peloton.api.v1alpha.watch import watch_pb2
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2
from tests.conformance.peloton.stubs import Stubs

WAIT_S = 60.0
T = TypeVar("T")
Code = grpc.StatusCode


@dataclass(frozen=True, slots=True)
class Made:
    """A job that was accepted."""

    id: str
    version: str


class Client:
    """The stubs of one connection, and the few turns that most tests take."""

    def __init__(self, address: str, *options: tuple[str, int]) -> None:
        self.address = address
        self.channel = grpc.insecure_channel(address, options)
        stubs = Stubs(self.channel)
        self.jobs, self.pods, self.hosts, self.watches = stubs.jobs, stubs.pods, stubs.hosts, stubs.watches

    def create(self, spec: stateless_pb2.JobSpec, **fields: object) -> Made:
        """Create a job."""
        request = stateless_svc_pb2.CreateJobRequest(spec=spec, **fields)  # type: ignore[arg-type] # any
        answer = self.jobs.CreateJob(request, timeout=WAIT_S)
        return Made(answer.job_id.value, answer.version.value)

    def run(self, spec: stateless_pb2.JobSpec) -> Made:
        """Create a job and wait until all its pods run."""
        made = self.create(spec)
        self.await_pods(made.id, "RUNNING", spec.instance_count)
        return made

    def start(self, job: str, version: str) -> str:
        """Start a job; answers its new version."""
        request = stateless_svc_pb2.StartJobRequest(job_id=job_id(job), version=entity(version))
        return self.jobs.StartJob(request, timeout=WAIT_S).version.value

    def stop(self, job: str, version: str) -> str:
        """Stop a job; answers its new version."""
        request = stateless_svc_pb2.StopJobRequest(job_id=job_id(job), version=entity(version))
        return self.jobs.StopJob(request, timeout=WAIT_S).version.value

    def delete(self, job: str, version: str, *, force: bool = False) -> None:
        """Delete a job."""
        request = stateless_svc_pb2.DeleteJobRequest(job_id=job_id(job), version=entity(version), force=force)
        self.jobs.DeleteJob(request, timeout=WAIT_S)

    def get(self, job: str) -> stateless_pb2.JobInfo:
        """Read a job."""
        return self.read(job).job_info

    def read(self, job: str, **fields: object) -> stateless_svc_pb2.GetJobResponse:
        """Read a job, or what the fields ask for of it."""
        request = stateless_svc_pb2.GetJobRequest(job_id=job_id(job), **fields)  # type: ignore[arg-type]
        return self.jobs.GetJob(request, timeout=WAIT_S)

    def pod(self, name: str, **fields: object) -> pod_svc_pb2.GetPodResponse:
        """Read a pod with its previous runs."""
        request = pod_svc_pb2.GetPodRequest(pod_name=pod_name(name), **fields)  # type: ignore[arg-type]
        return self.pods.GetPod(request, timeout=WAIT_S)

    def events(self, name: str, run: str = "") -> list[pod_pb2.PodEvent]:
        """Read the events of a run, of the latest if none is named."""
        request = pod_svc_pb2.GetPodEventsRequest(pod_name=pod_name(name), pod_id=pod_id(run))
        return list(self.pods.GetPodEvents(request, timeout=WAIT_S).events)

    def stop_pod(self, name: str) -> None:
        """Stop a pod."""
        self.pods.StopPod(pod_svc_pb2.StopPodRequest(pod_name=pod_name(name)), timeout=WAIT_S)

    def start_pod(self, name: str) -> None:
        """Start a pod."""
        self.pods.StartPod(pod_svc_pb2.StartPodRequest(pod_name=pod_name(name)), timeout=WAIT_S)

    def restart_pod(self, name: str) -> None:
        """Restart a pod."""
        self.pods.RestartPod(pod_svc_pb2.RestartPodRequest(pod_name=pod_name(name)), timeout=WAIT_S)

    # ------------------------------------------------------------ waiting

    def until(self, request: watch_svc_pb2.WatchRequest, look: Callable[[], T | None]) -> T:
        """Look now and after each change that a watch tells, until there is something to see."""
        call = self.watches.Watch(request, timeout=WAIT_S)
        try:
            for _ in call:
                if (found := look()) is not None:
                    return found
        except grpc.RpcError as error:
            if error.code() is not Code.DEADLINE_EXCEEDED:
                raise
        finally:
            call.cancel()
        raise AssertionError(f"not seen within {WAIT_S} s")

    def await_job(self, job: str, wish: Callable[[stateless_pb2.JobInfo], bool]) -> stateless_pb2.JobInfo:
        """Wait until a job is as wished."""

        def look() -> stateless_pb2.JobInfo | None:
            found = self.get(job)
            return found if wish(found) else None

        return self.until(watch_jobs(job), look)

    def await_state(self, job: str, state: stateless_pb2.JobState.ValueType) -> stateless_pb2.JobInfo:
        """Wait until a job is in a state."""
        return self.await_job(job, lambda info: info.status.state == state)

    def await_pods(self, job: str, state: str, count: int) -> stateless_pb2.JobInfo:
        """Wait until as many pods of a job are in a state."""
        return self.await_job(job, lambda info: info.status.pod_stats[f"POD_STATE_{state}"] == count)

    def await_pod(self, name: str, wish: Callable[[pod_pb2.PodStatus], bool]) -> pod_pb2.PodStatus:
        """Wait until a pod is as wished."""

        def look() -> pod_pb2.PodStatus | None:
            found = self.pod(name, status_only=True, limit=1).current.status
            return found if wish(found) else None

        return self.until(watch_pods(pod_names=[pod_name(name)]), look)

    def await_run(self, name: str, run: int, state: pod_pb2.PodState.ValueType) -> pod_pb2.PodStatus:
        """Wait until a run of a pod is in a state."""
        wanted = f"{name}-{run}"
        return self.await_pod(name, lambda pod: (pod.pod_id.value, pod.state) == (wanted, state))

    def await_deleted(self, job: str) -> None:
        """Wait until a job is gone."""

        def look() -> bool | None:
            try:
                self.get(job)
            except grpc.RpcError as error:
                assert error.code() is Code.NOT_FOUND  # noqa: PT017 - what else may come is the test
                return True
            return None

        self.until(watch_jobs(job), look)


@contextmanager
def refused(code: grpc.StatusCode, *words: str) -> Iterator[pytest.ExceptionInfo[grpc.RpcError]]:
    """Expect a call to end with a code, and its sentence to have some words."""
    with pytest.raises(grpc.RpcError) as caught:
        yield caught
    assert caught.value.code() is code, caught.value.details()
    for word in words:
        assert word in (caught.value.details() or "")


def watch_jobs(*jobs: str, start: int = 0, **fields: object) -> watch_svc_pb2.WatchRequest:
    """Watch jobs, all if none is named."""
    job_filter = watch_pb2.StatelessJobFilter(job_ids=[job_id(job) for job in jobs], **fields)  # type: ignore[arg-type]
    return watch_svc_pb2.WatchRequest(start_revision=start, stateless_job_filter=job_filter)


def watch_pods(*, start: int = 0, **fields: object) -> watch_svc_pb2.WatchRequest:
    """Watch pods."""
    pod_filter = watch_pb2.PodFilter(**fields)  # type: ignore[arg-type] # any
    return watch_svc_pb2.WatchRequest(start_revision=start, pod_filter=pod_filter)


def unique(prefix: str = "job") -> str:
    """A name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex}"


def job_id(job: str) -> peloton_pb2.JobID:
    return peloton_pb2.JobID(value=job)


def pod_name(name: str) -> peloton_pb2.PodName:
    return peloton_pb2.PodName(value=name)


def pod_id(run: str) -> peloton_pb2.PodID:
    return peloton_pb2.PodID(value=run)


def entity(version: str) -> peloton_pb2.EntityVersion:
    return peloton_pb2.EntityVersion(value=version)
