"""Watches over a real wire: the first message, changes, every kind of end."""

import asyncio

import grpc
import pytest

from actors.kernel.decider import Code, Rejection
from events.job import JobDeleted
from projections.watch.selector import Kind, Selector
from projections.watch.subscription import EndOfWatch
from protocol.pb.peloton.api.v1alpha import peloton_pb2 as base
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2 as stateless
from protocol.pb.peloton.api.v1alpha.watch import watch_pb2
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2 as svc
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2_grpc
from tests.protocol.peloton.conftest import Wire
from tests.protocol.peloton.fake import JOB, OTHER
from tests.protocol.peloton.messages import label
from tests.protocol.peloton.refusals import refused, told
from tests.protocol.peloton.stories import create_job, create_pod

ALL_JOBS = svc.WatchRequest(stateless_job_filter=watch_pb2.StatelessJobFilter())


def stub(wire: Wire) -> watch_svc_pb2_grpc.WatchServiceStub:
    return watch_svc_pb2_grpc.WatchServiceStub(wire.channel)


@pytest.mark.asyncio
async def test_the_first_message_tells_id_revision_and_what_nobody_knows(wire: Wire) -> None:
    create_job(wire.gateway)
    jobs = watch_pb2.StatelessJobFilter(
        job_ids=[base.JobID(value=it) for it in (OTHER, JOB, OTHER)], labels=[label("a", "1")]
    )
    call = stub(wire).Watch(svc.WatchRequest(stateless_job_filter=jobs, start_revision=1))
    first = await call.read()
    assert isinstance(first, svc.WatchResponse)
    assert (first.watch_id, first.revision) == (77, wire.gateway.revision)
    assert [it.value for it in first.stateless_jobs_not_found] == [OTHER]
    selector = Selector(kind=Kind.JOB, ids=frozenset({JOB, OTHER}), labels=(("a", "1"),))
    assert wire.gateway.selectors == [(selector, 1)]


@pytest.mark.asyncio
async def test_a_watch_of_the_past_knows_who_was(wire: Wire) -> None:
    create_job(wire.gateway)
    wire.gateway.record(f"job/{JOB}", JobDeleted())
    jobs = watch_pb2.StatelessJobFilter(job_ids=[base.JobID(value=JOB)])
    for start, unknown in ((0, 1), (1, 0)):
        call = stub(wire).Watch(svc.WatchRequest(stateless_job_filter=jobs, start_revision=start))
        first = await call.read()
        assert isinstance(first, svc.WatchResponse)
        assert len(first.stateless_jobs_not_found) == unknown


@pytest.mark.asyncio
async def test_changes_follow(wire: Wire) -> None:
    create_job(wire.gateway)
    call = stub(wire).Watch(ALL_JOBS)
    await call.read()
    wire.gateway.subscriptions[0].put(9, wire.gateway.views[f"job/{JOB}"])
    change = await call.read()
    assert isinstance(change, svc.WatchResponse)
    assert (change.watch_id, change.revision) == (0, 9)
    assert [it.status.state for it in change.stateless_jobs] == [stateless.JOB_STATE_RUNNING]


@pytest.mark.asyncio
async def test_a_filter_for_pods_counts_alone(wire: Wire) -> None:
    create_pod(wire.gateway, 1)
    names = [base.PodName(value=f"{JOB}-{it}") for it in (1, 2)]
    pods = watch_pb2.PodFilter(job_id=base.JobID(value=JOB), pod_names=names)
    request = svc.WatchRequest(pod_filter=pods, stateless_job_filter=watch_pb2.StatelessJobFilter())
    call = stub(wire).Watch(request)
    first = await call.read()
    assert isinstance(first, svc.WatchResponse)
    assert [it.value for it in first.pods_not_found] == [f"{JOB}-2"]
    assert [it.value for it in first.stateless_jobs_not_found] == [JOB]
    ids = frozenset({f"{JOB}-1", f"{JOB}-2"})
    assert wire.gateway.selectors == [(Selector(kind=Kind.POD, ids=ids, owner=f"job/{JOB}"), 0)]
    wire.gateway.subscriptions[0].put(9, wire.gateway.views[f"pod/{JOB}-1"])
    change = await call.read()
    assert isinstance(change, svc.WatchResponse)
    assert [it.pod_name.value for it in change.pods] == [f"{JOB}-1"]


