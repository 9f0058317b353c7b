"""Generators of every event class, read off the classes' own annotations.

1. Numbers fit what msgpack can hold; floats are finite and not negative, as amounts are.
"""

from collections.abc import Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from events import catalog, host, job, pod, receipt, task, worker
from events.codec import UPCASTERS, Codec
from events.frozen import is_frozen
from events.record import Delivery, Envelope

TABLES: tuple[Mapping[str, type], ...] = (
    job.TOPICS,
    pod.TOPICS,
    host.TOPICS,
    receipt.TOPICS,
    task.TOPICS,
    worker.TOPICS,
    catalog.TOPICS,
)

SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**64 - 1),
    str: st.text(max_size=12),
    bytes: st.binary(max_size=12),
    bool: st.booleans(),
    float: st.floats(0, 1e12),
    NoneType: st.none(),
}


def codec() -> Codec:
    """Return a codec of all events, as the server makes it."""
    return Codec(TABLES, upcasters=UPCASTERS, interned=(pod.PodSpec,))


def of_type(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for values of an annotation."""
    if kind in SCALARS:
        return SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if is_frozen(kind):
        return of_class(kind)
    args = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return st.one_of(*map(of_type, args))
    assert get_origin(kind) is tuple, kind
    if len(args) == 2 and args[1] is ...:
        return st.lists(of_type(args[0]), max_size=2).map(tuple)
    return st.tuples(*map(of_type, args))


def of_class(kind: type) -> st.SearchStrategy[Any]:
    """Return a strategy for instances of a frozen class; fields are at their default now and then."""
    assert is_frozen(kind)
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in msgspec.structs.fields(kind):
        (required if field.required else optional)[field.name] = of_type(field.type)
    return st.fixed_dictionaries(required, optional=optional).map(lambda values: kind(**values))


def events() -> st.SearchStrategy[Any]:
    """Return a strategy for events of any class."""
    return st.sampled_from([kind for table in TABLES for kind in table.values()]).flatmap(of_class)


def envelopes() -> st.SearchStrategy[Envelope]:
    """Return a strategy for envelopes."""
    number, text = st.integers(0, 2**53), st.text(max_size=12)
    return st.builds(
        Envelope,
        at=number,
        principal=st.one_of(st.just("system"), text),
        origin=text,
        request_id=text,
        cause=number,
        trace=text,
        delivery=st.one_of(st.none(), st.builds(Delivery, sender=text, version=number, ordinal=number)),
        delivered=st.lists(st.tuples(text, number), max_size=2).map(tuple),
    )
