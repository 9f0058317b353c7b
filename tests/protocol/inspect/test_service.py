"""The API over a real wire, on a whole plane: states of any moment, histories, watches, the revision."""

import asyncio
import base64
import json
from collections.abc import Awaitable
from typing import Protocol
from urllib.parse import quote

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from actors.kernel.decider import Code, Rejection
from protocol.inspect.errors import statuses
from protocol.inspect.translate.spelling import spell
from protocol.pb.polyplane.inspect.v1 import inspect_pb2 as pb
from tests.protocol.inspect.serving import JOB, SECRET, Wire
from tests.protocol.peloton.refusals import refused

NAME = f"job/{JOB}"


async def events_of(wire: Wire, entity: str, size: int = 1000) -> list[pb.Event]:
    """Return the whole history of an entity, oldest first, read in pages."""
    events: list[pb.Event] = []
    token = ""
    while True:
        page = await wire.stub.History(pb.HistoryRequest(entity=entity, page_size=size, page_token=token))
        assert len(page.events) <= size
        events += page.events
        token = page.next_page_token
        if not token:
            return events[::-1]


class Reading(Protocol):
    """A stream of answers."""

    async def read(self) -> object:
        """Return the next one."""


async def collected(call: Reading, until: int) -> list[pb.WatchResponse]:
    """Return what a watch tells until it has come to a revision."""
    messages: list[pb.WatchResponse] = []
    async with asyncio.timeout(20):
        while not messages or messages[-1].append.revision < until:
            message = await call.read()
            assert isinstance(message, pb.WatchResponse)
            messages.append(message)
    return messages


@pytest.mark.asyncio
async def test_the_state_of_every_moment_is_the_fold_of_what_was_there(wire: Wire) -> None:
    await wire.create()
    await wire.stop()
    events = await events_of(wire, NAME)
    seen: list[dict[str, object]] = []
    for event in events:
        told = await wire.stub.GetEntity(pb.GetEntityRequest(entity=NAME, revision=event.revision))
        assert (told.version, told.revision, told.at) == (event.version, event.revision, event.revision)
        assert told.time == event.time
        seen.append(json.loads(told.state))
    assert seen[0]["phase"] == "pending"
    assert "running" in [state["phase"] for state in seen]
    now = await wire.stub.GetEntity(pb.GetEntityRequest(entity=NAME))
    assert json.loads(now.state) == seen[-1]
    assert seen[-1]["phase"] == "killed"
    standing = await wire.plane.gateway.at(NAME)
    assert standing is not None
    assert json.loads(now.state) == spell(standing.state).tree


@pytest.mark.asyncio
async def test_a_time_is_the_last_revision_not_later(wire: Wire) -> None:
    await wire.create()
    await wire.stop()
    for event in await events_of(wire, NAME):
        told = await wire.stub.GetEntity(pb.GetEntityRequest(entity=NAME, time=event.time))
        assert told.at >= event.revision
        assert told.time == event.time or told.version > event.version
        assert (told.time.seconds, told.time.nanos) <= (event.time.seconds, event.time.nanos)
    long_ago = Timestamp(seconds=1)
    refusal = await refused(wire.stub.GetEntity(pb.GetEntityRequest(entity=NAME, time=long_ago)))
    assert refusal.code is grpc.StatusCode.NOT_FOUND


@pytest.mark.asyncio
async def test_a_deleted_entity_keeps_its_past(wire: Wire) -> None:
    await wire.create(instances=1)
    await wire.stop()
    await wire.delete()
    now = await wire.stub.GetEntity(pb.GetEntityRequest(entity=NAME))
    assert json.loads(now.state)["phase"] == "deleted"
    pod = await events_of(wire, f"pod/{JOB}-0")
    assert pod[-1].topic == "pod.deleted:1"