@pytest.mark.asyncio
async def test_watchers_share_what_encodes(wire: Wire) -> None:
    create_job(wire.gateway)
    calls = [stub(wire).Watch(ALL_JOBS) for _ in range(2)]
    for call in calls:
        await call.read()
    for subscription in wire.gateway.subscriptions:
        subscription.put(9, wire.gateway.views[f"job/{JOB}"])
    for call in calls:
        await call.read()
    encoders = {encoder for it in wire.gateway.subscriptions for encoder in it.encoders}
    assert len(encoders) == 1


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (svc.WatchRequest(), "stateless_job_filter"),
        (
            svc.WatchRequest(
                stateless_job_filter=watch_pb2.StatelessJobFilter(job_ids=[base.JobID(value="x")])
            ),
            "stateless_job_filter.job_ids[0]",
        ),
        (
            svc.WatchRequest(pod_filter=watch_pb2.PodFilter(pod_names=[base.PodName(value="x")])),
            "pod_filter.pod_names[0]",
        ),
    ],
)
@pytest.mark.asyncio
async def test_filters_that_are_none(wire: Wire, request_: svc.WatchRequest, field: str) -> None:
    refusal = await refused(stub(wire).Watch(request_).read())
    assert (refusal.code, refusal.fields) == (grpc.StatusCode.INVALID_ARGUMENT, (field,))


@pytest.mark.parametrize(
    ("rejection", "code"),
    [
        (Rejection(Code.INVALID, "start", "start_revision"), grpc.StatusCode.INVALID_ARGUMENT),
        (
            Rejection(
                Code.OUT_OF_RANGE,
                "compacted",
                "start_revision",
                (("compact_revision", "5"), ("current_revision", "9")),
            ),
            grpc.StatusCode.OUT_OF_RANGE,
        ),
        (Rejection(Code.EXHAUSTED, "too many watchers"), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
@pytest.mark.asyncio
async def test_watches_that_cannot_begin(wire: Wire, rejection: Rejection, code: grpc.StatusCode) -> None:
    wire.gateway.refuse(rejection)
    refusal = await refused(stub(wire).Watch(ALL_JOBS).read())
    assert (refusal.code, refusal.facts) == (code, dict(rejection.details))


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (EndOfWatch.CANCELLED, grpc.StatusCode.CANCELLED),
        (EndOfWatch.OVERFLOW, grpc.StatusCode.ABORTED),
        (EndOfWatch.SHUTDOWN, grpc.StatusCode.UNAVAILABLE),
    ],
)
@pytest.mark.asyncio
async def test_every_end_tells_where_to_go_on(wire: Wire, reason: EndOfWatch, code: grpc.StatusCode) -> None:
    call = stub(wire).Watch(ALL_JOBS)
    await call.read()
    subscription = wire.gateway.subscriptions[0]
    subscription.end(reason, 42)
    assert await call.code() is code
    error = grpc.aio.AioRpcError(
        code, await call.initial_metadata(), await call.trailing_metadata(), await call.details()
    )
    refusal = told(error)
    assert (refusal.reason, refusal.facts) == (f"WATCH_{reason.name}", {"resume_revision": "42"})
    await subscription.closed.wait()


@pytest.mark.asyncio
async def test_cancel_ends_a_watch_once(wire: Wire) -> None:
    call = stub(wire).Watch(ALL_JOBS)
    await call.read()
    await stub(wire).Cancel(svc.CancelRequest(watch_id=77))
    assert await call.code() is grpc.StatusCode.CANCELLED
    await wire.gateway.subscriptions[0].closed.wait()
    again = await refused(stub(wire).Cancel(svc.CancelRequest(watch_id=77)))
    assert again.code is grpc.StatusCode.NOT_FOUND


@pytest.mark.asyncio
async def test_a_client_that_goes_away_frees_its_place_at_once(wire: Wire) -> None:
    call = stub(wire).Watch(ALL_JOBS)
    await call.read()
    call.cancel()
    async with asyncio.timeout(60):
        await wire.gateway.subscriptions[0].closed.wait()
