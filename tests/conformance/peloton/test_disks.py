"""The disk is full, or read-only, or broken: what was acknowledged stays, and everybody is told.

1. Full (a small tmpfs; skipped where none can be mounted): nothing of a write that found no space is
   stored, which is certain, so callers are told UNAVAILABLE, reads go on, and it works again by itself
   once there is space.
2. Read-only or broken while the server runs (a library between SQLite and the system; skipped without a
   compiler): whether the last commit is stored is not known, so the journal is fenced and the server
   ends with 1; the next one knows. The kernel makes no file system read-only under a file that is open
   for writing unless the file system has found itself damaged.
3. Read-only when the server starts: exit code 2, one line, nothing done.
"""

import errno
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as svc
from tests.conformance.peloton.client import Client, Code, Made, refused, unique, watch_jobs
from tests.conformance.peloton.disks import BrokenDisk, breakable, filled, remount, small_disk
from tests.conformance.peloton.server import QUICK, SIMULATED, Server
from tests.conformance.peloton.test_idempotency import send_create
from tests.protocol.peloton.messages import job

RUNNING = stateless_pb2.JOB_STATE_RUNNING


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", mb=8) as disk:
        yield disk


@pytest.fixture
def server(tmp_path: Path, disk: Path) -> Iterator[Server]:
    """A server whose data directory is on the small disk."""
    server = Server(tmp_path, SIMULATED + QUICK, keeps=True)
    server.data = str(disk / "data")
    server.start()
    yield server
    server.close()
    assert "Traceback" not in server.said()


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BrokenDisk:
    return breakable(tmp_path, tmp_path / "data", monkeypatch)


@pytest.fixture
def kept(tmp_path: Path, broken: BrokenDisk) -> Iterator[Server]:
    """A server whose disk can be told to fail."""
    assert broken is not None
    server = Server(tmp_path, SIMULATED + QUICK, keeps=True)
    server.start()
    yield server
    server.close()
    assert "Traceback" not in server.said()


def spec_of(name: str, *, length: int = 40_000) -> stateless_pb2.JobSpec:
    """A job that is too long for the few bytes that a full disk may still have in the last page of a file."""
    return job(name=name, instance_count=1, description="x" * length)


def names(client: Client) -> list[str]:
    """The names of all jobs, those twice that there are two of."""
    found = client.jobs.QueryJobs(svc.QueryJobsRequest(), timeout=60).records
    return sorted(record.name for record in found)


def assert_kept(client: Client, made: dict[str, Made]) -> None:
    """Exactly the acknowledged jobs are there, each as it was acknowledged."""
    for name, each in made.items():
        info = client.get(each.id)
        assert (info.spec.name, info.status.version.value) == (name, each.version)
    assert names(client) == sorted(made)


def test_a_full_disk_takes_nothing_and_loses_nothing(server: Server, disk: Path) -> None:
    client = Client(server.grpc)
    made = {"before": client.run(spec_of("before"))}
    with filled(disk):
        watch = client.watches.Watch(watch_jobs(), timeout=60)
        next(watch)
        for attempt in range(20):
            with refused(Code.UNAVAILABLE, "nothing was stored"):
                client.create(spec_of(f"never-{attempt}"))
            assert client.get(made["before"].id).status.state == RUNNING
        assert client.pod(f"{made['before'].id}-0").current.status.host
        assert server.get("/healthz")[0] == 200
    for number in range(5):
        made[f"after-{number}"] = client.run(spec_of(f"after-{number}"))
    assert next(watch).stateless_jobs[0].name == "after-0"  # and nothing of what was refused
    watch.cancel()
    assert_kept(client, made)
    said = server.said()
    assert said.count("journal_refused") == said.count("journal_stores_again") == 1
    assert "full" in said
    server.kill()
    server.start()
    assert_kept(Client(server.grpc), made)


def test_what_a_full_disk_refused_is_done_when_it_is_sent_again(server: Server, disk: Path) -> None:
    client = Client(server.grpc)
    send = send_create(spec_of("keyed"))
    with filled(disk), refused(Code.UNAVAILABLE):
        send(client, "a-key")
    first = send(client, "a-key")
    assert send(client, "a-key") == first
    assert names(client) == ["keyed"]


def test_a_disk_that_fills_up_by_itself_keeps_what_was_acknowledged(server: Server) -> None:
    """Commits, checkpoints and tables find its end by themselves, each where it happens to be."""
    client = Client(server.grpc)
    made: dict[str, Made] = {}
    refusals = 0
    while refusals < 10:
        name = unique()
        try:
            made[name] = client.create(spec_of(name))
        except grpc.RpcError as error:
            if error.code() is not Code.UNAVAILABLE:
                raise
            refusals += 1
    for name, each in made.items():
        assert client.get(each.id).spec.name == name
    server.kill()


def test_a_crash_on_a_full_disk_loses_nothing(server: Server, disk: Path) -> None:
    client = Client(server.grpc)
    made = {name: client.run(spec_of(name)) for name in ("one", "two")}
    with filled(disk):
        with refused(Code.UNAVAILABLE):
            client.create(spec_of("never"))
        server.kill()
        server.start()
        client = Client(server.grpc)
        for name, each in made.items():
            assert client.get(each.id).spec.name == name
        with refused(Code.UNAVAILABLE):
            client.create(spec_of("never"))
    assert_kept(client, made)


def test_a_read_only_disk_is_refused_at_start(server: Server, disk: Path) -> None:
    made = {"before": Client(server.grpc).run(spec_of("before"))}
    server.terminate()
    remount(disk, "ro")
    code, stdout, stderr = server.fail()
    assert (code, stdout, len(stderr.splitlines())) == (2, b"", 1), stderr
    assert "ead-only" in stderr
    remount(disk, "rw")
    server.start()
    assert_kept(Client(server.grpc), made)


@pytest.mark.parametrize(
    ("call", "number"), [("write", errno.EROFS), ("write", errno.EIO), ("sync", errno.EIO)]
)
def test_a_disk_that_breaks_ends_the_server_and_loses_nothing(
    kept: Server, broken: BrokenDisk, call: str, number: int
) -> None:
    client = Client(kept.grpc)
    made = {name: client.run(spec_of(name)) for name in ("one", "two")}
    send = send_create(spec_of("keyed"))
    with broken.failing(call, number):
        with refused(Code.UNAVAILABLE, "without knowing whether the request was stored"):
            send(client, "a-key")
        assert kept.wait() == 1
    assert "journal_fenced" in kept.said()
    kept.start()
    client = Client(kept.grpc)
    answer = send(client, "a-key")
    assert isinstance(answer, svc.CreateJobResponse)
    made["keyed"] = Made(answer.job_id.value, answer.version.value)
    assert_kept(client, made)
