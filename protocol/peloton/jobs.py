"""JobService: jobs as one writes, starts, stops, finds and reads them.

1. A method translates, asks the gateway once, translates back. What is about workflows is in
   `workflows.py`.
2. What changes something carries the call's idempotency key. Where the settings of the server have a say
   in what is allowed, a repeat is answered before they are asked: they may be other ones now.
"""

from collections.abc import AsyncGenerator, Callable

from actors.job.commands import CreateJob, DeleteJob, JobAccepted, StartJob, StopJob
from projections.jobs import JobView
from projections.pods import PodView
from projections.queries import JobQuery, Page, PodQuery
from protocol.calls import CallContext, Calls
from protocol.gateway import Gateway
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.errors import stream, unary
from protocol.peloton.history import spec_of
from protocol.peloton.pages import each_job, each_pod, jobs_of, pods_of
from protocol.peloton.pod_specs import PodSpecs
from protocol.peloton.spelled import SpelledJobs
from protocol.peloton.translate.ids import job_id, job_stream, read_config, read_job_id
from protocol.peloton.translate.job_query import read_job_query
from protocol.peloton.translate.job_spec import read_create
from protocol.peloton.translate.job_status import (
    spell_current_workflow,
    spell_job,
    spell_job_summary,
    spell_spec,
)
from protocol.peloton.translate.known_specs import KnownSpecs
from protocol.peloton.translate.pod_query import read_instances, read_pod_query
from protocol.peloton.translate.pod_status import spell_pod, spell_pod_summary
from protocol.peloton.translate.refusal import not_found
from protocol.peloton.translate.rules import Rules
from protocol.peloton.translate.stored_spec import StoredSpecs
from protocol.peloton.workflows import WorkflowServicer


