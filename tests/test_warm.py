"""A program that starts warm does what it does when it starts cold."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests import warm
from tests.conformance.peloton.server import PROGRAM
from tests.protocol.server.program import polyplane, running


@pytest.mark.parametrize("words", [("--help",), ("stop", "job/x", "--all"), ("jobs", "--output", "xml")])
def test_it_prints_and_ends_alike(words: tuple[str, ...]) -> None:
    cold = subprocess.run([PROGRAM, *words], capture_output=True, check=False)
    found = warm.run(*words)
    assert (found.returncode, found.stdout, found.stderr) == (cold.returncode, cold.stdout, cold.stderr)


def test_it_has_our_environment_and_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.toml").write_text("[limits]\nmailbox = 5\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLYPLANE_LIMITS__WATCHERS", "7")
    told = warm.run("config", "--config", "c.toml", environment={"POLYPLANE_LIMITS__MESSAGE_MB": "9"})
    for line in ("mailbox = 5  # file", "watchers = 7  # environment", "message_mb = 9  # environment"):
        assert line in told.stdout.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_is_a_process_of_its_own_that_is_signalled_alone(tmp_path: Path, number: signal.Signals) -> None:
    """A second one, started while the first runs, has nothing of it."""
    simulated = {"POLYPLANE_HOSTS": '[{"name": "s", "cpu": 1, "memory_mb": 1, "engine": "simulated"}]'}
    command = polyplane("serve", "--data", ":memory:", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
    (tmp_path / "other").mkdir()
    with (
        running(command, tmp_path, simulated) as one,
        running(command, tmp_path / "other", simulated) as other,
    ):
        ready = one.read_ready()
        assert ready["pid"] == one.process.pid != other.read_ready()["pid"]
        assert not set(sockets(one.process.pid)) & set(sockets(other.process.pid))
        one.process.send_signal(number)
        assert one.end() == (-number if number == signal.SIGKILL else 0, b"")
        assert other.process.poll() is None


def sockets(process: int) -> list[str]:
    """All sockets that a process has open."""
    opened = Path(f"/proc/{process}/fd")
    links = [os.readlink(opened / name) for name in os.listdir(opened)]  # noqa: PTH115, PTH208
    return [link for link in links if link.startswith("socket:")]
