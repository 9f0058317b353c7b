"""Runs a server as a program of its own, and talks to it as its owner would."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import warm

PROGRAM = str(Path(sys.executable).with_name("polyplane"))
FREE = ("127.0.0.1:0", "127.0.0.1:0")
WAIT_S = 60.0


@dataclass(slots=True)
class Program:
    """A server that runs."""

    process: subprocess.Popen[bytes] | warm.Program
    errors: Path
    grpc: str = ""
    http: str = ""

    def read_ready(self) -> dict[str, object]:
        """Wait for the line that says where it listens."""
        assert self.process.stdout is not None
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
        assert self.process.stdout is not None
        return code, self.process.stdout.read()

    def said(self) -> str:
        """What was said on stderr so far."""
        return self.errors.read_text()


@contextmanager
def running(
    command: list[str], directory: Path, environment: dict[str, str] | None = None
) -> Iterator[Program]:
    """Run a program, ours warm, and see that it ends."""
    errors = directory / "stderr"
    name, *words = command
    process: subprocess.Popen[bytes] | warm.Program
    with errors.open("wb") as stderr:
        if name == PROGRAM:
            process = warm.Program(*words, stderr=stderr.fileno(), environment=environment)
        else:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, env=os.environ | (environment or {})
            )
    try:
        yield Program(process, errors)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(WAIT_S)
        assert process.stdout is not None
        process.stdout.close()


def fake(wish: str, data: Path, *more: str) -> list[str]:
    """The command that runs a server over a fake plane."""
    grpc, http = FREE
    flags = [f"data={data}", f"listen={grpc}", f"http={http}", *more]
    return [sys.executable, "-m", "tests.protocol.server.fake", wish, *flags]


def polyplane(*arguments: str) -> list[str]:
    """A command of the installed program."""
    return [PROGRAM, *arguments]
