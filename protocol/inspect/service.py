"""Inspect: states at any moment, histories, and what is appended from any revision on.

1. It changes nothing, and reads the journal only: an actor's mailbox never hears of it.
2. Long answers are made in pieces, with a turn for everybody else in between.
"""

import asyncio
from collections.abc import AsyncGenerator

from actors.kernel.decider import Code, Rejection
from projections.tail.part import Part
from protocol.calls import CallContext
from protocol.gateway import Gateway, Refused
from protocol.inspect.errors import stream, unary
from protocol.inspect.translate.events import read_time, spell_event, spell_time
from protocol.inspect.translate.parts import spell_part
from protocol.inspect.translate.requests import (
    MAX_BYTES,
    read_entity,
    read_filter,
    read_limit,
    read_revision,
    read_token,
    spell_token,
)
from protocol.inspect.translate.spelling import Bounds, spell
from protocol.pb.polyplane.inspect.v1 import inspect_pb2 as pb

STATE = Bounds(size=MAX_BYTES)
TURN_BYTES = 64 * 1024
"""What is spelled before others have a turn."""


class InspectServicer:
    """Answers for `polyplane.inspect.v1.Inspect`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    @unary
    async def GetEntity(  # noqa: N802 - the wire's name
        self, request: pb.GetEntityRequest, _: CallContext
    ) -> pb.GetEntityResponse:
        """Tell the state of an entity at a moment."""
        name, at = read_entity(request.entity), await self._moment(request)
        standing = await self._gateway.at(name, at)
        if standing is None:
            raise Refused(Rejection(Code.NOT_FOUND, f"{name} did not exist at revision {at}", "entity"))
        state = spell(standing.state, STATE)
        return pb.GetEntityResponse(
            entity=name,
            state=state.json,
            version=standing.version,
            revision=standing.revision,
            time=spell_time(standing.at),
            at=at,
            is_cut=state.is_cut,
        )

    @unary
    async def History(  # noqa: N802
        self, request: pb.HistoryRequest, _: CallContext
    ) -> pb.HistoryResponse:
        """Tell a page of the events of an entity, newest first."""
        name, (limit, size) = read_entity(request.entity), read_limit(request)
        before = read_token(request.page_token, name)
        records = await self._gateway.events(name, before=before, limit=limit)
        if not records and before is None:
            raise Refused(Rejection(Code.NOT_FOUND, f"{name} never existed", "entity"))
        page, length, turn = pb.HistoryResponse(), 0, 0
        for recorded in records:
            event = spell_event(recorded, self._gateway.topic_of(recorded.event))
            length += event.ByteSize() + 8
            if page.events and length > size:
                break
            page.events.append(event)
            if length - turn > TURN_BYTES:
                turn = length
                await asyncio.sleep(0)
        if page.events:
            page.next_page_token = spell_token(page.events[-1].version, name)
        return page

    @stream
    async def Watch(  # noqa: N802
        self, request: pb.WatchRequest, _: CallContext
    ) -> AsyncGenerator[pb.WatchResponse | bytes, None]:
        """Tell that the watch began, then each append."""
        selector = read_filter(request.filter)
        start = read_revision(request.start_revision, "start_revision")
        subscription = self._gateway.follow(selector, start)
        try:
            horizon = await self._gateway.horizon()
            began = pb.Began(revision=subscription.revision, compact_revision=horizon.compact)
            yield pb.WatchResponse(began=began)
            while True:
                part = await subscription.next()
                for message in part.encoded(self._spell_part):
                    yield message
        finally:
            subscription.close()

    @unary
    async def Revision(  # noqa: N802
        self, _request: pb.RevisionRequest, _: CallContext
    ) -> pb.RevisionResponse:
        """Tell where the journal stands."""
        horizon = await self._gateway.horizon()
        answer = pb.RevisionResponse(
            current=horizon.current, compact=horizon.compact, journal=horizon.journal
        )
        if horizon.at:
            answer.time.CopyFrom(spell_time(horizon.at))
        return answer

    def _spell_part(self, part: Part) -> tuple[bytes, ...]:
        return spell_part(part, self._gateway.topic_of)

    async def _moment(self, request: pb.GetEntityRequest) -> int:
        match request.WhichOneof("moment"):
            case "revision":
                return read_revision(request.revision, "revision")
            case "time":
                return await self._gateway.revision_at(read_time(request.time))
            case None:
                return self._gateway.revision
