"""Replaying a journal offline: what is sound is silent, and every broken rule is found."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from events.codec import UnknownTopic
from events.frozen import replace
from events.host import HostPhase, HostPhaseChanged
from events.job import JobPodReported
from events.journal import MemoryBlobs
from events.journal.row import Decoder, beginnings
from events.journal.sqlite_file import open_file
from events.journal.store import Row
from events.pod import PodPhase, PodRunning
from protocol.cli.exits import Exit
from protocol.cli.main import app
from protocol.vocabulary import journal_codec
from tests.histories.record import folded
from tests.histories.stepped import Stepped
from tests.histories.stories import keyed, service

CODEC = journal_codec()


@pytest.fixture(scope="module")
def rows() -> Sequence[Row]:
    plane = Stepped()
    service(plane)
    keyed(plane)
    return plane.rows()


def place_of(rows: Sequence[Row], topic: str, *, last: bool = False) -> int:
    places = [place for place, row in enumerate(rows) if row[3] == topic]
    return places[-1 if last else 0]


def with_event(row: Row, event: object, *, version: int = 0, revision: int = 0) -> Row:
    """Return a row with another event in it."""
    (recorded,) = Decoder(CODEC, MemoryBlobs()).records([row])
    topic, body = CODEC.encode(event)
    begin = beginnings(recorded.envelope)[recorded.is_last]
    return revision or row[0], row[1], version or row[2], topic, begin + body


def broken(rows: Sequence[Row], rule: str) -> list[str]:
    """Return the findings of a rule."""
    _, findings = folded(rows)
    return [f"{finding.stream} {finding.detail}" for finding in findings if finding.rule == rule]


def test_a_sound_journal_has_no_findings(rows: Sequence[Row]) -> None:
    assert folded(rows)[1] == []


def test_a_missing_event_is_found(rows: Sequence[Row]) -> None:
    place = place_of(rows, "pod.launched:1")
    left = [*rows[:place], *rows[place + 1 :]]
    assert broken(left, "version") == [f"{rows[place][1]} follows version {rows[place][2] - 1}"]


def test_what_cannot_be_decoded_is_told_once(rows: Sequence[Row]) -> None:
    place = place_of(rows, "pod.created:1")
    revision, stream, version, _, state = rows[place]
    for other in ((revision, stream, version, "pod.invented:9", state), (*rows[place][:4], b"\xc1")):
        bent = [*rows[:place], other, *rows[place + 1 :]]
        assert len(broken(bent, "decode")) == 1
        later = len([row for row in rows if row[1] == stream]) - 1
        assert broken(bent, "fold") == [f"{stream} {later} later events were not folded"]
    assert (
        str(UnknownTopic("pod.invented:9"))
        in broken(
            [*rows[:place], (revision, stream, version, "pod.invented:9", state), *rows[place + 1 :]],
            "decode",
        )[0]
    )


def test_what_evolve_cannot_take_is_found(rows: Sequence[Row]) -> None:
    place = place_of(rows, "pod.created:1")
    bent = [*rows[:place], with_event(rows[place], PodRunning(run=1)), *rows[place + 1 :]]
    assert broken(bent, "fold")[0].startswith(f"{rows[place][1]} evolve raises ValueError: ")


def test_an_edge_that_the_table_lacks_is_found(rows: Sequence[Row]) -> None:
    drained = HostPhaseChanged(phase=HostPhase.DRAINED, goal=HostPhase.DOWN)
    more = [*rows, with_event(rows[0], drained, version=2, revision=rows[-1][0] + 1)]
    assert broken(more, "phase") == ["host/sim HostPhaseChanged leads from up to drained"]


def test_an_append_without_its_end_is_found(rows: Sequence[Row]) -> None:
    place = place_of(rows, "job.created:1")
    assert broken(rows[: place + 1], "append") == [f"{rows[place][1]} the journal ends inside an append"]
    moved = [(revision + 1, *rest) for revision, *rest in rows[place + 1 :]]
    assert len(broken([*rows[: place + 1], *moved], "append")) == 1  # type: ignore[list-item]  # still rows


def test_a_second_event_of_a_receipt_is_found(rows: Sequence[Row]) -> None:
    place = place_of(rows, "receipt.recorded:1")
    again = (rows[-1][0] + 1, rows[place][1], 2, *rows[place][3:])
    assert broken([*rows, again], "receipt") == [f"{rows[place][1]} a receipt has a second event"]


def test_a_job_that_knows_its_pods_wrongly_is_found(rows: Sequence[Row]) -> None:
    place = place_of(rows, "job.pod_reported:1", last=True)
    (recorded,) = Decoder(CODEC, MemoryBlobs()).records([rows[place]])
    assert isinstance(recorded.event, JobPodReported)
    wrong = with_event(rows[place], replace(recorded.event, phase=PodPhase.LOST))
    found = broken([*rows[:place], wrong, *rows[place + 1 :]], "reports")
    assert len(found) == 1
    assert "is known as run" in found[0]


# ---------------------------------------------------------------- the command


@pytest.fixture
def data(tmp_path: Path, rows: Sequence[Row]) -> Path:
    recorder = open_file(tmp_path / "journal.sqlite")
    recorder.insert_rows([row[1:] for row in rows])
    recorder.close()
    return tmp_path


def replay(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["replay", "--data", *map(str, arguments)])
    if isinstance(done.exception, SystemExit) or done.exception is None:
        return done.exit_code, done.output
    code = getattr(done.exception, "code", None)
    assert isinstance(code, Exit), done.exception
    return code, str(done.exception)


def test_the_command_tells_every_change(data: Path, rows: Sequence[Row]) -> None:
    code, said = replay(data)
    assert code == Exit.OK
    assert f"{len(rows)} events of" in said.splitlines()[-1]
    assert '      phase: "pending" → "running"' in said.splitlines()
    code, said = replay(data, "-o", "json")
    documents = [json.loads(line) for line in said.splitlines()]
    assert [it["revision"] for it in documents[:-1]] == [row[0] for row in rows]
    assert documents[-1]["summary"]["findings"] == 0


def test_the_command_tells_of_one_entity(data: Path, rows: Sequence[Row]) -> None:
    stream = rows[place_of(rows, "job.created:1")][1]
    code, said = replay(data, "--entity", stream, "--check", "-o", "json")
    assert code == Exit.OK
    assert json.loads(said)["events"] == len([row for row in rows if row[1] == stream])
    assert replay(data, "--entity", "job/none") == (
        Exit.USAGE,
        "job/none: the journal has no such entity",
    )
    assert replay(data, "--entity", "none")[0] == Exit.USAGE


def test_the_command_ends_by_what_it_found(data: Path, tmp_path: Path) -> None:
    assert replay(data, "--check")[0] == Exit.OK
    with sqlite3.connect(data / "journal.sqlite") as connection:
        connection.execute("UPDATE stored_events SET topic = 'x:1' WHERE notification_id = 3")
    connection.close()
    code, said = replay(data, "--check")
    assert code == Exit.FAILED
    assert said.startswith("! decode: revision 3, ")
    code, said = replay(data, "--check", "-o", "json")
    assert code == Exit.FAILED
    assert json.loads(said)["findings"][0]["rule"] == "decode"
    assert replay(tmp_path / "nowhere")[0] == Exit.USAGE
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "journal.sqlite").write_bytes(b"no database")
    assert replay(tmp_path / "other")[0] == Exit.USAGE


def test_a_file_that_is_bent_is_a_journal_that_cannot_be_read(data: Path) -> None:
    file = data / "journal.sqlite"
    sound = file.read_bytes()
    # SQLite says the name of what it cannot make out, also when that is no text.
    bent = sound.replace(b"tablestored_events", b"table\xe4tored_events")
    bent = bent.replace(b"CREATE TABLE s", b"CREATE_TABLE s")
    for content in (bent, sound[:100], sound[:4096]):
        file.write_bytes(content)
        code, told = replay(data)
        assert (code, len(told.splitlines())) == (Exit.USAGE, 1), told
        assert told.startswith(f"journal {file}: ")


@pytest.mark.parametrize("column", ["originator_version", "topic"])
def test_a_row_that_is_no_event_is_damage(data: Path, column: str) -> None:
    with sqlite3.connect(data / "journal.sqlite") as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '')")
    connection.close()
    with sqlite3.connect(data / "journal.sqlite") as connection:
        connection.execute(f"UPDATE stored_events SET {column} = NULL WHERE notification_id = 3")  # noqa: S608 - ours
    connection.close()
    assert replay(data, "--check") == (Exit.USAGE, "journal: damaged: revision 3 is no event")


def test_a_time_that_no_calendar_has_is_told_as_it_stands(data: Path, rows: Sequence[Row]) -> None:
    (recorded,) = Decoder(CODEC, MemoryBlobs()).records([rows[0]])
    begin = beginnings(recorded.envelope._replace(at=2**62))[recorded.is_last]
    _, body = CODEC.encode(recorded.event)
    with sqlite3.connect(data / "journal.sqlite") as connection:
        connection.execute("UPDATE stored_events SET state = ? WHERE notification_id = 1", (begin + body,))
    connection.close()
    code, said = replay(data)
    assert code == Exit.OK
    assert f"  {2**62} µs  " in said.splitlines()[0]


def test_nothing_is_written(data: Path) -> None:
    before = (data / "journal.sqlite").read_bytes()
    replay(data)
    assert (data / "journal.sqlite").read_bytes() == before
    assert [path.name for path in data.iterdir()] == ["journal.sqlite"]


def test_a_journal_that_is_being_written_can_be_read(data: Path, rows: Sequence[Row]) -> None:
    recorder = open_file(data / "journal.sqlite")
    recorder.insert_rows([("receipt/new", 1, *rows[place_of(rows, "receipt.recorded:1")][3:])])
    assert (data / "journal.sqlite-wal").exists()
    code, said = replay(data, "--check", "-o", "json")
    recorder.close()
    assert code == Exit.OK
    assert json.loads(said)["events"] == len(rows) + 1