@pytest.mark.asyncio
async def test_history_tells_who_and_why(wire: Wire) -> None:
    await wire.create()
    events = await events_of(wire, NAME)
    created = events[0]
    assert (created.version, created.topic, created.entity) == (1, "job.created:1", NAME)
    assert (created.principal, created.origin, created.request_id) == ("ada", "tests", "r-1")
    assert created.cause == 0
    reported = next(event for event in events if event.topic == "job.pod_reported:1")
    assert reported.delivery.sender.startswith(f"pod/{JOB}-")
    cause = await events_of(wire, reported.delivery.sender)
    assert reported.cause in [event.revision for event in cause]
    assert [event.version for event in events] == list(range(1, len(events) + 1))


@pytest.mark.asyncio
async def test_history_in_pages_of_any_size_is_the_same(wire: Wire) -> None:
    await wire.create()
    whole = await events_of(wire, NAME)
    for size in (1, 2, len(whole), len(whole) + 1):
        assert await events_of(wire, NAME, size) == whole
    page = await wire.stub.History(pb.HistoryRequest(entity=NAME, page_bytes=1))
    assert [event.version for event in page.events] == [len(whole)]


@pytest.mark.asyncio
async def test_what_is_secret_is_never_told(wire: Wire) -> None:
    await wire.create(key="k-1")
    told = [
        message.SerializeToString()
        for message in (
            await wire.stub.GetEntity(pb.GetEntityRequest(entity=NAME)),
            *await events_of(wire, NAME),
        )
    ]
    call = wire.stub.Watch(pb.WatchRequest(start_revision=1))
    told += [it.SerializeToString() for it in await collected(call, wire.plane.revision)]
    assert not any(SECRET in each for each in told)
    state = json.loads((await wire.stub.GetEntity(pb.GetEntityRequest(entity=NAME))).state)
    assert state["spec"]["attachments"] == [{"kind": "tests.secret", "version": 3, "size": len(SECRET)}]


@pytest.mark.asyncio
async def test_a_watch_tells_every_append_once(wire: Wire) -> None:
    await wire.create()
    live = wire.stub.Watch(pb.WatchRequest())
    began = await live.read()
    assert isinstance(began, pb.WatchResponse)
    assert (began.began.revision, began.began.compact_revision) == (wire.plane.revision, 1)
    await wire.stop()
    past = wire.stub.Watch(pb.WatchRequest(start_revision=1))
    until = wire.plane.revision
    seen = [message.append for message in (await collected(past, until))[1:]]
    again = [message.append for message in await collected(live, until)]
    assert again == [append for append in seen if append.revision > began.began.revision]
    events = [event for append in seen for event in append.events]
    assert [event.revision for event in events] == list(range(1, until + 1))
    for append in seen:
        assert [event.is_last for event in append.events] == [False] * (len(append.events) - 1) + [True]
        assert len({event.time.ToNanoseconds() for event in append.events}) == 1


@pytest.mark.parametrize(
    "filter",
    [
        pb.EventFilter(kinds=["pod"]),
        pb.EventFilter(entities=[NAME, f"pod/{JOB}-1"]),
        pb.EventFilter(origins=["tests"]),
        pb.EventFilter(labels=[pb.Label(key="app", value="web")]),
        pb.EventFilter(kinds=["host"], origins=["tests"]),
    ],
)
@pytest.mark.asyncio
async def test_a_filter_leaves_out_the_rest(wire: Wire, filter: pb.EventFilter) -> None:  # noqa: A002 - the wire's name
    def passes(event: pb.Event) -> bool:
        return (
            (not filter.kinds or event.entity.partition("/")[0] in filter.kinds)
            and (not filter.entities or event.entity in filter.entities)
            and (not filter.origins or event.origin in filter.origins)
            and (not filter.labels or event.entity.startswith("pod/"))
        )

    await wire.create()
    until = wire.plane.revision
    everything = await collected(wire.stub.Watch(pb.WatchRequest(start_revision=1)), until)
    wanted = [event for message in everything for event in message.append.events if passes(event)]
    call = wire.stub.Watch(pb.WatchRequest(start_revision=1, filter=filter))
    await call.read()
    told: list[pb.Event] = []
    while len(told) < len(wanted):
        async with asyncio.timeout(20):
            message = await call.read()
        assert isinstance(message, pb.WatchResponse)
        told += message.append.events
    assert told == wanted


