"""When the server cannot serve it says so in one line on stderr, and ends with 2."""

import os
import sqlite3
from pathlib import Path

import pytest

from tests.conformance.peloton.client import Client
from tests.conformance.peloton.server import QUICK, SIMULATED, Server
from tests.protocol.peloton.messages import job


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """One that has not been started."""
    return Server(tmp_path, SIMULATED + QUICK, keeps=True)


def assert_refuses(server: Server, *words: str, flags: tuple[str, ...] = ()) -> None:
    code, stdout, stderr = server.fail(*flags)
    assert (code, stdout) == (2, b""), stderr
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("polyplane: ")
    for word in words:
        assert word in lines[0]


def make_journal(server: Server) -> Path:
    """A journal with something in it, and nobody at it."""
    server.start()
    Client(server.grpc).run(job())
    server.terminate()
    return Path(server.data) / "journal.sqlite"


def test_a_second_server_is_told_who_the_first_is(server: Server, tmp_path: Path) -> None:
    server.start()
    (tmp_path / "other").mkdir()
    other = Server(tmp_path / "other", SIMULATED)
    other.data = server.data
    assert_refuses(other, str(server.process))
    Client(server.grpc).run(job())  # the first goes on
    server.kill()
    other.start()  # and leaves no lock behind, however it ends
    other.close()


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null", "/dev/null/below"])
def test_a_directory_that_cannot_be_made(server: Server, place: str) -> None:
    server.data = place
    assert_refuses(server, place)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written(server: Server) -> None:
    Path(server.data).mkdir(mode=0o500)
    assert_refuses(server, server.data)


def test_a_journal_that_is_no_database(server: Server) -> None:
    Path(server.data).mkdir()
    (Path(server.data) / "journal.sqlite").write_bytes(b"once upon a time " * 500)
    assert_refuses(server, "journal")


def test_a_journal_that_is_somebody_elses_database(server: Server) -> None:
    Path(server.data).mkdir()
    with sqlite3.connect(Path(server.data) / "journal.sqlite") as database:
        database.execute("CREATE TABLE addresses (name TEXT)")
    database.close()
    assert_refuses(server, "journal")


def test_a_journal_that_is_a_directory(server: Server) -> None:
    (Path(server.data) / "journal.sqlite").mkdir(parents=True)
    assert_refuses(server, "journal")


@pytest.mark.parametrize("part", ["header", "middle", "end"])
def test_a_journal_that_is_damaged(server: Server, part: str) -> None:
    journal = make_journal(server)
    content = bytearray(journal.read_bytes())
    size = len(content)
    assert size > 3 * 4096
    match part:
        case "header":
            content[:100] = bytes(100)
        case "middle":
            content[4096:-4096] = b"\x55" * (size - 8192)
        case _:
            del content[4096:]
    journal.write_bytes(content)
    for beside in ("journal.sqlite-wal", "journal.sqlite-shm"):
        (journal.parent / beside).unlink(missing_ok=True)
    assert_refuses(server, "journal")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (
            "UPDATE {table} SET topic = 'pod.invented:1' WHERE rowid = (SELECT max(rowid) FROM {table})",
            "pod.invented:1",
        ),
        ("UPDATE {table} SET state = x'00' WHERE rowid = (SELECT max(rowid) FROM {table})", "topic"),
        ("DELETE FROM {table} WHERE originator_id LIKE 'pod/%' AND originator_version = 1", "version 2"),
    ],
)
def test_a_journal_that_somebody_wrote_in(server: Server, change: str, word: str) -> None:
    journal = make_journal(server)
    database = sqlite3.connect(journal)
    tables = [
        name
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if "topic" in {row[1] for row in database.execute(f"PRAGMA table_info({name})")}
    ]
    with database:
        assert database.execute(change.format(table=tables[0])).rowcount
    database.close()
    assert_refuses(server, "journal", word)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("this is no TOML", "polyplane.toml"),
        ("nonsense = 1", "nonsense"),
        ("[peloton]\nrestart_backoff_s = -1", "peloton.restart_backoff_s"),
        ('[[hosts]]\nname = "a"\ncpu = nan\nmemory_mb = 1', "cpu"),
        ('[[hosts]]\nname = "a"\ncpu = 1\nmemory_mb = 1\nports = "9-1"', "ports"),
        ((SIMULATED + SIMULATED), "sim-1"),
        ('[auth]\ntokens_file = "/no/such/file"', "/no/such/file"),
        ('[auth]\ntls_cert = "/no/such/file"', "tls"),
    ],
)
def test_a_bad_configuration(server: Server, text: str, word: str) -> None:
    server.configuration.write_text(text)
    assert_refuses(server, word)
    assert not Path(server.data).exists()  # nothing was begun


def test_bad_flags(server: Server) -> None:
    assert_refuses(server, "nonsense", flags=("--nonsense",))
    assert_refuses(server, "listen", flags=("--listen", "here"))
    assert_refuses(server, flags=("--listen", "0.0.0.0:0"))  # not without a guard


def test_an_address_that_is_taken(server: Server, tmp_path: Path) -> None:
    server.start()
    (tmp_path / "other").mkdir()
    other = Server(tmp_path / "other", SIMULATED)
    assert_refuses(other, server.grpc, flags=("--listen", server.grpc))
    assert_refuses(other, server.http, flags=("--http", server.http))
    server.close()
