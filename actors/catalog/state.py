"""What is remembered of an entry of the catalog, and the table of its phases.

1. `TRANSITIONS` is the machine: `evolve` reads the next phase from it, the diagrams are drawn from
   it, and a test checks that no decision leaves it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.attachment import Attachment
from events.catalog import CatalogDeleted, CatalogEvent, CatalogPhase, CatalogWritten
from events.frozen import frozen

P = CatalogPhase

TRANSITIONS: Mapping[CatalogPhase | None, Mapping[type[CatalogEvent], tuple[CatalogPhase, ...]]] = (
    MappingProxyType(
        {
            None: {CatalogWritten: (P.CREATED,)},
            P.CREATED: {CatalogWritten: (P.CREATED,), CatalogDeleted: (P.DELETED,)},
            P.DELETED: {CatalogWritten: (P.CREATED,)},
        }
    )
)
"""Phase before -> class of event -> phases after. None stands for an entry never written."""

STEADY: frozenset[type[CatalogEvent]] = frozenset()
"""Events that never change the phase: none."""

ALLOWED: Mapping[CatalogPhase, tuple[CatalogPhase, ...]] = MappingProxyType(
    {P.CREATED: (P.CREATED, P.DELETED), P.DELETED: (P.CREATED,)}
)
"""Every change of phase that may ever happen."""


@frozen
class CatalogState:
    """An entry, and what it says."""

    phase: CatalogPhase
    kind: str
    name: str
    number: int
    """How often it was written."""
    manifest: Attachment
