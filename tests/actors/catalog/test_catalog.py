"""An entry keeps what was written last."""

import pytest

from actors.catalog import ALLOWED, ENTITY, TRANSITIONS, evolve, stream_of
from actors.catalog.commands import DeleteEntry, WriteEntry
from actors.catalog.state import STEADY, CatalogState
from actors.kernel.decider import Decision
from events.attachment import Attachment
from events.catalog import CatalogDeleted, CatalogWritten
from tests.actors.subject import Subject, edges_in, explore

ONE, TWO = Attachment("test", 1, b"one"), Attachment("test", 1, b"two")


def subject() -> Subject[CatalogState]:
    return Subject(ENTITY, stream_of("test", "n"), lambda state: state.phase, TRANSITIONS, STEADY)


def write(manifest: Attachment) -> WriteEntry:
    return WriteEntry(kind="test", name="n", manifest=manifest)


def written(number: int, manifest: Attachment) -> CatalogWritten:
    return CatalogWritten(kind="test", name="n", number=number, manifest=manifest)


def test_takes_exactly_the_edges_of_the_table() -> None:
    taken = explore(
        subject(),
        lambda _: (write(ONE), write(TWO), DeleteEntry()),
        lambda state: state and state.phase,
        limit=50,
    )
    assert taken == edges_in(TRANSITIONS)
    for before, _, after in taken:
        assert before is None or after in ALLOWED[before]


def test_what_is_written_is_kept_until_it_is_written_again_or_deleted() -> None:
    entry = subject()
    assert entry.decided(DeleteEntry()) == Decision()
    assert entry.decided(write(ONE)).events == (written(1, ONE),)
    assert entry.decided(write(ONE)) == Decision()
    assert entry.decided(write(TWO)).events == (written(2, TWO),)
    assert entry.decided(DeleteEntry()).events == (CatalogDeleted(),)
    assert entry.decided(DeleteEntry()) == Decision()
    assert entry.decided(write(TWO)).events == (written(3, TWO),)
    assert entry.state is not None
    assert ENTITY.outstanding(entry.state) == ()
    assert entry.effects == []


def test_an_entry_begins_with_its_writing() -> None:
    with pytest.raises(ValueError, match="begins with CatalogDeleted"):
        evolve(None, "catalog/1", CatalogDeleted())


def test_names_of_any_form_have_streams_of_their_own() -> None:
    names = ("a", "a/b", "\0", "", "ä" * 1000)
    streams = {stream_of(kind, name) for kind in ("k", "k\0a") for name in names}
    assert len(streams) == 10
    assert all(len(stream) == 40 for stream in streams)
