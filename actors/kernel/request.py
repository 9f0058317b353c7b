"""A command on its way to an entity, and the answer on its way back.

1. A request is answered exactly once, by an Accepted or a Rejection.
2. An answer is released only when the version it was decided on is on disk.
"""

from typing import NamedTuple

import msgspec

from actors.kernel.decider import Code, Rejection
from events.record import Delivery

TRANSIENT = frozenset({Code.UNAVAILABLE, Code.EXHAUSTED})
"""Refusals after which the same request may be made again: nothing was decided."""


class Keyed(NamedTuple):
    """The receipt that an accepted request leaves."""

    stream: str
    fingerprint: str
    version: int = 1
    """Its place in the stream: above 1 when what an earlier one answered is no longer kept."""


class Request(msgspec.Struct, eq=False, kw_only=True):
    """A command with everything that is known of its cause."""

    command: object
    principal: str = "system"
    origin: str = ""
    request_id: str = ""
    trace: str = ""
    cause: int = 0
    """Revision of the event that led to it, 0 for none."""
    delivery: Delivery | None = None
    """Set when another entity sent it."""
    keyed: Keyed | None = None
    is_abandoned: bool = False
    """Set by the caller who went away: what is not decided yet is left undone."""


class Accepted(NamedTuple):
    """The command was accepted, and what it did is on disk."""

    result: object
    revision: int
    """Revision of the last event of what it did, 0 when it did nothing."""


Answer = Accepted | Rejection
