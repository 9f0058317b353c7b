"""JobService, its half about workflows: replacing, restarting, pausing, resuming, giving up.

1. A method translates, asks the gateway once, translates back.
2. What changes something carries the call's idempotency key.
3. A comparison is a question to the kernel, which decides by the same rules and stores nothing.
"""

from collections.abc import Callable

from actors.job.commands import (
    AbortWorkflow,
    CompareJob,
    JobAccepted,
    JobCommand,
    JobDifference,
    PauseWorkflow,
    ReplaceJob,
    ResumeWorkflow,
)
from projections.jobs import JobView
from protocol.calls import CallContext, Calls
from protocol.gateway import Call, Gateway
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from protocol.peloton.errors import unary
from protocol.peloton.translate.ids import job_stream, read_job_id
from protocol.peloton.translate.job_spec import read_changed_spec
from protocol.peloton.translate.job_status import spell_cached_status, spell_spec
from protocol.peloton.translate.refusal import not_found
from protocol.peloton.translate.rules import Rules
from protocol.peloton.translate.stored_spec import StoredSpecs
from protocol.peloton.translate.update import read_opaque, read_patch, read_replace, read_restart
from protocol.peloton.translate.workflow import (
    spell_instance_changes,
    spell_ranges,
    spell_workflow,
)


