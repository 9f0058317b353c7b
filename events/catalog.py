"""What can happen to an entry of the catalog: a named manifest that somebody keeps here.

1. The manifest is an attachment: nobody but who wrote it opens it.
2. An entry that was deleted may be written again, under the numbers that follow.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from events.attachment import Attachment
from events.frozen import frozen


class CatalogPhase(StrEnum):
    """Whether an entry is there."""

    CREATED = "created"
    DELETED = "deleted"


@frozen
class CatalogWritten:
    """The entry is there, with this manifest from now on."""

    kind: str
    """What it is for: only whoever wrote it knows the word."""
    name: str
    """Unique among the entries of its kind."""
    number: int
    """How often it was written, this time included."""
    manifest: Attachment


@frozen
class CatalogDeleted:
    """The entry is gone."""


CatalogEvent = CatalogWritten | CatalogDeleted

TOPICS: Mapping[str, type[CatalogEvent]] = MappingProxyType(
    {"catalog.written:1": CatalogWritten, "catalog.deleted:1": CatalogDeleted}
)
"""The name under which each class is stored."""
