"""WatchService: changes of jobs and pods, from a revision on.

1. The watch begins before the filter's ids are looked up: a change in between is not lost.
2. What follows the first message is bytes, made once for all watchers with equal selectors: the
   encoders are made once, because they are told apart by identity.
3. Whatever ends the call frees the watcher's place at once.
"""

from collections.abc import AsyncGenerator

from actors.kernel.decider import Code, Rejection
from projections.watch.selector import Kind
from protocol.calls import CallContext
from protocol.gateway import Gateway, Refused
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2 as svc
from protocol.peloton.errors import stream, unary
from protocol.peloton.history import is_known
from protocol.peloton.translate.stored_spec import StoredSpecs
from protocol.peloton.translate.watch import (
    Filter,
    Unknown,
    encode_pods,
    job_encoder,
    read_filter,
    spell_start,
)


class WatchServicer:
    """Answers for `peloton.api.v1alpha.watch.svc.WatchService`."""

    def __init__(self, gateway: Gateway, specs: StoredSpecs) -> None:
        self._gateway = gateway
        self._encoders = {Kind.JOB: job_encoder(specs), Kind.POD: encode_pods}

    @stream
    async def Watch(  # noqa: N802 - the wire's name
        self, request: svc.WatchRequest, _: CallContext
    ) -> AsyncGenerator[svc.WatchResponse | bytes, None]:
        """Tell the watch's id, then each change."""
        wanted = read_filter(request)
        encoder = self._encoders[wanted.selector.kind]
        subscription = self._gateway.watch(wanted.selector, request.start_revision)
        try:
            unknown = await self._look_up(wanted, is_past=request.start_revision != 0)
            yield spell_start(subscription.id, subscription.revision, unknown)
            while True:
                yield await subscription.next_encoded(encoder)
        finally:
            subscription.close()

    @unary
    async def Cancel(  # noqa: N802
        self, request: svc.CancelRequest, _: CallContext
    ) -> svc.CancelResponse:
        """End a watch by its id."""
        if not self._gateway.cancel_watch(request.watch_id):
            raise Refused(Rejection(Code.NOT_FOUND, f"there is no watch {request.watch_id}"))
        return svc.CancelResponse()

    async def _look_up(self, wanted: Filter, *, is_past: bool) -> Unknown:
        """Find out what a filter names in vain; for a watch of the past, what never was."""
        unknown, gateway = Unknown(), self._gateway
        for job in wanted.jobs:
            was = is_past and await is_known(gateway.job_history(job))
            if not was and await gateway.job(job) is None:
                unknown.jobs.append(job)
        for pod in wanted.pods:
            was = is_past and await is_known(gateway.pod_history(pod))
            if not was and await gateway.pod(pod) is None:
                unknown.pods.append(pod)
        return unknown
