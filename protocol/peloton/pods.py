"""PodService: single pods, their runs, their events, their files.

1. Starting a pod of a job is a wish to the job, whose goal it sets; stopping and restarting are
   wishes to the pod itself. None of them moves the job's version.
2. What changes something carries the call's idempotency key.
"""

from collections.abc import Callable

from actors.job.commands import StartJobPod
from actors.kernel.decider import Code, Rejection
from actors.pod.commands import ForgetPodRun, RestartPod, StartPod, StopPod
from events.record import entity_of
from projections.pods import PodView
from protocol.calls import CallContext, Calls
from protocol.gateway import Gateway, Refused
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2 as svc
from protocol.peloton.errors import unary
from protocol.peloton.history import reading
from protocol.peloton.pod_specs import PodSpecs
from protocol.peloton.translate.ids import PodName, job_stream, pod_stream, read_pod_name, read_run
from protocol.peloton.translate.pod_history import read_events, read_previous, read_ran
from protocol.peloton.translate.pod_status import spell_pod, spell_pod_status
from protocol.peloton.translate.refusal import invalid, not_found, unsupported
from protocol.peloton.translate.stored_spec import StoredSpecs, spell_labels
from protocol.sandbox import Sandboxes

HttpAddress = Callable[[], tuple[str, int]]
"""Tells host and port at which files can be fetched; asked at each call, for the port may be chosen late."""


class PodServicer:
    """Answers for `peloton.api.v1alpha.pod.svc.PodService`."""

    def __init__(
        self,
        gateway: Gateway,
        calls: Calls,
        specs: StoredSpecs,
        sandboxes: Sandboxes,
        http_address: HttpAddress,
    ) -> None:
        self._gateway = gateway
        self._calls = calls
        self._pod_specs = PodSpecs(gateway, specs)
        self._sandboxes = sandboxes
        self._http_address = http_address

    @unary
    async def StartPod(  # noqa: N802 - the wire's name
        self, request: svc.StartPodRequest, context: CallContext
    ) -> svc.StartPodResponse:
        """Want a pod to run, and so its job."""
        name = read_pod_name(request.pod_name)
        call = self._calls.write(context, "StartPod", request)
        pod = await self._gateway.pod(name.id)
        if pod is None or entity_of(pod.owner) == "job":
            start = StartJobPod(instance=name.instance)
            await self._gateway.execute(job_stream(name.job), start, call, object)
        else:
            await self._gateway.execute(pod_stream(name.id), StartPod(), call, object)
        return svc.StartPodResponse()

    @unary
    async def StopPod(  # noqa: N802
        self, request: svc.StopPodRequest, context: CallContext
    ) -> svc.StopPodResponse:
        """Want a pod to end."""
        name = read_pod_name(request.pod_name)
        call = self._calls.write(context, "StopPod", request)
        await self._gateway.execute(pod_stream(name.id), StopPod(), call, object)
        return svc.StopPodResponse()

    @unary
    async def RestartPod(  # noqa: N802
        self, request: svc.RestartPodRequest, context: CallContext
    ) -> svc.RestartPodResponse:
        """Want another run of a pod."""
        name = read_pod_name(request.pod_name)
        call = self._calls.write(context, "RestartPod", request)

        async def restart() -> RestartPod:
            if request.check_sla:
                await self._check_sla(name)
            return RestartPod()

        await self._gateway.execute_prepared(pod_stream(name.id), restart, call, object)
        return svc.RestartPodResponse()

    @unary
    async def GetPod(  # noqa: N802
        self, request: svc.GetPodRequest, _: CallContext
    ) -> svc.GetPodResponse:
        """Tell of a pod's current run and, up to a limit, of the runs before it."""
        name = read_pod_name(request.pod_name)
        pod = await self._pod(name)
        previous: list[PodView] = []
        if request.limit != 1 and pod.run > 1:
            async with reading(self._gateway.pod_history(name.id)) as history:
                previous = await read_previous(history, pod.run, max(0, request.limit - 1))
        return svc.GetPodResponse(
            current=await self._spell(pod, status_only=request.status_only),
            previous=[await self._spell(run, status_only=request.status_only) for run in previous],
        )

    @unary
    async def GetPodEvents(  # noqa: N802
        self, request: svc.GetPodEventsRequest, _: CallContext
    ) -> svc.GetPodEventsResponse:
        """Tell what happened in one run, newest first."""
        name = read_pod_name(request.pod_name)
        run = read_run(request.pod_id, name)
        async with reading(self._gateway.pod_history(name.id)) as history:
            return svc.GetPodEventsResponse(events=await read_events(history, run))

    @unary
    async def BrowsePodSandbox(  # noqa: N802
        self, request: svc.BrowsePodSandboxRequest, _: CallContext
    ) -> svc.BrowsePodSandboxResponse:
        """Tell where the files of one run can be fetched."""
        name = read_pod_name(request.pod_name)
        run = read_run(request.pod_id, name)
        async with reading(self._gateway.pod_history(name.id)) as history:
            found = await read_ran(history, run)
        if found is None:
            raise not_found("pod", name.id)
        latest, has_run = found
        if not has_run:
            raise Refused(Rejection(Code.WRONG_STATE, f"no event tells that run {latest} of the pod ran"))
        host, port = self._http_address()
        paths = await self._sandboxes.files(name.id, latest)
        return svc.BrowsePodSandboxResponse(hostname=host, port=str(port), paths=paths)

    @unary
    async def DeletePodEvents(  # noqa: N802
        self, request: svc.DeletePodEventsRequest, context: CallContext
    ) -> svc.DeletePodEventsResponse:
        """Tell no more what happened in one run so far."""
        name = read_pod_name(request.pod_name)
        run = read_run(request.pod_id, name)
        if run is None:
            raise invalid("pod_id", "must be set")
        call = self._calls.write(context, "DeletePodEvents", request)
        await self._gateway.execute(pod_stream(name.id), ForgetPodRun(run=run), call, object)
        return svc.DeletePodEventsResponse()

    @unary
    async def RefreshPod(  # noqa: N802
        self, request: svc.RefreshPodRequest, _: CallContext
    ) -> svc.RefreshPodResponse:
        """Do nothing: what is in memory is what is on disk."""
        await self._pod(read_pod_name(request.pod_name))
        return svc.RefreshPodResponse()

    @unary
    async def GetPodCache(  # noqa: N802
        self, request: svc.GetPodCacheRequest, _: CallContext
    ) -> svc.GetPodCacheResponse:
        """Tell of a pod what is in memory, which is all."""
        pod = await self._pod(read_pod_name(request.pod_name))
        return svc.GetPodCacheResponse(status=spell_pod_status(pod), labels=spell_labels(pod.spec.labels))

    async def _pod(self, name: PodName) -> PodView:
        pod = await self._gateway.pod(name.id)
        if pod is None:
            raise not_found("pod", name.id)
        return pod

    async def _check_sla(self, name: PodName) -> None:
        """Refuse a check that would have to count pods: only a job without a bound has none to count."""
        job = await self._gateway.job(name.job)
        if job is not None and job.spec.maximum_unavailable:
            raise unsupported("check_sla", "is not carried out for a job with maximum_unavailable_instances")

    async def _spell(self, pod: PodView, *, status_only: bool) -> pod_pb2.PodInfo:
        return spell_pod(pod, None if status_only else await self._pod_specs.of(pod))