class JobServicer(WorkflowServicer):
    """Answers for `peloton.api.v1alpha.job.stateless.svc.JobService`."""

    def __init__(
        self, gateway: Gateway, calls: Calls, specs: StoredSpecs, rules: Rules, now: Callable[[], int]
    ) -> None:
        super().__init__(gateway, calls, specs, rules, now)
        self._known = KnownSpecs(rules)
        self._spelled = SpelledJobs(self._spell)
        self._pod_specs = PodSpecs(gateway, specs)

    @unary
    async def CreateJob(  # noqa: N802 - the wire's name
        self, request: svc.CreateJobRequest, context: CallContext
    ) -> svc.CreateJobResponse:
        """Make a job; its pods start afterwards."""
        job = read_job_id(request.job_id) if request.job_id.value else self._gateway.new_id()
        call = self._calls.write(context, "CreateJob", request)

        async def create() -> CreateJob:
            return read_create(request, job, self._known.read)

        made = await self._gateway.execute_prepared(job_stream(job), create, call, JobAccepted)
        return svc.CreateJobResponse(job_id=job_id(made.job), version=_version(made))

    @unary
    async def StartJob(  # noqa: N802
        self, request: svc.StartJobRequest, context: CallContext
    ) -> svc.StartJobResponse:
        """Want all pods to run."""
        job = read_job_id(request.job_id)
        command = StartJob(expected_version=request.version.value)
        call = self._calls.write(context, "StartJob", request)
        return svc.StartJobResponse(version=await self._change(job, command, call))

    @unary
    async def StopJob(  # noqa: N802
        self, request: svc.StopJobRequest, context: CallContext
    ) -> svc.StopJobResponse:
        """Want all pods to end."""
        job = read_job_id(request.job_id)
        command = StopJob(expected_version=request.version.value)
        call = self._calls.write(context, "StopJob", request)
        return svc.StopJobResponse(version=await self._change(job, command, call))

    @unary
    async def DeleteJob(  # noqa: N802
        self, request: svc.DeleteJobRequest, context: CallContext
    ) -> svc.DeleteJobResponse:
        """Want all pods and then the job to be gone."""
        job = read_job_id(request.job_id)
        command = DeleteJob(expected_version=request.version.value, force=request.force)
        call = self._calls.write(context, "DeleteJob", request)
        await self._gateway.execute(job_stream(job), command, call, JobAccepted)
        return svc.DeleteJobResponse()

    @unary
    async def GetJob(  # noqa: N802
        self, request: svc.GetJobRequest, _: CallContext
    ) -> svc.GetJobResponse | bytes:
        """Tell of one job: as it is, its summary, or the spec of an earlier configuration."""
        job = await self._job(read_job_id(request.job_id))
        if request.version.value:
            return await self._configured(job, read_config(request.version))
        if request.summary_only:
            return svc.GetJobResponse(summary=spell_job_summary(job, self._specs))
        return self._spelled.of(job)

    def _spell(self, job: JobView) -> bytes:
        return svc.GetJobResponse(
            job_info=spell_job(job, self._specs),
            workflow_info=spell_current_workflow(job),
        ).SerializeToString()

    @unary
    async def GetJobIDFromJobName(  # noqa: N802
        self, request: svc.GetJobIDFromJobNameRequest, _: CallContext
    ) -> svc.GetJobIDFromJobNameResponse:
        """Tell every id ever created under a name, newest first."""
        ids = await self._gateway.jobs_named(request.job_name)
        if not ids:
            raise not_found("job named", request.job_name)
        return svc.GetJobIDFromJobNameResponse(job_id=[job_id(job) for job in ids])

    @stream
    async def ListJobs(  # noqa: N802
        self, _: svc.ListJobsRequest, context: CallContext
    ) -> AsyncGenerator[svc.ListJobsResponse, None]:
        """Tell of all jobs, newest first, one in a message."""
        async for job in each_job(self._gateway, JobQuery(count_limit=1), self._calls.read(context)):
            yield svc.ListJobsResponse(jobs=[spell_job_summary(job, self._specs)])

    @stream
    async def ListPods(  # noqa: N802
        self, request: svc.ListPodsRequest, context: CallContext
    ) -> AsyncGenerator[svc.ListPodsResponse, None]:
        """Tell of the pods of a job by number, one in a message."""
        job = await self._job(read_job_id(request.job_id))
        instances = read_instances(request.range) if request.HasField("range") else None
        query = PodQuery(owner=job_stream(job.id), instances=instances)
        async for pod in each_pod(self._gateway, query, self._calls.read(context)):
            yield svc.ListPodsResponse(pods=[spell_pod_summary(pod)])

    @unary
    async def QueryJobs(  # noqa: N802
        self, request: svc.QueryJobsRequest, context: CallContext
    ) -> svc.QueryJobsResponse:
        """Tell of a page of jobs."""
        query, window = read_job_query(request.spec, now=self._now())
        page: Page[JobView] = Page(rows=(), total=0)
        if query is not None:
            page = await jobs_of(self._gateway, query, self._calls.read(context))
        return svc.QueryJobsResponse(
            records=[spell_job_summary(job, self._specs) for job in page.rows],
            pagination=window.spell(page.total),
            spec=request.spec,
        )

    @unary
    async def QueryPods(  # noqa: N802
        self, request: svc.QueryPodsRequest, context: CallContext
    ) -> svc.QueryPodsResponse:
        """Tell of a page of the pods of a job."""
        job = await self._job(read_job_id(request.job_id))
        query, window = read_pod_query(request, job.id)
        page: Page[PodView] = Page(rows=(), total=0)
        if query is not None:
            page = await pods_of(self._gateway, query, self._calls.read(context))
        pods: list[pod_pb2.PodInfo] = [
            spell_pod(pod, None if request.summary_only else await self._pod_specs.of(pod))
            for pod in page.rows
        ]
        return svc.QueryPodsResponse(pods=pods, pagination=window.spell(page.total))

    async def _configured(self, job: JobView, config: int) -> svc.GetJobResponse:
        spec = job.spec if config == job.config else None
        if spec is None and config in job.configs:
            spec = await spec_of(self._gateway, job.id, config)
        if spec is None:
            raise not_found("configuration of the job", str(config))
        spelled = spell_spec(spec, config, self._specs)
        return svc.GetJobResponse(job_info=stateless_pb2.JobInfo(job_id=job_id(job.id), spec=spelled))


def _version(accepted: JobAccepted) -> peloton_pb2.EntityVersion:
    return peloton_pb2.EntityVersion(value=accepted.version)
