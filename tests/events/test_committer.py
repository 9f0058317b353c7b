"""The committer: batches, bounds, contiguity, and everything that can go wrong with a commit."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from events.codec import Unencodable
from events.journal import (
    Append,
    Committer,
    Entry,
    Failure,
    Fault,
    Full,
    Journal,
    MemoryBlobs,
    MemoryRecorder,
    Outcome,
    SQLiteRecorder,
)
from events.journal.blobs import BlobRef
from events.journal.sqlite_file import open_file
from events.record import Envelope
from tests.events.stores import CODEC, append, queued, stored


@pytest.fixture
def recorder() -> MemoryRecorder:
    return MemoryRecorder()


@pytest.fixture
def journal(recorder: MemoryRecorder) -> Journal:
    return Journal.in_memory(CODEC, recorder=recorder)


@pytest.fixture
def committer(journal: Journal) -> Iterator[Committer]:
    made = Committer(journal)
    yield made
    made.close()


def failures(outcomes: list[Outcome]) -> list[Failure | None]:
    return [outcome.failure for outcome in outcomes]


def streams(journal: Journal) -> list[str]:
    return [record.stream for record in journal.reader().scan()]


# ---------------------------------------------------------------- batches and bounds


def test_nothing_to_commit_is_nothing(committer: Committer) -> None:
    assert not committer.has_work
    assert committer.commit() == []


def test_a_batch_takes_whole_appends_up_to_its_size(journal: Journal) -> None:
    committer = Committer(journal, batch_events=5)
    for n, size in enumerate([2, 2, 2, 9, 1]):
        committer.submit(append(f"pod/{n}", range(1, size + 1)))
    sizes = []
    while committer.has_work:
        outcomes = committer.commit()
        sizes.append([len(outcome.records or ()) for outcome in outcomes])
    assert sizes == [[2, 2], [2], [9], [1]]
    assert (committer.pending_appends, committer.pending_events) == (0, 0)


def test_outcomes_are_in_the_order_of_submission(committer: Committer) -> None:
    appends = [append(f"pod/{n}", [1]) for n in range(20)]
    for one in appends:
        committer.submit(one)
    outcomes = committer.commit()
    assert [outcome.append for outcome in outcomes] == appends
    assert [outcome.revision for outcome in outcomes] == list(range(1, 21))


def test_the_queue_is_bounded_by_appends_and_by_events(journal: Journal) -> None:
    by_appends = Committer(journal, max_appends=2)
    by_appends.submit(append("pod/1", [1]))
    by_appends.submit(append("pod/2", [1]))
    with pytest.raises(Full):
        by_appends.submit(append("pod/3", [1]))
    assert failures(by_appends.commit()) == [None, None]
    by_appends.submit(append("pod/3", [1]))
    by_events = Committer(journal, max_events=3)
    by_events.submit(append("pod/4", range(1, 9)))  # one may overshoot: else a long append never fits
    with pytest.raises(Full):
        by_events.submit(append("pod/5", [1]))
    assert by_events.pending_appends == 1


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Append([], Envelope(at=1), 1), ValueError),
        (Append([Entry("pod/1", 1, object())], Envelope(at=1), 1), Unencodable),
        (
            Append([Entry("pod/1", 1, queued()), Entry("pod/1", 2, queued(2**70))], Envelope(at=1), 1),
            Unencodable,
        ),
    ],
)
def test_a_bad_append_is_told_to_who_submits_it_and_fences_nothing(
    committer: Committer, bad: Append, error: type[Exception]
) -> None:
    with pytest.raises(error):
        committer.submit(bad)
    assert not committer.has_work
    assert len(stored(committer, append("pod/1", [1]))) == 1


def test_versions_are_looked_up_when_they_are_forgotten(journal: Journal) -> None:
    committer = Committer(journal, remembered=1)
    stored(committer, append("pod/1", [1]), append("pod/2", [1]), append("pod/3", [1]))
    stored(committer, append("pod/1", [2]), append("pod/2", [2]), append("pod/1", [3]))
    assert journal.reader().stream_version("pod/1") == 3


# ---------------------------------------------------------------- what must not happen


@pytest.mark.parametrize(
    "bad",
    [
        append("pod/1", [1]),
        append("pod/1", [4]),
        append("pod/2", [2]),
        append("pod/2", [1, 3]),
        append("pod/2", [0]),
    ],
    ids=["repeat", "gap", "new stream not from 1", "gap inside", "zero"],
)
@pytest.mark.parametrize("remembered", [0, 10], ids=["looked up", "remembered"])
def test_a_version_that_does_not_follow_fences(journal: Journal, bad: Append, remembered: int) -> None:
    committer = Committer(journal, remembered=remembered)
    stored(committer, append("pod/1", [1, 2]))
    committer.submit(append("pod/9", [1]))
    committer.submit(bad)
    committer.submit(append("pod/10", [1]))
    assert set(failures(committer.commit())) == {Failure.FENCED}
    assert committer.is_fenced
    assert streams(journal) == ["pod/1", "pod/1"]
    committer.submit(append("pod/1", [3]))
    assert failures(committer.commit()) == [Failure.FENCED]
    assert len(streams(journal)) == 2


def test_a_second_writer_fences(journal: Journal, committer: Committer) -> None:
    stored(committer, append("pod/1", [1]))
    journal.store.insert_rows([("pod/1", 2, "pod.queued:1", b"")])
    committer.submit(append("pod/1", [2]))
    assert failures(committer.commit()) == [Failure.FENCED]
    assert committer.is_fenced


def test_a_bug_while_storing_fences_and_answers(
    journal: Journal, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(journal.store, "insert_rows", fail)
    committer.submit(append("pod/1", [1]))
    (outcome,) = committer.commit()
    assert outcome.failure is Failure.FENCED
    assert "a bug" in outcome.detail


# ---------------------------------------------------------------- failures of a commit


def test_not_stored_fails_all_that_waits_and_begins_an_epoch(
    recorder: MemoryRecorder, journal: Journal
) -> None:
    committer = Committer(journal, batch_events=1)
    recorder.plan(Fault.BEFORE_INSERT)
    for n in range(3):
        committer.submit(append(f"pod/{n}", [1]))
    assert failures(committer.commit()) == [Failure.NOT_STORED] * 3
    assert (committer.epoch, committer.is_fenced, committer.has_work) == (2, False, False)
    assert streams(journal) == []


def test_appends_of_an_old_epoch_are_refused_and_others_stored(
    recorder: MemoryRecorder, journal: Journal, committer: Committer
) -> None:
    recorder.plan(Fault.BEFORE_INSERT)
    committer.submit(append("pod/1", [1]))
    committer.commit()
    committer.submit(append("pod/1", [1]))
    committer.submit(append("pod/2", [1], epoch=2))
    committer.submit(append("pod/1", [2]))
    committer.submit(append("pod/2", [2], epoch=2))
    assert failures(committer.commit()) == [Failure.STALE_EPOCH, None, Failure.STALE_EPOCH, None]
    assert streams(journal) == ["pod/2", "pod/2"]
    assert committer.epoch == 2


def test_unknown_and_found_is_success(
    recorder: MemoryRecorder, journal: Journal, committer: Committer
) -> None:
    recorder.plan(Fault.UNKNOWN_STORED)
    committer.submit(append("pod/1", [1, 2]))
    committer.submit(append("pod/2", [1]))
    outcomes = committer.commit()
    assert failures(outcomes) == [None, None]
    assert [record for outcome in outcomes for record in outcome.records or ()] == journal.reader().page(0, 9)
    assert committer.epoch == 1
    stored(committer, append("pod/1", [3]))


def test_unknown_and_absent_is_not_stored(
    recorder: MemoryRecorder, journal: Journal, committer: Committer
) -> None:
    recorder.plan(Fault.UNKNOWN_ABSENT)
    committer.submit(append("pod/1", [1, 2]))
    assert failures(committer.commit()) == [Failure.NOT_STORED]
    assert committer.epoch == 2
    stored(committer, append("pod/1", [1, 2], epoch=2))
    assert streams(journal) == ["pod/1", "pod/1"]


def test_unknown_for_good_fences(recorder: MemoryRecorder, journal: Journal) -> None:
    committer = Committer(journal, batch_events=1)
    recorder.plan(Fault.UNKNOWN_FOR_GOOD)
    for n in range(3):
        committer.submit(append(f"pod/{n}", [1]))
    assert failures(committer.commit()) == [Failure.FENCED] * 3
    committer.submit(append("pod/7", [1]))
    (outcome,) = committer.commit()
    assert (outcome.failure, outcome.records, outcome.revision) == (Failure.FENCED, None, 0)
    assert "planned" in outcome.detail


def test_a_disk_that_refuses_a_blob_stores_nothing(recorder: MemoryRecorder) -> None:
    class FullDisk(MemoryBlobs):
        def put(self, body: bytes) -> BlobRef:
            raise OSError(28, "No space left on device", str(len(body)))

    journal = Journal.in_memory(CODEC, recorder=recorder, blobs=FullDisk())
    committer = Committer(journal)
    committer.submit(append("pod/1", [1]))
    committer.submit(append("pod/2", [1], reason="x" * 70_000))
    assert failures(committer.commit()) == [Failure.NOT_STORED] * 2
    assert (committer.epoch, streams(journal)) == (2, [])


def test_a_disk_that_cannot_be_read_stores_nothing(recorder: MemoryRecorder) -> None:
    """What is looked up before anything is inserted leaves no doubt."""
    journal = Journal.in_memory(CODEC, recorder=recorder)
    stored(Committer(journal), append("pod/1", [1]))
    committer = Committer(journal)
    rows = committer._stored
    with pytest.MonkeyPatch.context() as patch:

        def fail(_: str) -> int:
            raise sqlite3.OperationalError("disk I/O error")

        patch.setattr(rows, "version", fail)
        committer.submit(append("pod/1", [2]))
        (outcome,) = committer.commit()
    assert (outcome.failure, committer.epoch) == (Failure.NOT_STORED, 2)
    assert "disk I/O error" in outcome.detail
    stored(committer, append("pod/1", [2], epoch=2))


# ---------------------------------------------------------------- the same on SQLite


class UnsureRecorder(SQLiteRecorder):
    """A recorder whose next COMMIT fails: after it took place, or before."""

    unsure: str = ""

    def _commit(self, connection: sqlite3.Connection) -> None:
        unsure, self.unsure = self.unsure, ""
        if unsure == "stored":
            super()._commit(connection)
        if unsure:
            raise sqlite3.OperationalError("disk I/O error")
        super()._commit(connection)

    def settle(self) -> None:
        super().settle()
        # Whatever may have been left behind is overwritten: a transaction was committed in between.
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT value FROM meta WHERE name='settled'")
            assert cursor.fetchone()[0] == "1"


@pytest.mark.parametrize(("unsure", "failure"), [("stored", None), ("absent", Failure.NOT_STORED)])
def test_sqlite_is_opened_anew_when_a_commit_is_unsure(
    tmp_path: Path, unsure: str, failure: Failure | None
) -> None:
    path = tmp_path / "journal.sqlite"
    first = open_file(path)
    first.close()
    recorder = UnsureRecorder(path, first.identity)
    journal = Journal(recorder, CODEC, MemoryBlobs())
    committer = Committer(journal)
    stored(committer, append("pod/1", [1]))
    recorder.unsure = unsure
    committer.submit(append("pod/1", [2, 3]))
    assert failures(committer.commit()) == [failure]
    version = 1 if failure else 3
    stored(committer, append("pod/1", [version + 1], epoch=committer.epoch))
    reader = journal.reader()
    assert reader.stream_version("pod/1") == version + 1
    assert committer.epoch == (2 if failure else 1)
    reader.close()
    committer.close()
    journal.close()


def test_sqlite_that_is_locked_by_another_stores_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    first = open_file(path)
    first.close()
    with Journal(SQLiteRecorder(path, first.identity, wait_s=0), CODEC, MemoryBlobs()) as journal:
        committer = Committer(journal)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        committer.submit(append("pod/1", [1]))
        (outcome,) = committer.commit()
        assert (outcome.failure, committer.epoch) == (Failure.NOT_STORED, 2)
        assert "locked" in outcome.detail
        other.execute("ROLLBACK")
        other.close()
        stored(committer, append("pod/1", [1], epoch=2))
        committer.close()
