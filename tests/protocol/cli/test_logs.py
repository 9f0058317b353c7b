"""`polyplane logs -f` across whatever becomes of the server."""

import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.cli import logs
from protocol.cli.connection import Failed
from protocol.cli.exits import Exit
from protocol.cli.logs import LogFile, print_log
from tests import warm
from tests.protocol.server.program import polyplane, running

LINES = 100
SCRIPT = f"i=0; while [ $i -lt {LINES} ]; do echo $i; i=$((i+1)); sleep 0.02; done"
JOB = f"""
name: counts
instance_count: 1
default_spec:
  containers:
    - name: main
      entrypoint: [/bin/sh, -c, '{SCRIPT}']
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_log_goes_on_across_a_restart(tmp_path: Path, number: signal.Signals) -> None:
    """Nothing is missed and nothing comes twice, and it ends with the run."""
    (tmp_path / "job.yaml").write_text(JOB)
    data = tmp_path / "data"
    command = polyplane("serve", "--data", str(data), "--http", "127.0.0.1:0", "--listen")
    for name in ("logs", "again"):
        (tmp_path / name).mkdir()
    try:
        with running([*command, "127.0.0.1:0"], tmp_path) as first:
            first.read_ready()
            environment = {"POLYPLANE_SERVER": first.grpc}
            done = warm.run("submit", "--wait", str(tmp_path / "job.yaml"), environment=environment)
            pod = f"pod/{done.stdout.decode().strip().removeprefix('job/')}-0"
            following = polyplane("logs", "-f", pod)
            with running(following, tmp_path / "logs", environment) as log:
                printed = [log.process.stdout.readline() for _ in range(5)]
                first.process.send_signal(number)
                first.process.wait()
                with running([*command, first.grpc], tmp_path / "again") as second:
                    second.read_ready()
                    code, rest = log.end()
                    assert (code, log.said()) == (Exit.OK, "")
                    second.process.terminate()
                    second.end()
        assert [*printed, *rest.splitlines(keepends=True)] == [b"%d\n" % each for each in range(LINES)]
    finally:
        warm.run("stop", "--all", "--data", str(data))


@pytest.fixture
def cut_off() -> Iterator[str]:
    """The address of a server whose every answer is cut off."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield "http://{}:{}/log".format(*listener.getsockname())
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize("is_followed", [False, True])
def test_a_log_that_is_cut_off_for_too_long_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, cut_off: str, *, is_followed: bool
) -> None:
    asked: list[tuple[str, int]] = []

    def find(pod: str, run: int) -> LogFile:
        asked.append((pod, run))
        return LogFile(url=cut_off, authorization="", pod="pod/found-0", run=3, is_over=False)

    monkeypatch.setattr(logs, "PATIENCE_S", 0.2)
    with pytest.raises(Failed, match="the answer was cut off") as caught:
        print_log(find, "name-0", 0, is_followed=is_followed)
    assert caught.value.code is Exit.UNAVAILABLE
    assert len(str(caught.value).splitlines()) == 1
    assert asked[0] == ("name-0", 0)
    assert set(asked[1:]) == ({("pod/found-0", 3)} if is_followed else set())


def test_a_log_ends_with_its_pod(cut_off: str) -> None:
    found = LogFile(url=cut_off, authorization="", pod="pod/found-0", run=3, is_over=False)
    answers = iter([found])

    def find(_: str, __: int) -> LogFile:
        for answer in answers:
            return answer
        raise Failed(Exit.NOT_FOUND, "there is no such pod")

    assert print_log(find, "name-0", 0, is_followed=True) is Exit.OK
    with pytest.raises(Failed, match="there is no such pod"):
        print_log(find, "name-0", 0, is_followed=True)
