"""Starting what is measured: our server and the bare echo, each on the same single core.

1. While a server runs, whoever measures is on the other cores, so that what is compared is the servers.
2. Everything is in temporary directories and ends with the context.
3. A server that does not start is an error that tells what it said.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CORE = min(os.sched_getaffinity(0))
CLIENT_CORES = sorted(os.sched_getaffinity(0) - {CORE}) or [CORE]
NO_ROOM = '[[hosts]]\nname = "none"\ncpu = 0\nmemory_mb = 0\nengine = "simulated"\n'
ROOMY = '[[hosts]]\nname = "roomy"\ncpu = 1e9\nmemory_mb = 1e12\nengine = "simulated"\n'

END_S = 60
"""How long a program may take to end."""


@dataclass(frozen=True, slots=True)
class Server:
    """Our server, running."""

    address: str
    """Where it answers gRPC."""
    data: Path
    process: subprocess.Popen[str]

    @property
    def journal(self) -> Path:
        """The file of its journal."""
        return self.data / "journal.sqlite"

    def cpu_s(self) -> float:
        """Return seconds for which its threads have been on a core, to the nanosecond."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(END_S)


@contextmanager
def serving(config: str, data: Path | None = None) -> Iterator[Server]:
    """Run our server with a configuration from its ready line on; `data` is where its data stays."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "polyplane.toml"
        file.write_text(config)
        kept = Path(folder) / "data" if data is None else data
        command: list[str | Path] = [Path(sys.executable).with_name("polyplane"), "serve", "--data", kept]
        command += ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--config", file]
        with _running(command) as (process, line):
            yield Server(json.loads(line)["grpc"], kept, process)


@dataclass(frozen=True, slots=True)
class Watching:
    """Watchers in a process of their own (bench/watchers.py)."""

    process: subprocess.Popen[str]

    def end(self, wish: str) -> str:
        """Tell them where to end; return what they print."""
        printed, _ = self.process.communicate(wish + "\n", timeout=END_S)
        if self.process.returncode:
            raise RuntimeError("the watchers broke")
        return printed


@contextmanager
def polyplane(config: str) -> Iterator[str]:
    """Run our server with a configuration; yields its gRPC address."""
    with serving(config) as server:
        yield server.address


@contextmanager
def echo(reply: bytes) -> Iterator[str]:
    """Run the bare echo that answers everything by these bytes; yields its address."""
    with _running([sys.executable, "-m", "bench.echo", reply.hex()]) as (_, line):
        yield f"127.0.0.1:{line.strip()}"


@contextmanager
def watchers(address: str, count: int) -> Iterator[Watching]:
    """Run so many watchers of all pods, beside this process; yields when all have begun."""
    with _running([sys.executable, "-m", "bench.watchers", address, str(count)], CLIENT_CORES) as (
        process,
        _,
    ):
        yield Watching(process)


@contextmanager
def on_cores(cores: Collection[int]) -> Iterator[None]:
    """Move this thread, and threads and processes that it starts, to some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def alone(module: str, *arguments: object) -> str:
    """Run a module as a program on the servers' core; return what it prints."""
    command = _pinned([sys.executable, "-m", module, *map(str, arguments)], [CORE])
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own
    return done.stdout


@contextmanager
def _running(
    command: Sequence[str | Path], cores: Collection[int] = (CORE,)
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a program; yields it with the first line that it prints."""
    with tempfile.TemporaryFile("w+") as log, on_cores(CLIENT_CORES):
        process = subprocess.Popen(  # noqa: S603 - our own servers
            _pinned(command, cores), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            line = _line(process)
            if not line:
                raise RuntimeError(f"{' '.join(map(str, command))} did not start:\n{_all_of(log)}")
            yield process, line
            if process.poll() not in (None, 0, -signal.SIGKILL):
                raise RuntimeError(f"{command[0]} ended while it was measured:\n{_all_of(log)}")
        finally:
            _end(process)


def _pinned(command: Sequence[str | Path], cores: Collection[int]) -> list[str]:
    return [shutil.which("taskset") or "taskset", "-c", ",".join(map(str, cores)), *map(str, command)]


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise RuntimeError("the program has no output")
    return process.stdout.readline()


def _all_of(log: IO[str]) -> str:
    log.seek(0)
    return log.read()


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    finally:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
