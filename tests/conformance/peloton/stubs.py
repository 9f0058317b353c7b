"""The generated stubs as a client without asyncio has them: our generated types know the other kind only."""

from typing import Protocol, TypeVar, cast

import grpc

from protocol.pb.peloton.api.v1alpha.host.svc import host_svc_pb2 as hosts
from protocol.pb.peloton.api.v1alpha.host.svc.host_svc_pb2_grpc import HostServiceStub
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as jobs
from protocol.pb.peloton.api.v1alpha.job.stateless.svc.stateless_svc_pb2_grpc import JobServiceStub
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2 as pods
from protocol.pb.peloton.api.v1alpha.pod.svc.pod_svc_pb2_grpc import PodServiceStub
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2 as watches
from protocol.pb.peloton.api.v1alpha.watch.svc.watch_svc_pb2_grpc import WatchServiceStub

Q_contra = TypeVar("Q_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)
Metadata = tuple[tuple[str, str], ...]


class Answers(Protocol[A_co]):
    """A stream of answers that may be broken off."""

    def __iter__(self) -> "Answers[A_co]": ...

    def __next__(self) -> A_co: ...

    def cancel(self) -> None: ...


class Promise(Protocol[A_co]):
    """An answer that is on its way."""

    def result(self, timeout: float | None = None) -> A_co: ...


class Whole(Protocol[Q_contra, A_co]):
    """A method with one answer."""

    def __call__(
        self, request: Q_contra, timeout: float | None = None, metadata: Metadata | None = None
    ) -> A_co: ...

    def future(
        self, request: Q_contra, timeout: float | None = None, metadata: Metadata | None = None
    ) -> Promise[A_co]: ...


class Streamed(Protocol[Q_contra, A_co]):
    """A method with a stream of answers."""

    def __call__(
        self, request: Q_contra, timeout: float | None = None, metadata: Metadata | None = None
    ) -> Answers[A_co]: ...


class Jobs(Protocol):
    """JobService."""

    CreateJob: Whole[jobs.CreateJobRequest, jobs.CreateJobResponse]
    StartJob: Whole[jobs.StartJobRequest, jobs.StartJobResponse]
    StopJob: Whole[jobs.StopJobRequest, jobs.StopJobResponse]
    DeleteJob: Whole[jobs.DeleteJobRequest, jobs.DeleteJobResponse]
    GetJob: Whole[jobs.GetJobRequest, jobs.GetJobResponse]
    GetJobIDFromJobName: Whole[jobs.GetJobIDFromJobNameRequest, jobs.GetJobIDFromJobNameResponse]
    QueryJobs: Whole[jobs.QueryJobsRequest, jobs.QueryJobsResponse]
    QueryPods: Whole[jobs.QueryPodsRequest, jobs.QueryPodsResponse]
    ListJobs: Streamed[jobs.ListJobsRequest, jobs.ListJobsResponse]
    ListPods: Streamed[jobs.ListPodsRequest, jobs.ListPodsResponse]
    ReplaceJob: Whole[jobs.ReplaceJobRequest, jobs.ReplaceJobResponse]
    PatchJob: Whole[jobs.PatchJobRequest, jobs.PatchJobResponse]
    RestartJob: Whole[jobs.RestartJobRequest, jobs.RestartJobResponse]
    PauseJobWorkflow: Whole[jobs.PauseJobWorkflowRequest, jobs.PauseJobWorkflowResponse]
    ResumeJobWorkflow: Whole[jobs.ResumeJobWorkflowRequest, jobs.ResumeJobWorkflowResponse]
    AbortJobWorkflow: Whole[jobs.AbortJobWorkflowRequest, jobs.AbortJobWorkflowResponse]
    GetReplaceJobDiff: Whole[jobs.GetReplaceJobDiffRequest, jobs.GetReplaceJobDiffResponse]
    GetWorkflowEvents: Whole[jobs.GetWorkflowEventsRequest, jobs.GetWorkflowEventsResponse]
    ListJobUpdates: Whole[jobs.ListJobUpdatesRequest, jobs.ListJobUpdatesResponse]
    ListJobWorkflows: Whole[jobs.ListJobWorkflowsRequest, jobs.ListJobWorkflowsResponse]
    RefreshJob: Whole[jobs.RefreshJobRequest, jobs.RefreshJobResponse]
    GetJobCache: Whole[jobs.GetJobCacheRequest, jobs.GetJobCacheResponse]


class Pods(Protocol):
    """PodService."""

    StartPod: Whole[pods.StartPodRequest, pods.StartPodResponse]
    StopPod: Whole[pods.StopPodRequest, pods.StopPodResponse]
    RestartPod: Whole[pods.RestartPodRequest, pods.RestartPodResponse]
    GetPod: Whole[pods.GetPodRequest, pods.GetPodResponse]
    GetPodEvents: Whole[pods.GetPodEventsRequest, pods.GetPodEventsResponse]
    DeletePodEvents: Whole[pods.DeletePodEventsRequest, pods.DeletePodEventsResponse]
    RefreshPod: Whole[pods.RefreshPodRequest, pods.RefreshPodResponse]
    GetPodCache: Whole[pods.GetPodCacheRequest, pods.GetPodCacheResponse]
    BrowsePodSandbox: Whole[pods.BrowsePodSandboxRequest, pods.BrowsePodSandboxResponse]


class Hosts(Protocol):
    """HostService."""

    QueryHosts: Whole[hosts.QueryHostsRequest, hosts.QueryHostsResponse]


class Watches(Protocol):
    """WatchService."""

    Watch: Streamed[watches.WatchRequest, watches.WatchResponse]
    Cancel: Whole[watches.CancelRequest, watches.CancelResponse]


class Stubs:
    """The stubs of one connection."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.jobs = cast("Jobs", JobServiceStub(channel))  # type: ignore[arg-type] # it takes this kind too
        self.pods = cast("Pods", PodServiceStub(channel))  # type: ignore[arg-type]
        self.hosts = cast("Hosts", HostServiceStub(channel))  # type: ignore[arg-type]
        self.watches = cast("Watches", WatchServiceStub(channel))  # type: ignore[arg-type]
