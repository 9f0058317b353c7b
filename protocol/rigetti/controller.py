"""Controller: submits jobs, tells how they stand, waits for what comes of them, cancels what waits.

1. A method translates, asks the door to tasks, translates back.
2. A submission is a repeat, or is checked; what is decided about it outlives a caller who goes away.
3. Who asks for another's job learns no more than that there is none of this id.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from events.frozen import replace
from events.task import TaskPhase
from projections.tasks import TaskView
from protocol.calls import CallContext, Calls, Metadata, fingerprint
from protocol.gateway import Call, Refused
from protocol.pb.rigetti.controller import service_pb2 as pb
from protocol.rigetti.errors import StillRunning, unary
from protocol.rigetti.rules import Rules
from protocol.rigetti.submissions import Submissions
from protocol.rigetti.translate.keys import read_key
from protocol.rigetti.translate.refusal import invalid, unknown
from protocol.rigetti.translate.spelling import spell_result, spell_status
from protocol.rigetti.translate.targets import Targets
from protocol.task_gateway import TaskGateway

SPELLED = 64
"""Results whose bytes are remembered: the same one goes to all who wait for it."""
SHORT = 1 << 16
"""Bytes of a result that is remembered."""

PLACE = "queue-place"
"""Trailing metadata, ours alone: how many jobs wait before one that waits."""

ExecuteRequest = pb.ExecuteControllerJobRequest
BatchRequest = pb.BatchExecuteControllerJobsRequest


class StatusContext(CallContext, Protocol):
    """A call whose answer may come with more than its message."""

    def set_trailing_metadata(self, trailing_metadata: Metadata) -> None:
        """Say more."""


class ControllerServicer:
    """Answers for `services.controller.Controller`."""

    def __init__(
        self,
        *,
        tasks: TaskGateway,
        calls: Calls,
        rules: Rules,
        targets: Targets,
        submissions: Submissions,
        now: Callable[[], int],
    ) -> None:
        self._tasks = tasks
        self._calls = calls
        self._rules = rules
        self._targets = targets
        self._submissions = submissions
        self._now = now
        self._spelled: OrderedDict[str, bytes] = OrderedDict()

    @unary
    async def ExecuteControllerJob(  # noqa: N802 - the wire's name
        self, request: ExecuteRequest, context: CallContext
    ) -> pb.ExecuteControllerJobResponse:
        """Queue one execution for each configuration, all or none."""
        call = self._write(context, "ExecuteControllerJob", request)
        made = await self._tasks.submit(
            lambda: self._submissions.of([request], call.roles, is_batch=False), call
        )
        return pb.ExecuteControllerJobResponse(job_execution_ids=made.ids[0])

    @unary
    async def BatchExecuteControllerJobs(  # noqa: N802
        self, request: BatchRequest, context: CallContext
    ) -> pb.BatchExecuteControllerJobsResponse:
        """Queue several jobs, all or none. Keys of members are ignored."""
        for member in request.requests:
            member.ClearField("idempotency_key")
        call = self._write(context, "BatchExecuteControllerJobs", request)
        made = await self._tasks.submit(
            lambda: self._submissions.of(request.requests, call.roles, is_batch=True), call
        )
        answer = pb.BatchExecuteControllerJobsResponse()
        for ids in made.ids:  # in place: messages that are handed over are copied
            answer.responses.add().job_execution_ids.extend(ids)
        return answer

    @unary
    async def GetControllerJobResults(  # noqa: N802
        self, request: pb.GetControllerJobResultsRequest, context: CallContext
    ) -> bytes:
        """Wait until an execution has ended, and tell what came of it."""
        task = self._task(request, request.job_execution_id, "job_execution_id", context)
        if not task.phase.is_terminal:
            try:
                task = await self._tasks.ended(task.id, self._rules.result_wait_s)
            except TimeoutError:
                raise StillRunning("the job has not ended yet; ask again") from None
        return await self._result(task)

    @unary
    async def CancelControllerJobs(  # noqa: N802
        self, request: pb.CancelControllerJobsRequest, context: CallContext
    ) -> pb.CancelControllerJobsResponse:
        """Cancel what still waits; everything else is passed over."""
        call = self._calls.write(context, "CancelControllerJobs", request)
        await self._tasks.cancel(
            (id for id in request.job_ids if self._is_targeted(request, id)),  # noqa: A001 - as the wire calls it
            call,
        )
        return pb.CancelControllerJobsResponse()

    @unary
    async def GetControllerJobStatus(  # noqa: N802
        self, request: pb.GetControllerJobStatusRequest, context: StatusContext
    ) -> pb.GetControllerJobStatusResponse:
        """Tell how an execution stands, and when it may have ended."""
        task = self._task(request, request.job_id, "job_id", context)
        now = self._now()
        if task.phase is TaskPhase.QUEUED:
            context.set_trailing_metadata(((PLACE, str(self._tasks.ahead(task))),))
        return spell_status(task, self._tasks.delay(task, now), now)

    def _write(self, context: CallContext, method: str, request: ExecuteRequest | BatchRequest) -> Call:
        """Describe a call, with the key of its message, or else of its metadata."""
        if not request.HasField("idempotency_key"):
            return self._calls.write(context, method, request)
        key = read_key(request.idempotency_key)
        request.ClearField("idempotency_key")
        return replace(self._calls.read(context), key=key, fingerprint=fingerprint(method, request))

    def _task(self, request: object, id: str, field: str, context: CallContext) -> TaskView:  # noqa: A002
        if not id:
            raise invalid(field, "must not be empty")
        task = self._tasks.task(id)
        # What is wrong with the target is said of every id, so that it says nothing of any.
        is_there = self._targets.is_of(request, "" if task is None else task.worker)
        if task is None or not is_there or task.principal != self._calls.read(context).principal:
            raise unknown("job")
        return task

    def _is_targeted(self, request: pb.CancelControllerJobsRequest, id: str) -> bool:  # noqa: A002
        task = self._tasks.task(id)
        try:
            return task is not None and self._targets.is_of(request, task.worker)
        except Refused:  # whatever the target is, the answer is that it was received
            return False

    async def _result(self, task: TaskView) -> bytes:
        spelled = self._spelled.get(task.id)
        if spelled is not None:
            return spelled
        result = await self._tasks.result(task) if task.phase is TaskPhase.SUCCEEDED else None
        # Maps have no order of their own: a result is the same bytes whenever it is asked for.
        spelled = spell_result(task, result).SerializeToString(deterministic=True)
        if len(spelled) <= SHORT:
            self._spelled[task.id] = spelled
            if len(self._spelled) > SPELLED:
                self._spelled.popitem(last=False)
        return spelled
