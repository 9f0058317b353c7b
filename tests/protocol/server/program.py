"""Runs a server as a program of its own, and talks to it as its owner would."""

import json
import select
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import warm

FREE = ("127.0.0.1:0", "127.0.0.1:0")
WAIT_S = 60.0


@dataclass(slots=True)
class Program:
    """A server that runs."""

    process: warm.Program
    errors: Path
    grpc: str = ""
    http: str = ""

    def read_ready(self) -> dict[str, object]:
        """Wait for the line that says where it listens."""
        readable, _, _ = select.select([self.process.stdout], [], [], WAIT_S)
        assert readable, f"nothing on stdout; stderr: {self.said()}"
        line = self.process.stdout.readline()
        assert line, f"it ended; stderr: {self.said()}"
        ready: dict[str, object] = json.loads(line)
        self.grpc, self.http = str(ready["grpc"]), str(ready["http"])
        return ready

    def end(self) -> tuple[int, bytes]:
        """Wait for its end: the exit code, and what else was on stdout."""
        code = self.process.wait(WAIT_S)
        return code, self.process.stdout.read()

    def said(self) -> str:
        """What was said on stderr so far."""
        return self.errors.read_text()


@contextmanager
def running(
    command: list[str], directory: Path, environment: dict[str, str] | None = None
) -> Iterator[Program]:
    """Run the program of a module, and see that it ends."""
    errors = directory / "stderr"
    module, *words = command
    with errors.open("wb") as stderr:
        process = warm.Program(*words, module=module, stderr=stderr.fileno(), environment=environment)
    try:
        yield Program(process, errors)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(WAIT_S)
        process.stdout.close()


def fake(wish: str, data: Path, *more: str) -> list[str]:
    """The command that runs a server over a fake plane."""
    grpc, http = FREE
    flags = [f"data={data}", f"listen={grpc}", f"http={http}", *more]
    return ["tests.protocol.server.fake", wish, *flags]


def polyplane(*arguments: str) -> list[str]:
    """A command of the program."""
    return [warm.POLYPLANE, *arguments]
