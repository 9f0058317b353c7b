"""Commands about the past: history, show, diff.

1. A moment is a revision, or a time as ISO 8601 has it; a time without a zone is the terminal's.
2. What the server cut is said on stderr, so that nobody takes a part for the whole.
"""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from protocol.cli.connection import Connection, Failed
from protocol.cli.exits import Exit
from protocol.cli.names import Ambiguous, find_job, find_pod, is_pod
from protocol.cli.output import Output
from protocol.cli.printing import print_json, print_line, print_rows
from protocol.pb.polyplane.inspect.v1.inspect_pb2 import (
    Event,
    GetEntityRequest,
    GetEntityResponse,
    HistoryRequest,
)
from protocol.pb.polyplane.inspect.v1.inspect_pb2_grpc import InspectStub
from protocol.trees import Difference, Tree, differences

PAGE = 1_000
DIGITS = 19
"""Of the highest revision there can be."""
BODY_WIDTH = 80
"""Characters of a body in a row."""


async def find_entity(connection: Connection, text: str) -> str:
    """Find the entity that is meant: `<kind>/<id>`, or a job or pod by a shorter name."""
    kind, slash, _ = text.partition("/")
    try:
        if is_pod(text):
            return f"pod/{(await find_pod(connection, text)).name}"
        if not slash or kind == "job":
            return f"job/{await find_job(connection, text)}"
    except Ambiguous:
        raise
    except Failed as failed:
        if not slash or failed.code not in {Exit.NOT_FOUND, Exit.USAGE}:
            raise
    return text


async def history(connection: Connection, text: str, output: Output, *, limit: int) -> Exit:
    """Print the events of an entity, newest first."""
    entity = await find_entity(connection, text)
    stub = InspectStub(connection.channel)
    events: list[Event] = []
    token = ""
    while len(events) < limit:
        request = HistoryRequest(entity=entity, page_size=min(PAGE, limit - len(events)), page_token=token)
        page = await connection.read(stub.History, request)
        events += page.events
        token = page.next_page_token
        if not token:
            break
    if output is Output.JSON:
        print_json([as_document(event) for event in events])
        return Exit.OK
    print_rows(
        ("REVISION", "VERSION", "TIME", "EVENT", "BY", "CAUSE", "WHAT"),
        (
            (
                event.revision,
                event.version,
                spell_time(event.time),
                event.topic,
                f"{event.principal}/{event.origin}" if event.origin else event.principal,
                event.cause or "",
                shortened(event.body),
            )
            for event in events
        ),
    )
    return Exit.OK


async def show(connection: Connection, text: str, output: Output, *, at: str) -> Exit:
    """Print the state of an entity."""
    told = await state_of(connection, await find_entity(connection, text), at)
    if output is Output.JSON:
        print_json(
            {
                "entity": told.entity,
                "at": told.at,
                "version": told.version,
                "revision": told.revision,
                "time": spell_time(told.time),
                "is_cut": told.is_cut,
                "state": json.loads(told.state),
            }
        )
        return Exit.OK
    print_line(
        f"{told.entity} at revision {told.at}: version {told.version}, "
        f"since revision {told.revision}, {spell_time(told.time)}"
    )
    for line in lines_of(json.loads(told.state)):
        print_line(line)
    return Exit.OK


async def diff(connection: Connection, text: str, output: Output, *, start: str, end: str) -> Exit:
    """Print in what two states of an entity differ."""
    entity = await find_entity(connection, text)
    before = await state_of(connection, entity, start)
    after = await state_of(connection, entity, end)
    found = list(differences(json.loads(before.state), json.loads(after.state)))
    if output is Output.JSON:
        print_json(
            {
                "entity": entity,
                "from": {"at": before.at, "version": before.version},
                "to": {"at": after.at, "version": after.version},
                "differences": [as_change(it) for it in found],
            }
        )
        return Exit.OK
    print_line(
        f"{entity} from revision {before.at} (version {before.version})"
        f" to revision {after.at} (version {after.version})"
    )
    for difference in found:
        print_line(spell_difference(difference))
    return Exit.OK