class WorkflowServicer:
    """Answers for the methods of JobService that are about workflows, and about what is in memory."""

    def __init__(
        self, gateway: Gateway, calls: Calls, specs: StoredSpecs, rules: Rules, now: Callable[[], int]
    ) -> None:
        self._gateway = gateway
        self._calls = calls
        self._specs = specs
        self._rules = rules
        self._now = now

    @unary
    async def ReplaceJob(  # noqa: N802 - the wire's name
        self, request: svc.ReplaceJobRequest, context: CallContext
    ) -> svc.ReplaceJobResponse:
        """Make a job another one, batch after batch."""
        job = read_job_id(request.job_id)
        call = self._calls.write(context, "ReplaceJob", request)

        async def replace() -> ReplaceJob:
            return read_replace(request, self._rules)

        done = await self._gateway.execute_prepared(job_stream(job), replace, call, JobAccepted)
        return svc.ReplaceJobResponse(version=peloton_pb2.EntityVersion(value=done.version))

    @unary
    async def PatchJob(  # noqa: N802
        self, request: svc.PatchJobRequest, context: CallContext
    ) -> svc.PatchJobResponse:
        """Replace a job's spec by itself with some fields changed."""
        job = read_job_id(request.job_id)
        call = self._calls.write(context, "PatchJob", request)

        async def patch() -> ReplaceJob:
            view = await self._job(job)
            return read_patch(request, self._specs.of(view.spec), self._rules)

        done = await self._gateway.execute_prepared(job_stream(job), patch, call, JobAccepted)
        return svc.PatchJobResponse(version=peloton_pb2.EntityVersion(value=done.version))

    @unary
    async def RestartJob(  # noqa: N802
        self, request: svc.RestartJobRequest, context: CallContext
    ) -> svc.RestartJobResponse:
        """Want a new run of instances, batch after batch."""
        job = read_job_id(request.job_id)
        call = self._calls.write(context, "RestartJob", request)
        return svc.RestartJobResponse(version=await self._change(job, read_restart(request), call))

    @unary
    async def PauseJobWorkflow(  # noqa: N802
        self, request: svc.PauseJobWorkflowRequest, context: CallContext
    ) -> svc.PauseJobWorkflowResponse:
        """Take no more instances."""
        job, expected = read_job_id(request.job_id), request.version.value
        command = PauseWorkflow(expected_version=expected, opaque=read_opaque(request))
        call = self._calls.write(context, "PauseJobWorkflow", request)
        return svc.PauseJobWorkflowResponse(version=await self._change(job, command, call))

    @unary
    async def ResumeJobWorkflow(  # noqa: N802
        self, request: svc.ResumeJobWorkflowRequest, context: CallContext
    ) -> svc.ResumeJobWorkflowResponse:
        """Go on with a paused workflow."""
        job, expected = read_job_id(request.job_id), request.version.value
        command = ResumeWorkflow(expected_version=expected, opaque=read_opaque(request))
        call = self._calls.write(context, "ResumeJobWorkflow", request)
        return svc.ResumeJobWorkflowResponse(version=await self._change(job, command, call))

    @unary
    async def AbortJobWorkflow(  # noqa: N802
        self, request: svc.AbortJobWorkflowRequest, context: CallContext
    ) -> svc.AbortJobWorkflowResponse:
        """Give a workflow up."""
        job, expected = read_job_id(request.job_id), request.version.value
        command = AbortWorkflow(expected_version=expected, opaque=read_opaque(request))
        call = self._calls.write(context, "AbortJobWorkflow", request)
        return svc.AbortJobWorkflowResponse(version=await self._change(job, command, call))

    @unary
    async def GetReplaceJobDiff(  # noqa: N802
        self, request: svc.GetReplaceJobDiffRequest, context: CallContext
    ) -> svc.GetReplaceJobDiffResponse:
        """Tell what ReplaceJob would change."""
        job = read_job_id(request.job_id)
        command = CompareJob(
            expected_version=request.version.value, spec=read_changed_spec(request.spec, self._rules)
        )
        call = self._calls.read(context)
        told = await self._gateway.execute(job_stream(job), command, call, JobDifference)
        return svc.GetReplaceJobDiffResponse(
            instances_added=spell_ranges(told.added),
            instances_removed=spell_ranges(told.removed),
            instances_updated=spell_ranges(told.updated),
            instances_unchanged=spell_ranges(told.unchanged),
        )

    @unary
    async def GetWorkflowEvents(  # noqa: N802
        self, request: svc.GetWorkflowEventsRequest, _: CallContext
    ) -> svc.GetWorkflowEventsResponse:
        """Tell what the current workflow, or the last, did to one instance, newest first."""
        job = await self._job(read_job_id(request.job_id))
        events = (
            spell_instance_changes(job.workflows[-1], request.instance_id, request.limit)
            if job.workflows
            else []
        )
        return svc.GetWorkflowEventsResponse(events=events)

    @unary
    async def ListJobUpdates(  # noqa: N802
        self, request: svc.ListJobUpdatesRequest, _: CallContext
    ) -> svc.ListJobUpdatesResponse:
        """Tell of the workflows that are kept, newest first."""
        job = await self._job(read_job_id(request.job_id))
        return svc.ListJobUpdatesResponse(
            workflow_infos=[spell_workflow(each, job) for each in reversed(job.workflows)]
        )

    @unary
    async def ListJobWorkflows(  # noqa: N802
        self, request: svc.ListJobWorkflowsRequest, _: CallContext
    ) -> svc.ListJobWorkflowsResponse:
        """Tell of the workflows that are kept, newest first, and of what they did to instances."""
        job = await self._job(read_job_id(request.job_id))
        limit = request.updates_limit or len(job.workflows)
        return svc.ListJobWorkflowsResponse(
            workflow_infos=[
                spell_workflow(
                    each,
                    job,
                    instance_events=request.instance_events_limit if request.instance_events else None,
                )
                for each in job.workflows[::-1][:limit]
            ]
        )

    @unary
    async def RefreshJob(  # noqa: N802
        self, request: svc.RefreshJobRequest, _: CallContext
    ) -> svc.RefreshJobResponse:
        """Do nothing: what is in memory is what is on disk."""
        await self._job(read_job_id(request.job_id))
        return svc.RefreshJobResponse()

    @unary
    async def GetJobCache(  # noqa: N802
        self, request: svc.GetJobCacheRequest, _: CallContext
    ) -> svc.GetJobCacheResponse:
        """Tell of a job what is in memory, which is all."""
        job = await self._job(read_job_id(request.job_id))
        return svc.GetJobCacheResponse(
            spec=spell_spec(job.spec, job.config, self._specs, job), status=spell_cached_status(job)
        )

    async def _job(self, job: str) -> JobView:
        view = await self._gateway.job(job)
        if view is None:
            raise not_found("job", job)
        return view

    async def _change(self, job: str, command: JobCommand, call: Call) -> peloton_pb2.EntityVersion:
        done = await self._gateway.execute(job_stream(job), command, call, JobAccepted)
        return peloton_pb2.EntityVersion(value=done.version)
