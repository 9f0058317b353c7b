"""What clients ask for: requests by chance, each with its path, its answer's class and its legal refusals.

1. A name, a job or a pod is one of those that somebody made before, now and then one that nobody did.
2. Versions are those that the client last saw: often stale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from google.protobuf.message import Message
from grpc import StatusCode

from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as jobs_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2 as pods_pb2

JOBS = "/peloton.api.v1alpha.job.stateless.svc.JobService/"
PODS = "/peloton.api.v1alpha.pod.svc.PodService/"

_S = StatusCode
AT_ANY_TIME = (_S.UNAVAILABLE, _S.RESOURCE_EXHAUSTED, _S.DEADLINE_EXCEEDED)
"""Refusals after which the same call may be made again: of a keyed one nothing more is done."""
_OF_JOB = (_S.NOT_FOUND, _S.ABORTED, _S.INVALID_ARGUMENT)
_OF_POD = (_S.NOT_FOUND, _S.INVALID_ARGUMENT, _S.ABORTED)
_WORKFLOW = (*_OF_JOB, _S.UNIMPLEMENTED)
BIG = 70_000
"""Characters that make a body too long for a row of the journal."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One call to be made."""

    path: str
    request: Message
    answer: type[Message]
    legal: tuple[StatusCode, ...]
    """Refusals that may follow, beside those that may follow at any time."""
    job: str = ""
    """The job that it is about, empty for none in particular."""
    is_change: bool = True
    is_keyed: bool = True
    """False for what may not be repeated under a key."""

    @property
    def name(self) -> str:
        """Name of the method."""
        return self.path.rpartition("/")[2]


