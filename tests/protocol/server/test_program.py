"""How the server begins and ends, as its owner sees it: lines, signals, exit codes."""

import json
import signal
import socket
from pathlib import Path

import pytest

from tests.protocol.server.program import fake, polyplane, running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_line_on_stdout_and_a_clean_end(tmp_path: Path, number: signal.Signals) -> None:
    with running(fake("ok", tmp_path), tmp_path) as program:
        ready = program.read_ready()
        assert list(ready) == ["event", "grpc", "http", "revision", "pid"]
        assert (ready["event"], ready["revision"], ready["pid"]) == ("ready", 7, program.process.pid)
        program.process.send_signal(number)
        assert program.end() == (0, b"")
        for line in program.said().splitlines():
            json.loads(line)


@pytest.mark.parametrize(
    ("wish", "code", "said"),
    [
        ("locked", 2, "polyplane: data directory {data} is in use by process 1\n"),
        ("unreadable", 2, "polyplane: journal: not a database\n"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(tmp_path: Path, wish: str, code: int, said: str) -> None:
    with running(fake(wish, tmp_path), tmp_path) as program:
        assert program.end() == (code, b"")
        assert program.said() == said.format(data=tmp_path)


@pytest.mark.parametrize("key", ["listen", "http"])
def test_an_address_in_use_is_said_in_one_line(tmp_path: Path, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = serve(tmp_path / "data", **{key: address})
        with running(command, tmp_path) as program:
            assert program.end() == (2, b"")
            (line,) = program.said().splitlines()
            assert address in line
            assert "in use" in line


def test_a_fenced_journal_ends_the_server(tmp_path: Path) -> None:
    with running(fake("fence", tmp_path), tmp_path) as program:
        program.read_ready()
        program.process.send_signal(signal.SIGHUP)
        assert program.end() == (1, b"")


@pytest.mark.parametrize("wish", ["fence while starting", "fence and start"])
def test_a_journal_that_is_fenced_while_starting_ends_the_server(tmp_path: Path, wish: str) -> None:
    with running(fake(wish, tmp_path), tmp_path) as program:
        assert program.end() == (1, b"")


def test_a_signal_while_starting_ends_it_without_a_ready_line(tmp_path: Path) -> None:
    with running(fake("slow", tmp_path), tmp_path) as program:
        assert program.end() == (0, b"")


def test_a_second_signal_cuts_the_drain_short(tmp_path: Path) -> None:
    with running(fake("stuck", tmp_path), tmp_path) as program:
        program.read_ready()
        program.process.terminate()  # the fake sends itself the second one while it drains
        assert program.end() == (0, b"")
        assert "drain_cut_short" not in program.said()


def test_a_hang_up_at_the_very_end_does_no_harm(tmp_path: Path) -> None:
    with running(fake("hang up", tmp_path), tmp_path) as program:
        program.read_ready()
        program.process.terminate()
        assert program.end() == (0, b"")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--bogus"], "polyplane: serve: no such option: --bogus"),
        (["--listen", "x"], "polyplane: configuration: listen: must be HOST:PORT (got x)"),
        (
            ["--http", "0.0.0.0:0"],
            (
                "polyplane: configuration: http: must be loopback unless TLS and tokens, or --insecure, "
                "are given (got 0.0.0.0:0)"
            ),
        ),
        (
            ["--config", "/no"],
            "polyplane: configuration: /no: cannot be read: No such file or directory",
        ),
    ],
)
def test_bad_flags_and_configuration_are_said_in_one_line(
    tmp_path: Path, flags: list[str], said: str
) -> None:
    with running(polyplane("serve", "--data", str(tmp_path / "d"), *flags), tmp_path) as program:
        assert program.end() == (2, b"")
        assert program.said().splitlines() == [said]
        assert not (tmp_path / "d").exists()


def test_a_data_directory_has_one_server(tmp_path: Path) -> None:
    command = serve(tmp_path / "data")
    with running(command, tmp_path, SIMULATED) as first:
        first.read_ready()
        (tmp_path / "second").mkdir()
        with running(command, tmp_path / "second", SIMULATED) as second:
            assert second.end() == (2, b"")
            (line,) = second.said().splitlines()
            assert f"process {first.process.pid}" in line
        first.process.terminate()
        assert first.end() == (0, b"")


def test_a_journal_that_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "journal.sqlite").write_bytes(b"this is no database, " * 1000)
    with running(serve(data), tmp_path) as program:
        assert program.end() == (2, b"")
        (line,) = program.said().splitlines()
        assert line.startswith("polyplane: ")


SIMULATED = {"POLYPLANE_HOSTS": '[{"name": "s", "cpu": 1, "memory_mb": 1, "engine": "simulated"}]'}
"""No agent is started."""


def serve(data: Path, *, listen: str = "127.0.0.1:0", http: str = "127.0.0.1:0") -> list[str]:
    """The command that runs a real server."""
    return polyplane("serve", "--data", str(data), "--listen", listen, "--http", http)
