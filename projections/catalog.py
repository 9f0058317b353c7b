"""What the catalog holds, as a fold of what its entries have committed.

1. Entries are few: all of them are in memory, deleted ones are forgotten.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from events.attachment import Attachment
from events.catalog import CatalogDeleted, CatalogWritten
from events.record import Recorded

HEEDED = frozenset({CatalogWritten, CatalogDeleted})
"""Classes of events that change an entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """An entry as it is now."""

    kind: str
    name: str
    number: int
    """How often it was written."""
    manifest: Attachment
    revision: int
    """At which it was written last."""


class CatalogViews:
    """All entries."""

    def __init__(self) -> None:
        self._entries: dict[str, EntryView] = {}
        self._by_kind: dict[str, dict[str, EntryView]] = {}

    def apply(self, records: Iterable[Recorded]) -> None:
        """Take in what was committed."""
        for record in records:
            if record.event.__class__ in HEEDED:
                self._fold(record)

    def of(self, kind: str) -> Mapping[str, EntryView]:
        """Return the entries of a kind, by name."""
        return MappingProxyType(self._by_kind.get(kind, {}))

    def _fold(self, record: Recorded) -> None:
        match record.event:
            case CatalogWritten() as event:
                view = EntryView(
                    kind=event.kind,
                    name=event.name,
                    number=event.number,
                    manifest=event.manifest,
                    revision=record.revision,
                )
                self._entries[record.stream] = view
                self._by_kind.setdefault(event.kind, {})[event.name] = view
            case CatalogDeleted():
                view = self._entries.pop(record.stream)
                del self._by_kind[view.kind][view.name]
            case _:
                pass  # receipts stand elsewhere