class Known:
    """What clients know of the world, all together."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.instances: dict[str, int] = {}
        self.versions: dict[str, str] = {}
        """Last told, by job."""
        self.seen: dict[str, tuple[int, ...]] = {}
        """Newest that anybody was told, by job."""
        self.revision = 0
        """Highest revision that any watcher was told."""


class Wishes:
    """Makes wishes.

    Args:
        chance: Decides.
        known: What there is to wish for.
    """

    def __init__(self, chance: Random, known: Known) -> None:
        self._chance = chance
        self._known = known
        self._count = 0

    def next(self) -> Wish:
        """Make the next wish."""
        if not self._known.jobs or (len(self._known.jobs) < 12 and self._chance.random() < 0.15):  # noqa: PLR2004
            return self._create()
        kind = self._chance.choices(
            ("job", "pod", "read", "list", "workflow", "create"), (30, 25, 20, 10, 8, 2)
        )[0]
        match kind:
            case "job":
                return self._of_job()
            case "pod":
                return self._of_pod()
            case "read":
                return self._read()
            case "list":
                return self._list()
            case "workflow":
                return self._of_workflow()
            case _:
                return self._create()

    # ------------------------------------------------------------ changes

    def _create(self) -> Wish:
        self._count += 1
        chance = self._chance
        spec = stateless_pb2.JobSpec(
            name=f"job-{self._count}",
            owner=chance.choice(("ann", "bob")),
            instance_count=chance.randint(1, 5),
            default_spec=self._pod_spec(),
        )
        if chance.random() < 0.05:  # noqa: PLR2004 - a body for a blob
            spec.description = "x" * 4_000
            spec.labels.extend(
                peloton_pb2.Label(key=f"k{number}", value="x" * 1_000) for number in range(BIG // 1_000)
            )
        request = jobs_pb2.CreateJobRequest(spec=spec)
        if chance.random() < 0.3:  # noqa: PLR2004
            request.job_id.value = self._own_id()
        if chance.random() < 0.3:  # noqa: PLR2004
            request.create_spec.batch_size = chance.randint(1, 2)
        legal = (_S.ALREADY_EXISTS,) if request.job_id.value else ()
        return Wish(JOBS + "CreateJob", request, jobs_pb2.CreateJobResponse, legal)

    def _own_id(self) -> str:
        bits = f"{self._chance.getrandbits(128):032x}"
        if self._known.jobs and self._chance.random() < 0.2:  # noqa: PLR2004 - taken already
            return self._chance.choice(self._known.jobs)
        return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"

    def _pod_spec(self) -> pod_pb2.PodSpec:
        chance = self._chance
        labels = []
        if chance.random() < 0.25:  # noqa: PLR2004
            labels.append(("simulate.run_s", str(chance.choice((0, 1, 20, 90)))))
            labels.append(("simulate.exit_code", str(chance.choice((0, 1)))))
        if chance.random() < 0.3:  # noqa: PLR2004
            labels.append(("simulate.start_s", str(chance.choice((0.1, 2)))))
        containers = [
            pod_pb2.ContainerSpec(
                name=f"c{number}",
                entrypoint=pod_pb2.CommandSpec(value="run"),
                resource=pod_pb2.ResourceSpec(
                    cpu_limit=chance.choice((0, 0.5)), mem_limit_mb=chance.choice((50, 100, 300))
                ),
            )
            for number in range(chance.choice((1, 1, 2)))
        ]
        if chance.random() < 0.2:  # noqa: PLR2004
            containers[0].ports.add(name="http", env_name="PORT")
        spec = pod_pb2.PodSpec(
            containers=containers,
            labels=[peloton_pb2.Label(key=key, value=value) for key, value in labels],
            kill_grace_period_seconds=chance.choice((0, 1)),
        )
        if chance.random() < 0.15:  # noqa: PLR2004
            spec.init_containers.add(name="init", entrypoint=pod_pb2.CommandSpec(value="init"))
        return spec

    def _of_job(self) -> Wish:
        job = self._job()
        id, version = peloton_pb2.JobID(value=job), self._version(job)  # noqa: A001
        match self._chance.choices(("start", "stop", "delete"), (4, 4, 2))[0]:
            case "start":
                start = jobs_pb2.StartJobRequest(job_id=id, version=version)
                return Wish(JOBS + "StartJob", start, jobs_pb2.StartJobResponse, _OF_JOB, job)
            case "stop":
                stop = jobs_pb2.StopJobRequest(job_id=id, version=version)
                return Wish(JOBS + "StopJob", stop, jobs_pb2.StopJobResponse, _OF_JOB, job)
            case _:
                force = self._chance.random() < 0.7  # noqa: PLR2004
                delete = jobs_pb2.DeleteJobRequest(job_id=id, version=version, force=force)
                return Wish(JOBS + "DeleteJob", delete, jobs_pb2.DeleteJobResponse, _OF_JOB, job)

    def _of_workflow(self) -> Wish:
        job = self._job()
        id, version = peloton_pb2.JobID(value=job), self._version(job)  # noqa: A001
        request: Message
        match self._chance.choice(("ReplaceJob", "RestartJob", "Pause", "Resume", "Abort")):
            case "ReplaceJob":
                spec = stateless_pb2.JobSpec(
                    name="replaced", instance_count=self._chance.randint(1, 5), default_spec=self._pod_spec()
                )
                request = jobs_pb2.ReplaceJobRequest(job_id=id, version=version, spec=spec)
                return Wish(JOBS + "ReplaceJob", request, jobs_pb2.ReplaceJobResponse, _WORKFLOW, job)
            case "RestartJob":
                request = jobs_pb2.RestartJobRequest(job_id=id, version=version, batch_size=1)
                return Wish(JOBS + "RestartJob", request, jobs_pb2.RestartJobResponse, _WORKFLOW, job)
            case "Pause":
                request = jobs_pb2.PauseJobWorkflowRequest(job_id=id, version=version)
                answer = jobs_pb2.PauseJobWorkflowResponse
                return Wish(JOBS + "PauseJobWorkflow", request, answer, _WORKFLOW, job)
            case "Resume":
                request = jobs_pb2.ResumeJobWorkflowRequest(job_id=id, version=version)
                resumed = jobs_pb2.ResumeJobWorkflowResponse
                return Wish(JOBS + "ResumeJobWorkflow", request, resumed, _WORKFLOW, job)
            case _:
                request = jobs_pb2.AbortJobWorkflowRequest(job_id=id, version=version)
                aborted = jobs_pb2.AbortJobWorkflowResponse
                return Wish(JOBS + "AbortJobWorkflow", request, aborted, _WORKFLOW, job)

    def _of_pod(self) -> Wish:
        job = self._job()
        pod = self._pod_of(job)
        match self._chance.choice(("start", "stop", "restart")):
            case "start":
                start = pods_pb2.StartPodRequest(pod_name=pod)
                return Wish(PODS + "StartPod", start, pods_pb2.StartPodResponse, _OF_POD, job)
            case "stop":
                stop = pods_pb2.StopPodRequest(pod_name=pod)
                return Wish(PODS + "StopPod", stop, pods_pb2.StopPodResponse, _OF_POD, job)
            case _:
                again = pods_pb2.RestartPodRequest(pod_name=pod)
                return Wish(PODS + "RestartPod", again, pods_pb2.RestartPodResponse, _OF_POD, job)

    # ------------------------------------------------------------ reads

    def _read(self) -> Wish:
        job = self._job()
        match self._chance.choice(("job", "pod", "events", "named")):
            case "job":
                return self.get(job)
            case "pod":
                get = pods_pb2.GetPodRequest(pod_name=self._pod_of(job))
                return _reads(PODS + "GetPod", get, pods_pb2.GetPodResponse, (_S.NOT_FOUND,))
            case "events":
                events = pods_pb2.GetPodEventsRequest(pod_name=self._pod_of(job))
                return _reads(PODS + "GetPodEvents", events, pods_pb2.GetPodEventsResponse, (_S.NOT_FOUND,))
            case _:
                named = jobs_pb2.GetJobIDFromJobNameRequest(job_name=f"job-{self._chance.randint(1, 12)}")
                answer = jobs_pb2.GetJobIDFromJobNameResponse
                return _reads(JOBS + "GetJobIDFromJobName", named, answer, (_S.NOT_FOUND,))

    def get(self, job: str) -> Wish:
        """Make the wish to know a job."""
        request = jobs_pb2.GetJobRequest(job_id=peloton_pb2.JobID(value=job))
        legal = (_S.NOT_FOUND,)
        return Wish(JOBS + "GetJob", request, jobs_pb2.GetJobResponse, legal, job, is_change=False)

    def _list(self) -> Wish:
        job = self._job()
        if self._chance.random() < 0.5:  # noqa: PLR2004
            pods = jobs_pb2.QueryPodsRequest(job_id=peloton_pb2.JobID(value=job))
            return _reads(JOBS + "QueryPods", pods, jobs_pb2.QueryPodsResponse, (_S.NOT_FOUND,))
        query = jobs_pb2.QueryJobsRequest()
        return _reads(JOBS + "QueryJobs", query, jobs_pb2.QueryJobsResponse, ())

    # ------------------------------------------------------------ what there is

    def _job(self) -> str:
        if self._chance.random() < 0.02:  # noqa: PLR2004 - nobody's
            return "00000000-0000-4000-8000-000000000000"
        recent: Sequence[str] = self._known.jobs[-6:]
        return self._chance.choice(recent)

    def _pod_of(self, job: str) -> peloton_pb2.PodName:
        instance = self._chance.randint(0, self._known.instances.get(job, 1))
        return peloton_pb2.PodName(value=f"{job}-{instance}")

    def _version(self, job: str) -> peloton_pb2.EntityVersion:
        return peloton_pb2.EntityVersion(value=self._known.versions.get(job, "1-1-1"))


def _reads(path: str, request: Message, answer: type[Message], legal: tuple[StatusCode, ...]) -> Wish:
    return Wish(path, request, answer, legal, is_change=False)
