"""The agent's end of the talk with a server: its last word is heard."""

import os
import resource
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import pytest

from actors.effects.engines.process import reactor
from actors.effects.engines.process.frames import FrameReader, encode
from actors.effects.engines.process.reactor import Reactor

PATIENCE_S = 60.0
MUCH = encode("forget", "x" * 100_000)
"""More than is read at once."""


class Farewell:
    """A reactor that says farewell as soon as it is told to close, in a thread; and a server."""

    def __init__(self, place: Path, *, words: int = 1) -> None:
        self.heard: list[object] = []
        self._reactor = Reactor()
        self._words = words
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(place))
        listener.listen()
        self._reactor.listen(listener, self._hear, lambda: self.heard.append("gone"))
        self.server = socket.socket(socket.AF_UNIX)
        self.server.settimeout(PATIENCE_S)
        self.server.connect(str(place))
        self._thread = Thread(target=self._reactor.run, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.server.close()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def _hear(self, message: Sequence[object]) -> None:
        self.heard.append(message[0])
        if message[0] == "close":
            for number in range(self._words):
                self._reactor.send("closed", number)
            self._reactor.finish()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactor, "_FAREWELL_S", PATIENCE_S)


def test_a_server_that_goes_on_talking_hears_the_last_word(tmp_path: Path) -> None:
    farewell = Farewell(tmp_path / "s", words=20_000)
    farewell.server.sendall(encode("close"))
    farewell.begin()
    reader, last = FrameReader(), 0
    while received := farewell.server.recv(1 << 16):
        for message in reader.feed(received):
            assert message == ["closed", last]
            last += 1
        farewell.server.sendall(MUCH)
    assert last == 20_000
    farewell.server.sendall(MUCH)
    farewell.end()
    assert (farewell.heard[0], farewell.heard[-1]) == ("close", "gone")
    assert "forget" in farewell.heard


def test_who_has_said_farewell_takes_no_other_server(tmp_path: Path) -> None:
    farewell = Farewell(tmp_path / "s")
    farewell.server.sendall(encode("close"))
    farewell.begin()
    assert farewell.server.recv(1 << 16)
    assert farewell.server.recv(1 << 16) == b""
    with socket.socket(socket.AF_UNIX) as other:
        assert other.connect_ex(str(tmp_path / "s")) != 0
    farewell.end()


def test_a_server_that_does_not_end_its_half_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactor, "_FAREWELL_S", 0.01)
    farewell = Farewell(tmp_path / "s")
    farewell.server.sendall(encode("close"))
    farewell.begin()
    farewell._thread.join(PATIENCE_S)
    assert not farewell._thread.is_alive()
    farewell.end()


def test_what_the_system_refuses_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactor, "_PAUSE_S", 0)
    it, refusals = Reactor(), [OSError("full"), OSError("full"), OSError("gone")]
    done: list[str] = []

    def write() -> None:
        if refusals:
            raise refusals.pop(0)
        done.append("written")
        it.finish()

    it.call_after(0, write)
    it.run()
    assert (done, refusals) == (["written"], [])


def test_where_descriptors_are_few_processes_are_waited_for_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent whose last descriptor is a process's could read no record and tell nobody of any run."""
    monkeypatch.setattr(reactor, "_SPARE", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    monkeypatch.setattr(reactor, "_LOOK_S", 0.01)
    it, gone = Reactor(), list[int]()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the count

        def end() -> None:
            assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - the count
            assert process.stdin is not None
            assert gone == []
            process.stdin.close()

        def on_gone() -> None:
            gone.append(process.pid)
            it.finish()

        it.watch(process.pid, on_gone)
        it.call_after(0.1, end)
        it.run()
        assert gone == [process.pid]
        with pytest.raises(ChildProcessError):
            os.waitpid(process.pid, 0)


def test_what_a_server_asked_is_not_tried_again_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactor, "_PAUSE_S", 0.01)
    it, heard = Reactor(), list[object]()
    first, second = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)

    def hear(message: Sequence[object]) -> None:
        heard.append(message[0])
        if heard == ["one"]:
            second.connect(str(tmp_path / "s"))
            second.sendall(encode("two"))
        if message[0] == "one":
            raise OSError("full")
        second.close()
        it.finish()

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    it.listen(listener, hear, lambda: None)
    with first:
        first.connect(str(tmp_path / "s"))
        first.sendall(encode("one"))
        it.run()
    assert heard[0] == "one"
    assert heard.index("two") == len(heard) - 1
