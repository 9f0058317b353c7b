"""The catalog shows what was written last, and not what was deleted."""

from events.attachment import Attachment
from events.catalog import CatalogDeleted, CatalogWritten
from events.receipt import CommandReceived
from events.record import Envelope, Recorded
from projections.catalog import CatalogViews


def record(revision: int, event: object, stream: str = "catalog/1") -> Recorded:
    envelope = Envelope(at=revision, principal="ann", origin="test")
    return Recorded(revision, stream, revision, event, envelope, is_last=True)


def written(number: int, kind: str = "k") -> CatalogWritten:
    return CatalogWritten(kind=kind, name="n", number=number, manifest=Attachment("t", 1, b"%d" % number))


def test_entries_are_shown_by_kind() -> None:
    views = CatalogViews()
    views.apply((record(1, written(1)), record(2, written(1, "other"), "catalog/2"), record(3, written(2))))
    assert {name: (view.number, view.revision) for name, view in views.of("k").items()} == {"n": (2, 3)}
    views.apply((record(4, CatalogDeleted()), record(5, CommandReceived(), "pod/1")))
    assert dict(views.of("k")) == {}
    assert list(views.of("other")) == ["n"]
    views.apply((record(6, written(3)),))
    assert views.of("k")["n"].number == 3