@pytest.mark.asyncio
async def test_revision_tells_where_the_journal_stands(wire: Wire) -> None:
    await wire.create()
    told = await wire.stub.Revision(pb.RevisionRequest())
    last = await wire.stub.Watch(pb.WatchRequest(start_revision=told.current)).read()
    assert isinstance(last, pb.WatchResponse)
    assert (told.current, told.compact) == (wire.plane.revision, 1)
    assert len(told.journal) == 32
    assert told.HasField("time")


@pytest.mark.asyncio
async def test_refusals_name_the_field(wire: Wire) -> None:
    stub = wire.stub
    head = wire.plane.revision
    invalid, missing, beyond = (
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.OUT_OF_RANGE,
    )
    page = pb.HistoryRequest
    cases: list[tuple[Awaitable[object], grpc.StatusCode, str]] = [
        (stub.GetEntity(pb.GetEntityRequest(entity="job")), invalid, "entity"),
        (stub.GetEntity(pb.GetEntityRequest(entity="receipt/1")), invalid, "entity"),
        (stub.GetEntity(pb.GetEntityRequest(entity="job/../x")), invalid, "entity"),
        (stub.GetEntity(pb.GetEntityRequest(entity="job/none")), missing, "entity"),
        (stub.GetEntity(pb.GetEntityRequest(entity="job/x", revision=head + 1)), beyond, "revision"),
        (stub.GetEntity(pb.GetEntityRequest(entity="job/x", revision=2**64 - 1)), invalid, "revision"),
        (stub.History(page(entity="")), invalid, "entity"),
        (stub.History(page(entity="job/none")), missing, "entity"),
        (stub.History(page(entity="host/sim", page_size=1001)), invalid, "page_size"),
        (stub.History(page(entity="host/sim", page_bytes=2**20 + 1)), invalid, "page_bytes"),
        (stub.History(page(entity="host/sim", page_token="x")), invalid, "page_token"),  # noqa: S106 - of pages
        (watching(wire, start_revision=head + 2), invalid, "start_revision"),
        (watching(wire, filter=pb.EventFilter(kinds=["Job"])), invalid, "filter.kinds[0]"),
        (watching(wire, filter=pb.EventFilter(entities=["x"])), invalid, "filter.entities[0]"),
        (watching(wire, filter=pb.EventFilter(origins=["x"] * 1001)), invalid, "filter.origins"),
        (watching(wire, filter=pb.EventFilter(origins=["x" * 1025])), invalid, "filter.origins"),
    ]
    for call, code, field in cases:
        told = await refused(call)
        assert (told.code, told.fields) == (code, (field,)), told.sentence


@pytest.mark.parametrize("name", ["x", "é", "\u20ac", "\U0001f600"])
def test_headers_have_room_for_every_refusal(name: str) -> None:
    status = statuses.of(Rejection(Code.NOT_FOUND, f"entity: {name * 5_000}", "entity"))
    assert status.message.startswith(f"entity: {name}")
    size = len(quote(status.message)) + len(base64.b64encode(status.SerializeToString()))
    assert size < 7 * 1024  # clients refuse more than 8 KiB by chance, more than 16 always


async def to_its_end(call: Reading) -> None:
    while await call.read():
        pass


async def watching(
    wire: Wire,
    *,
    start_revision: int = 0,
    filter: pb.EventFilter | None = None,  # noqa: A002 - the wire's name
) -> object:
    return await wire.stub.Watch(pb.WatchRequest(start_revision=start_revision, filter=filter)).read()


@pytest.mark.asyncio
async def test_watches_are_bounded_and_end_with_the_server(wire: Wire) -> None:
    calls = [wire.stub.Watch(pb.WatchRequest()) for _ in range(3)]
    for call in calls:
        await call.read()
    told = await refused(watching(wire))
    assert (told.code, told.is_retried) == (grpc.StatusCode.RESOURCE_EXHAUSTED, True)
    await wire.plane.drain()
    for call in calls:
        told = await refused(to_its_end(call))
        assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "WATCH_SHUTDOWN")
