"""An entry of the catalog: a named manifest."""

import hashlib
from collections.abc import Callable, Sequence
from typing import cast

from actors.catalog.decider import decide, evolve, outstanding, react
from actors.catalog.state import ALLOWED, TRANSITIONS, CatalogState
from actors.kernel.decider import Decide, Entity

ENTITY: Entity[CatalogState] = Entity(
    name="catalog",
    decide=cast("Decide[CatalogState]", decide),  # the kernel routes only an entry's commands to it
    evolve=cast("Callable[[CatalogState | None, str, object], CatalogState]", evolve),
    react=cast("Callable[[CatalogState, object], Sequence[object]]", react),
    outstanding=outstanding,
    is_finished=lambda _: True,
    senders=frozenset(),
)
"""The entry as the kernel is told of it."""


def stream_of(kind: str, name: str) -> str:
    """Return the stream of an entry; names may be of any form, streams may not."""
    digest = hashlib.sha256(kind.encode() + b"\0" + name.encode())
    return f"catalog/{digest.hexdigest()[:32]}"


__all__ = ["ALLOWED", "ENTITY", "TRANSITIONS", "CatalogState", "decide", "evolve", "stream_of"]
