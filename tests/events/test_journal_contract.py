"""What a journal promises, whatever it stands on: one suite over SQLite and memory."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from eventsourcing.persistence import ApplicationRecorder, IntegrityError, StoredEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import pod
from events.journal import Append, Committer, Entry, Journal, Snapshot
from events.journal.store import Conflict
from events.record import Envelope, Recorded
from tests.events.stores import PLACES, Place, append, queued, stored


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return PLACES[request.param](tmp_path)


@pytest.fixture
def journal(place: Place) -> Iterator[Journal]:
    with place.open() as opened:
        yield opened


@pytest.fixture
def committer(journal: Journal) -> Iterator[Committer]:
    made = Committer(journal)
    yield made
    made.close()


def test_an_empty_journal_has_nothing(journal: Journal) -> None:
    reader = journal.reader()
    assert reader.head() == 0
    assert reader.page(0, 10) == []
    assert list(reader.scan()) == []
    assert reader.stream("pod/1", limit=10) == []
    assert reader.stream_version("pod/1") == 0
    assert reader.snapshot("pod/1") is None
    reader.close()


def test_what_was_told_is_what_is_read(journal: Journal, committer: Committer) -> None:
    records = stored(committer, append("pod/1", [1, 2]), append("pod/2", [1]), append("pod/1", [3]))
    reader = journal.reader()
    assert reader.page(0, 10) == records == list(reader.scan())
    assert [record.revision for record in records] == sorted({record.revision for record in records})
    assert [record.is_last for record in records] == [False, True, True, True]
    assert reader.head() == records[-1].revision
    reader.close()


@pytest.mark.parametrize("length", [1, 2, 3, 127, 511, 512, 1535])
def test_an_append_of_any_length_is_stored_in_its_order(
    journal: Journal, committer: Committer, length: int
) -> None:
    stored(committer, append("pod/0", [1]))
    records = stored(committer, append("pod/1", range(1, length + 1)))
    assert [record.version for record in records] == list(range(1, length + 1))
    reader = journal.reader()
    assert list(reader.scan(records[0].revision)) == records
    reader.close()


def test_a_page_is_inclusive_and_obeys_its_limit(journal: Journal, committer: Committer) -> None:
    records = stored(committer, append("pod/1", range(1, 9)))
    reader = journal.reader()
    third, sixth = records[2].revision, records[5].revision
    assert reader.page(third, 100) == records[2:]
    assert reader.page(third, 2) == records[2:4]
    assert reader.page(third, 100, sixth) == records[2:6]
    assert reader.page(third, 100, third) == records[2:3]
    assert reader.page(sixth, 100, third) == []
    assert reader.page(third, 0) == []
    assert reader.page(records[-1].revision + 1, 5) == []
    assert list(reader.scan(third)) == records[2:]
    assert list(reader.scan(third, sixth)) == records[2:6]
    reader.close()


def test_a_stream_is_read_by_version(journal: Journal, committer: Committer) -> None:
    ones = [append("pod/1", [n]) for n in range(1, 7)]
    others = [append("pod/2", [n]) for n in range(1, 7)]
    records = stored(committer, *[one for pair in zip(ones, others, strict=True) for one in pair])
    mine = records[::2]
    reader = journal.reader()
    assert reader.stream("pod/1", limit=100) == mine
    assert reader.stream("pod/1", after=2, limit=2) == mine[2:4]
    assert reader.stream("pod/1", limit=2, descending=True) == mine[:-3:-1]
    assert reader.stream("pod/1", after=5, limit=9, descending=True) == mine[5:]
    until = records[5].revision  # of the other stream: the revision need not be one of this stream's
    assert reader.stream("pod/1", limit=100, until_revision=until) == mine[:3]
    assert reader.stream("pod/1", limit=1, until_revision=until, descending=True) == mine[2:3]
    assert reader.stream("pod/1", after=6, limit=9) == []
    assert reader.stream("pod/", limit=9) == []
    assert reader.stream_version("pod/1") == 6
    reader.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    start=st.integers(0, 40),
    limit=st.integers(1, 9),
)
def test_pages_follow_each_other_without_gap_or_repeat(
    place: Place, sizes: list[int], start: int, limit: int
) -> None:
    with place.open() as journal:
        committer, reader = Committer(journal), journal.reader()
        known = reader.stream_version("pod/1")
        for size in sizes:
            stored(committer, append("pod/1", range(known + 1, known + size + 1)))
            known += size
        everything = list(reader.scan())
        seen: list[Recorded] = []
        while page := reader.page(seen[-1].revision + 1 if seen else start, limit):
            assert len(page) <= limit
            seen += page
        assert seen == [record for record in everything if record.revision >= start]
        committer.close()
        reader.close()


def test_a_restart_keeps_records_revisions_and_identity(place: Place) -> None:
    with place.open() as journal:
        identity = journal.identity
        committer = Committer(journal)
        records = stored(committer, append("pod/1", [1, 2, 3]))
        committer.close()
    with place.open() as journal:
        assert journal.identity == identity
        committer, reader = Committer(journal), journal.reader()
        assert reader.page(0, 10) == records
        (more,) = stored(committer, append("pod/1", [4]))
        assert more.revision > records[-1].revision
        assert reader.head() == more.revision
        committer.close()
        reader.close()


def test_two_journals_have_two_identities(tmp_path: Path) -> None:
    made = [PLACES[kind](tmp_path / str(n)) for n, kind in enumerate([*PLACES, *PLACES])]
    identities = set()
    for one in made:
        one.path.mkdir()
        with one.open() as journal:
            identities.add(journal.identity)
    assert len(identities) == len(made)


def test_readers_work_on_other_threads(journal: Journal, committer: Committer) -> None:
    records = stored(committer, *[append(f"pod/{n}", [1, 2]) for n in range(50)])
    seen: list[list[Recorded]] = []

    def read() -> None:
        reader = journal.reader()
        seen.append(list(reader.scan()))
        reader.close()

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [records] * 3


def test_a_reader_sees_what_is_committed_after_it_was_made(journal: Journal, committer: Committer) -> None:
    reader = journal.reader()
    assert reader.head() == 0
    records = stored(committer, append("pod/1", [1]))
    assert reader.page(0, 10) == records
    reader.close()


def test_snapshots_replace_older_ones(journal: Journal, committer: Committer) -> None:
    reader = journal.reader()
    committer.submit_snapshot(Snapshot("pod/1", 3, "pod.state:1", b"three"))
    assert committer.commit() == []
    assert not committer.has_work
    assert reader.snapshot("pod/1") == Snapshot("pod/1", 3, "pod.state:1", b"three")
    committer.submit_snapshot(Snapshot("pod/1", 4, "pod.state:1", b"four"))
    committer.submit_snapshot(Snapshot("pod/1", 5, "pod.state:2", b"five"))
    committer.commit()
    assert reader.snapshot("pod/1") == Snapshot("pod/1", 5, "pod.state:2", b"five")
    assert reader.snapshot("pod/2") is None
    reader.close()


# ---------------------------------------------------------------- long bodies


def long_event(size: int) -> pod.PodQueued:
    return queued(1, "x" * size)


def test_a_long_body_comes_back_and_stands_in_a_blob(journal: Journal, committer: Committer) -> None:
    event, short = long_event(70_000), long_event(60_000)
    entries = [Entry("pod/1", 1, event), Entry("pod/1", 2, short), Entry("pod/2", 1, event)]
    records = stored(committer, Append(entries, Envelope(at=1), 1))
    reader = journal.reader()
    assert reader.page(0, 10) == records
    assert [record.event for record in records] == [event, short, event]
    assert len(journal.blobs.refs()) == 1  # equal bodies are one blob
    assert all(len(row[4]) < 64 * 1024 for row in journal.store.rows().page(0, 10, None))
    reader.close()


def test_sweeping_keeps_what_events_name(journal: Journal, committer: Committer) -> None:
    assert journal.sweep() == 0
    records = stored(committer, Append([Entry("pod/1", 1, long_event(70_000))], Envelope(at=1), 1))
    journal.blobs.put(b"of an append that never came")
    assert journal.sweep() == 1
    assert journal.sweep() == 0
    reader = journal.reader()
    assert reader.page(0, 10) == records
    reader.close()


# ---------------------------------------------------------------- the library's own contract


def recorder_of(journal: Journal) -> ApplicationRecorder:
    assert isinstance(journal.store, ApplicationRecorder)
    return journal.store


def stored_event(version: int, stream: str = "pod/1") -> StoredEvent:
    return StoredEvent(stream, version, f"topic:{version}", b"state")


def test_the_store_is_a_recorder_of_the_library(journal: Journal) -> None:
    recorder = recorder_of(journal)
    assert not recorder.max_notification_id()
    ids = recorder.insert_events([stored_event(n) for n in (1, 2, 3)])
    assert ids is not None
    assert list(ids) == [1, 2, 3]
    with pytest.raises(IntegrityError):
        recorder.insert_events([stored_event(4), stored_event(2)])
    assert recorder.max_notification_id() == 3
    assert list(recorder.select_events("pod/1", gt=1)) == [stored_event(2), stored_event(3)]
    assert list(recorder.select_events("pod/1", lte=2, desc=True, limit=1)) == [stored_event(2)]
    selected = recorder.select_notifications(2, 10)
    assert [(one.id, one.originator_version, one.topic) for one in selected] == [
        (2, 2, "topic:2"),
        (3, 3, "topic:3"),
    ]
    assert [one.id for one in recorder.select_notifications(1, 10, 2, inclusive_of_start=False)] == [2]
    assert [one.id for one in recorder.select_notifications(None, 2)] == [1, 2]
    assert [one.id for one in recorder.select_notifications(1, 10, topics=["topic:3"])] == [3]


def test_an_insert_that_conflicts_stores_nothing(journal: Journal) -> None:
    journal.store.insert_rows([("pod/1", 1, "t:1", b"")])
    with pytest.raises(Conflict):
        journal.store.insert_rows([("pod/2", 1, "t:1", b""), ("pod/1", 1, "t:1", b"")])
    rows = journal.store.rows()
    assert rows.head() == 1
    assert rows.version("pod/2") == 0
    assert list(journal.store.insert_rows([("pod/2", 1, "t:1", b"")])) == [2]
    rows.close()
