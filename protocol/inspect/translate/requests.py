"""Requests of this API: what they ask for, with every bound checked.

1. A refusal names the field and the rule.
2. A page token belongs to the entity that it was handed out for.
"""

import re
from collections.abc import Iterable, Sized

from actors.kernel.decider import Code, Rejection
from projections.cursor import BadCursor, cursor_of, values_of
from projections.tail.selector import EventSelector
from protocol.gateway import Refused
from protocol.pb.polyplane.inspect.v1 import inspect_pb2 as pb

ENTITY = re.compile(r"[a-z][a-z0-9_]{0,31}/[^/\s\x00-\x1f\x7f]{1,512}\Z")
KIND = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
DEFAULT_EVENTS = 100
MAX_EVENTS = 1_000
MAX_BYTES = 1024 * 1024
MAX_NAMED = 1_000
"""Elements of one list of a filter."""
MAX_TEXT = 1_024
"""Characters of a label or an origin."""
LAST_REVISION = 2**63 - 1


def read_entity(entity: str, field: str = "entity") -> str:
    """Return the stream that an entity's name stands for."""
    if not ENTITY.match(entity):
        raise _invalid(field, "must be <kind>/<id>, such as job/ID")
    return entity


def read_revision(revision: int, field: str) -> int:
    """Return a revision."""
    if revision > LAST_REVISION:
        raise _invalid(field, "is above every revision")
    return revision


def read_limit(request: pb.HistoryRequest) -> tuple[int, int]:
    """Return how many events and how many bytes are wanted at most."""
    if request.page_size > MAX_EVENTS:
        raise _invalid("page_size", f"must be at most {MAX_EVENTS}")
    if request.page_bytes > MAX_BYTES:
        raise _invalid("page_bytes", f"must be at most {MAX_BYTES}")
    return request.page_size or DEFAULT_EVENTS, request.page_bytes or MAX_BYTES


def read_token(token: str, stream: str) -> int | None:
    """Return the version below which a page begins, None for the first page."""
    if not token:
        return None
    try:
        (version,) = values_of(token, ((stream, True),))
    except BadCursor as error:
        raise _invalid("page_token", str(error)) from None
    if not isinstance(version, int) or version < 1:
        raise _invalid("page_token", "the cursor cannot be read")
    return version


def spell_token(version: int, stream: str) -> str:
    """Return the token of the page that begins below a version; empty when nothing is below."""
    return cursor_of(((stream, True),), (version,)) if version > 1 else ""


def read_filter(wanted: pb.EventFilter) -> EventSelector:
    """Return the selector that a filter stands for."""
    named: tuple[tuple[str, Sized], ...] = (
        ("filter.kinds", wanted.kinds),
        ("filter.entities", wanted.entities),
        ("filter.labels", wanted.labels),
        ("filter.origins", wanted.origins),
    )
    for field, elements in named:
        if len(elements) > MAX_NAMED:
            raise _invalid(field, f"must have at most {MAX_NAMED} elements")
    for place, kind in enumerate(wanted.kinds):
        if not KIND.match(kind):
            raise _invalid(f"filter.kinds[{place}]", "must be the kind of an entity, such as job")
    _bound("filter.origins", wanted.origins)
    _bound("filter.labels", (text for label in wanted.labels for text in (label.key, label.value)))
    return EventSelector(
        kinds=frozenset(wanted.kinds),
        streams=frozenset(
            read_entity(entity, f"filter.entities[{place}]") for place, entity in enumerate(wanted.entities)
        ),
        labels=tuple(sorted({(label.key, label.value) for label in wanted.labels})),
        origins=frozenset(wanted.origins),
    )


def _bound(field: str, texts: Iterable[str]) -> None:
    if any(len(text) > MAX_TEXT for text in texts):
        raise _invalid(field, f"must have at most {MAX_TEXT} characters each")


def _invalid(field: str, rule: str) -> Refused:
    return Refused(Rejection(Code.INVALID, f"{field}: {rule}", field))