async def state_of(connection: Connection, entity: str, at: str) -> GetEntityResponse:
    """Ask for the state of an entity at a moment, now when none is named."""
    request = GetEntityRequest(entity=entity)
    moment = read_moment(at)
    if moment.revision is not None:
        request.revision = moment.revision
    elif moment.time is not None:
        request.time.CopyFrom(moment.time)
    told = await connection.read(InspectStub(connection.channel).GetEntity, request)
    if told.is_cut:
        sys.stderr.write(f"polyplane: the state at revision {told.at} is too long, parts are left out\n")
    return told


# ---------------------------------------------------------------- reading


class Moment(NamedTuple):
    """A revision or a time; neither is now."""

    revision: int | None = None
    time: Timestamp | None = None


def read_moment(text: str) -> Moment:
    """Read a revision or a time; empty is now."""
    if not text:
        return Moment()
    if text.isascii() and text.isdigit():
        if len(text) > DIGITS or int(text) >= 2**63:
            raise Failed(Exit.USAGE, f"{shortened(text)}: is above every revision")
        return Moment(revision=int(text))
    try:
        time = Timestamp()
        time.FromDatetime(datetime.fromisoformat(text).astimezone())
    except (ValueError, OverflowError):
        raise Failed(
            Exit.USAGE, f"{text}: must be a revision or a time such as 2027-01-31T12:00:00+00:00"
        ) from None
    return Moment(time=time)


# ---------------------------------------------------------------- spelling


def spell_time(time: Timestamp) -> str:
    """Spell a time, to the microsecond."""
    return time.ToJsonString()


def shortened(text: str) -> str:
    """Cut a text to what fits in a row."""
    return text if len(text) <= BODY_WIDTH else text[: BODY_WIDTH - 1] + "…"


def as_document(event: Event) -> dict[str, object]:
    """Return an event as a JSON document."""
    delivery = {
        "sender": event.delivery.sender,
        "version": event.delivery.version,
        "ordinal": event.delivery.ordinal,
    }
    return {
        "revision": event.revision,
        "entity": event.entity,
        "version": event.version,
        "topic": event.topic,
        "time": spell_time(event.time),
        "principal": event.principal,
        "origin": event.origin,
        "request_id": event.request_id,
        "cause": event.cause,
        "delivery": delivery if event.HasField("delivery") else None,
        "body": json.loads(event.body),
        "is_cut": event.is_cut,
        "is_last": event.is_last,
    }


def as_change(difference: Difference) -> dict[str, Tree]:
    """Return a difference as a JSON document; what was not there is left out."""
    change: dict[str, Tree] = {"path": difference.path}
    if not difference.is_added:
        change["before"] = difference.before
    if not difference.is_removed:
        change["after"] = difference.after
    return change


def spell_difference(difference: Difference) -> str:
    """Spell a difference in a line."""
    before, after = (shortened(json.dumps(it, ensure_ascii=False)) for it in difference[1:3])
    if difference.is_added:
        return f"+ {difference.path}: {after}"
    if difference.is_removed:
        return f"- {difference.path}: {before}"
    return f"  {difference.path}: {before} → {after}"


def lines_of(tree: Tree, depth: int = 0) -> Iterator[str]:
    """Yield a tree as indented lines, a value in each."""
    indent = "  " * depth
    entries: list[tuple[str, Tree]]
    match tree:
        case dict():
            entries = list(tree.items())
        case list():
            entries = [("-", each) for each in tree]
        case _:
            entries = [("", tree)]
    for key, value in entries:
        if isinstance(value, (dict, list)) and value:
            yield f"{indent}{key}:" if key != "-" else f"{indent}-"
            yield from lines_of(value, depth + 1)
        else:
            text = json.dumps(value, ensure_ascii=False)
            yield f"{indent}{key}: {text}" if key not in {"-", ""} else f"{indent}{key} {text}".rstrip()
