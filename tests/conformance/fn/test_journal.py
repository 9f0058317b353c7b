"""What the journal says of calls: one append to begin, one to end, and nothing told that is not in it."""

import subprocess
from itertools import groupby
from pathlib import Path

from events.journal import DataDirectory
from events.record import Recorded, entity_of
from events.task import TaskFailed, TaskQueued, TaskStarted, TaskSucceeded
from events.worker import WorkerFreed, WorkerLost, WorkerTook
from protocol.vocabulary import journal_codec
from tests.conformance.fn.client import Client
from tests.conformance.fn.conftest import HOST, functions
from tests.conformance.peloton.server import PROGRAM, Server, hosts


def appends(data: Path) -> list[tuple[Recorded, ...]]:
    """Everything in a journal, append by append."""
    directory = DataDirectory.open(str(data))
    try:
        journal = directory.open_journal(journal_codec())
        reader = journal.reader()
        number, numbered = 0, []
        for record in reader.scan():
            numbered.append((number, record))
            number += record.is_last
        reader.close()
        journal.close()
    finally:
        directory.close()
    return [tuple(each for _, each in part) for _, part in groupby(numbered, lambda pair: pair[0])]


def test_what_was_told_is_in_the_journal(tmp_path: Path) -> None:
    """The server is killed at once after its last word: every outcome that it told is there."""
    server = Server(tmp_path, hosts(HOST) + functions(), keeps=True)
    server.start()
    try:
        client = Client(server.grpc)
        for n in range(20):
            assert client.call(str(n).encode()).finished.success
        for body in (b"status\n502", b"crash\n", b"garbage\n"):
            assert client.call(body).finished.errorCode == 502
        server.kill()
    finally:
        server.close()
    begun: dict[str, str] = {}
    ended = {TaskSucceeded: 0, TaskFailed: 0}
    for append in appends(Path(server.data)):
        events = {type(each.event): each for each in append}
        if TaskQueued in events:
            assert [type(each.event) for each in append] == [TaskQueued, TaskStarted, WorkerTook]
            begun[append[0].stream] = append[2].stream
        for end in ended.keys() & events.keys():
            ended[end] += 1
            (worker,) = (each for each in append if entity_of(each.stream) == "worker")
            assert worker.stream == begun.pop(events[end].stream)
            assert isinstance(worker.event, WorkerFreed | WorkerLost)
    assert begun == {}
    assert ended == {TaskSucceeded: 20, TaskFailed: 3}
    done = subprocess.run(
        [PROGRAM, "replay", "--data", server.data], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
