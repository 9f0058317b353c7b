"""Somebody cuts off or damages the journal's write-ahead log after a crash: the whole beginning stays.

1. Commits are synced before they are acknowledged, so only such damage can take them away again.
2. SQLite's frames carry running checksums, and it keeps the whole transactions before the first frame
   that is wrong: what is left is the journal as it was at some moment.
3. The tables, which are files of their own, are ahead of that and made anew.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from tests import warm
from tests.conformance.peloton.client import Client, Code, Made, refused, watch_jobs
from tests.conformance.peloton.server import QUICK, SIMULATED, Server
from tests.protocol.peloton.messages import job

HEADER, FRAME = 32, 24 + 4096
"""Bytes of the log's header, and of one page with its own header."""
JOBS = 24


def cut_between_frames(log: Path) -> None:
    os.truncate(log, HEADER + (log.stat().st_size - HEADER) // FRAME // 2 * FRAME)


def cut_within_a_frame(log: Path) -> None:
    os.truncate(log, HEADER + (log.stat().st_size - HEADER) // FRAME // 2 * FRAME + 1000)


def cut_within_the_header(log: Path) -> None:
    os.truncate(log, HEADER - 1)


def change_one_byte(log: Path) -> None:
    content = bytearray(log.read_bytes())
    content[HEADER + len(content) // FRAME // 2 * FRAME + 2000] ^= 0x10
    log.write_bytes(content)


def zero_the_rest(log: Path) -> None:
    content = log.read_bytes()
    half = len(content) // 2
    log.write_bytes(content[:half] + bytes(len(content) - half))


def remove(log: Path) -> None:
    log.unlink()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, SIMULATED + QUICK, keeps=True)
    server.start()
    yield server
    server.close()
    assert "Traceback" not in server.said()


def listed(client: Client) -> dict[str, str]:
    """The names of all jobs by id, as the tables have them."""
    request = svc.QueryJobsRequest()
    request.spec.pagination.limit = request.spec.pagination.max_limit = 1000
    found = client.jobs.QueryJobs(request, timeout=60).records
    return {record.job_id.value: record.name for record in found}


def told(client: Client, count: int) -> dict[str, str]:
    """The names of so many jobs by id, as a watch from the beginning tells them."""
    watch = client.watches.Watch(watch_jobs(start=1), timeout=60)
    seen: dict[str, str] = {}
    for message in watch:
        seen.update({summary.job_id.value: summary.name for summary in message.stateless_jobs})
        if len(seen) >= count:
            break
    watch.cancel()
    return seen


@pytest.mark.parametrize(
    ("damage", "is_part_left"),
    [
        (cut_between_frames, True),
        (cut_within_a_frame, True),
        (change_one_byte, True),
        (zero_the_rest, True),
        (cut_within_the_header, False),
        (remove, False),
    ],
)
def test_what_is_left_is_the_journal_of_an_earlier_moment(
    server: Server,
    damage: Callable[[Path], None],
    is_part_left: bool,  # noqa: FBT001 - a parameter
) -> None:
    client = Client(server.grpc)
    made: list[Made] = [client.run(job(name=f"job-{number}", instance_count=2)) for number in range(JOBS)]
    assert len(listed(client)) == JOBS  # the tables have it all
    server.kill()
    damage(Path(server.data) / "journal.sqlite-wal")

    server.start()
    client = Client(server.grpc)
    kept = listed(client)
    expected = {each.id: f"job-{number}" for number, each in enumerate(made[: len(kept)])}
    assert kept == expected  # the first ones, without a gap
    assert (0 < len(kept) < JOBS) if is_part_left else not kept
    for each in made:
        if each.id in kept:
            client.await_pods(each.id, "RUNNING", 2)  # what was under way goes on
        else:
            with refused(Code.NOT_FOUND):
                client.get(each.id)
            with refused(Code.NOT_FOUND):
                client.pod(f"{each.id}-0")
    more = client.run(job(name="more", instance_count=1))
    client.stop(more.id, more.version)
    version = client.await_pods(more.id, "KILLED", 1).status.version.value
    assert version != more.version
    assert listed(client) == expected | {more.id: "more"}

    server.kill()
    server.start()
    client = Client(server.grpc)
    assert listed(client) == expected | {more.id: "more"}
    assert told(client, len(listed(client))) == listed(client)
    server.terminate()
    checked = warm.run("replay", "--data", server.data, "--check")
    assert (checked.returncode, checked.stderr) == (0, b""), checked.stdout
    assert checked.stdout.endswith(b", 0 findings\n")


def test_a_watch_that_has_seen_what_is_gone_is_told_so(server: Server) -> None:
    client = Client(server.grpc)
    for number in range(JOBS):
        client.run(job(name=f"job-{number}", instance_count=2))
    seen = revision_of(client)
    server.kill()
    cut_within_the_header(Path(server.data) / "journal.sqlite-wal")
    server.start()
    client = Client(server.grpc)
    with refused(Code.INVALID_ARGUMENT, "start revision"):
        next(client.watches.Watch(watch_jobs(start=seen + 1), timeout=60))


def revision_of(client: Client) -> int:
    """The current revision."""
    watch = client.watches.Watch(watch_jobs(), timeout=60)
    revision: int = next(watch).revision
    watch.cancel()
    return revision
