"""Files that are no journal are refused in one line, and left as they are."""

import sqlite3
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from events.journal import Committer, Journal, MemoryBlobs, UnreadableJournal
from events.journal.sqlite_file import HEADER
from tests.events.stores import CODEC, ROOT, append, stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableJournal) as caught:
        Journal.open(path, CODEC, blobs=MemoryBlobs())
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    return text


def make(path: Path, count: int = 1) -> None:
    with Journal.open(path, CODEC) as journal:
        committer = Committer(journal)
        stored(committer, *[append(f"pod/{n}", [1, 2, 3], reason="x" * 50) for n in range(count)])
        committer.close()


def change(path: Path, statement: str) -> None:
    database = sqlite3.connect(path)
    with database:
        database.execute(statement)
    database.close()


def test_a_file_of_something_else(path: Path) -> None:
    path.write_bytes(b"#!/bin/sh\necho hello\n")
    assert "not a SQLite database" in refusal(path)
    assert path.read_bytes().startswith(b"#!/bin/sh")


def test_a_database_of_something_else(path: Path) -> None:
    change(path, "CREATE TABLE songs (title TEXT)")
    before = path.read_bytes()
    assert "something else" in refusal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE meta SET value='99' WHERE name='schema'", "schema 99"),
        ("DELETE FROM meta WHERE name='schema'", "schema None"),
        ("DELETE FROM meta WHERE name='identity'", "no identity"),
        ("DROP TABLE stored_events", "something else"),
    ],
)
def test_a_journal_of_another_form(path: Path, statement: str, reason: str) -> None:
    make(path)
    change(path, statement)
    assert reason in refusal(path)


def test_a_file_cut_short(path: Path) -> None:
    make(path, 200)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refusal(path)


def test_a_file_with_a_damaged_page(path: Path) -> None:
    make(path, 200)
    whole = path.read_bytes()
    middle = len(whole) // 2 // 4096 * 4096
    path.write_bytes(whole[:middle] + b"\xff" * 4096 + whole[middle + 4096 :])
    assert refusal(path)


def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    path.touch()
    make(path)


def test_a_missing_directory(path: Path) -> None:
    assert "unable to open" in refusal(path / "below.sqlite")


def test_a_directory_in_its_place(path: Path) -> None:
    path.mkdir()
    assert "directory" in refusal(path)


READ_ONLY = """
import os, sys
from pathlib import Path
from events.journal import Journal, MemoryBlobs, UnreadableJournal
from events.journal.sqlite_file import HEADER
from tests.events.stores import CODEC
if os.getuid() == 0:
    os.setuid(65534)  # root may write everywhere
try:
    Journal.open(Path(sys.argv[1]), CODEC, blobs=MemoryBlobs())
except UnreadableJournal as refusal:
    print(refusal)
"""


@pytest.mark.parametrize("exists", [True, False], ids=["of a journal", "empty"])
def test_a_directory_that_cannot_be_written(exists: bool) -> None:  # noqa: FBT001 - a parameter
    with tempfile.TemporaryDirectory() as directory:  # not below pytest's own, which only its owner may enter
        path = Path(directory) / "journal.sqlite"
        if exists:
            make(path)
            path.chmod(0o444)
        path.parent.chmod(0o555)
        found = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        path.parent.chmod(0o755)
    assert found.stderr == ""
    assert str(path) in found.stdout
    assert found.stdout.count("\n") == 1


def test_revisions_are_never_given_twice(path: Path) -> None:
    """Also when the newest rows are removed, as compaction of a whole journal would."""
    make(path, 2)
    change(path, "DELETE FROM stored_events")
    change(path, "VACUUM")
    with Journal.open(path, CODEC) as journal:
        reader, committer = journal.reader(), Committer(journal)
        assert reader.head() == 6
        (record,) = stored(committer, append("pod/9", [1]))
        assert record.revision == reader.head() == 7
        reader.close()
        committer.close()


def test_every_connection_syncs_fully(path: Path) -> None:
    with Journal.open(path, CODEC) as journal, sqlite3.connect(path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        with journal.store.datastore.transaction(commit=False) as cursor:  # type: ignore[attr-defined]
            cursor.execute("PRAGMA synchronous")
            assert cursor.fetchone()[0] == 2
    other.close()


@pytest.fixture(scope="module")
def whole() -> bytes:
    """A journal's file of some pages."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        make(path, 20)
        return path.read_bytes()


@given(st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=60), st.integers(0, 2**20))
@example([], 0)
def test_whatever_is_bent_is_opened_or_refused(
    whole: bytes, bends: list[tuple[int, int]], length: int
) -> None:
    """Where SQLite quotes what it found, that may be no text."""
    bent = bytearray(whole)
    for place, byte in bends:
        bent[place % len(bent)] = byte
    del bent[len(HEADER) + length % len(bent) :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        path.write_bytes(bent)
        with suppress(UnreadableJournal):
            Journal.open(path, CODEC, blobs=MemoryBlobs()).close()


def test_what_sqlite_quotes_may_be_no_text(path: Path) -> None:
    make(path)
    schema = path.read_bytes().replace(
        b"snapshots", b"\xff\xfe\xfdpshots"
    )  # quoted, as the name of what is bad
    path.write_bytes(schema.replace(b"CREATE TABLE \xff", b"CREATE TABLX \xff"))
    refusal(path)
