"""A real server as a program of its own, which a test may end in any way and start again.

1. Everything is found out from outside: the ready line, gRPC, HTTP, signals, the exit code, stderr.
2. A server that keeps nothing takes its pods along when it ends; over a directory they go on.
3. It starts warm (tests/warm.py), and cold where something is to be loaded into it first.
"""

import http.client
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests import warm

WAIT_S = 60.0
"""Longest time that anything here may take."""
MEMORY = ":memory:"
PROGRAM = str(Path(sys.executable).with_name("polyplane"))
Process = subprocess.Popen[bytes] | warm.Program


class Server:
    """A server over one data directory, or over none."""

    def __init__(self, directory: Path, configuration: str = "", *, keeps: bool = False) -> None:
        self.directory = directory
        self.data = str(directory / "data") if keeps else MEMORY
        self.grpc = self.http = ""
        self.revision = 0
        self._errors = directory / "stderr"
        self._process: Process | None = None
        self.configuration = directory / "polyplane.toml"
        self.configuration.write_text(configuration)

    def start(self, *flags: str) -> None:
        """Start it and wait until it is ready."""
        process = self.launch(*flags)
        line = self._line(process)
        assert line, f"it ended with {process.wait(WAIT_S)}; stderr: {self.said()}"
        ready: Mapping[str, object] = json.loads(line)
        self.grpc, self.http = str(ready["grpc"]), str(ready["http"])
        self.revision = int(str(ready["revision"]))

    def launch(self, *flags: str) -> Process:
        """Start it and wait for nothing."""
        assert self._process is None
        addresses = ("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
        given = ("--data", self.data, "--config", str(self.configuration))
        with self._errors.open("ab") as stderr:
            words = ("serve", *addresses, *given, *flags)
            if "LD_PRELOAD" in os.environ:
                self._process = subprocess.Popen([PROGRAM, *words], stdout=subprocess.PIPE, stderr=stderr)
            else:
                self._process = warm.Program(*words, stderr=stderr.fileno())
        return self._process

    def fail(self, *flags: str) -> tuple[int, bytes, str]:
        """Start it where it cannot: its exit code, its stdout, and what it adds to stderr."""
        before = len(self.said())
        process = self.launch(*flags)
        try:
            stdout, _ = process.communicate(timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._process = None
        return process.wait(WAIT_S), stdout, self.said()[before:]

    def terminate(self) -> tuple[int, bytes]:
        """Tell it to stop: its exit code and what else it had printed."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it between two instructions."""
        self._end(signal.SIGKILL)

    def wait(self) -> int:
        """Wait until it ends by itself: its exit code."""
        assert self._process is not None
        process, self._process = self._process, None
        process.communicate(timeout=WAIT_S)
        return process.wait(WAIT_S)

    def close(self) -> None:
        """Have it ended, in whatever state it is."""
        if self._process is not None:
            self.terminate()

    @property
    def process(self) -> int:
        """The number of its process."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def said(self) -> str:
        """Everything on stderr so far, of all its lives."""
        return self._errors.read_text() if self._errors.exists() else ""

    def memory_mb(self) -> float:
        """What it holds in memory."""
        pages = int(Path(f"/proc/{self.process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def get(self, path: str) -> tuple[int, bytes]:
        """Ask over HTTP: status and body."""
        connection = http.client.HTTPConnection(self.http, timeout=WAIT_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _line(self, process: Process) -> bytes:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], WAIT_S)
        assert readable, f"nothing on stdout; stderr: {self.said()}"
        return process.stdout.readline()

    def _end(self, number: signal.Signals) -> tuple[int, bytes]:
        process = self._process
        assert process is not None
        if process.poll() is None:
            process.send_signal(number)
        stdout, _ = process.communicate(timeout=WAIT_S)
        self._process = None
        return process.wait(WAIT_S), stdout


@contextmanager
def serving(directory: Path, configuration: str = "", *, keeps: bool = False) -> Iterator[Server]:
    """Serve as long as the block lasts; it must end well, and without a traceback in its log."""
    server = Server(directory, configuration, keeps=keeps)
    server.start()
    try:
        yield server
    finally:
        server.close()
    assert "Traceback" not in server.said(), server.said()


def hosts(*tables: str) -> str:
    """A configuration that declares hosts, each by the lines of its table."""
    return "\n".join(f"[[hosts]]\n{table}\n" for table in tables)


def host(name: str, *, cpu: float = 1000, engine: str = "simulated", more: str = "") -> str:
    """The table of one host."""
    return (
        f'name = "{name}"\ncpu = {cpu}\nmemory_mb = 1000000\ndisk_mb = 1000000\nengine = "{engine}"\n{more}'
    )


SIMULATED = hosts(host("sim-1"), host("sim-2"))
PROCESSES = hosts(host("here", engine="process"))
QUICK = "[peloton]\nrestart_backoff_s = 0.05\nrestart_backoff_max_s = 0.2\n"
