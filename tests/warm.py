"""Programs, started warm: forked from a process that has imported them, once for all tests of a worker.

1. From its entry on it goes its usual way: `main()` with its words, and a process, descriptors, a directory
   and an environment of its own. Only the imports are done.
2. The process that forks does nothing but import and fork: no thread, loop or channel ever is in it.
3. Tests of the installed program itself start it cold (packaging, examples), as does whoever changes what
   is loaded into a process.
"""

import atexit
import gc
import importlib
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from io import FileIO
from pathlib import Path

ROOT = str(Path(__file__).parents[1])
WAIT_S = 60.0
POLYPLANE = "protocol.cli.main"
_IMPORTED = (POLYPLANE, "protocol.cli.serve", "protocol.facades", "protocol.plane")
_BEGIN = "import sys; sys.path[0] = sys.argv[1]; from tests.warm import breed; breed(int(sys.argv[2]))"
_ORDER = 1 << 20
_DESCRIPTORS = 3


class Program:
    """A running `polyplane`, with what tests use of `subprocess.Popen`.

    Args:
        words: What follows its name.
        module: Whose `main()` is the program.
        stdin: A descriptor; there is nothing to read when it is not given.
        stdout: A descriptor; read as `stdout` when it is not given.
        stderr: A descriptor.
        environment: Added to ours.
    """

    def __init__(
        self,
        *words: str,
        module: str = POLYPLANE,
        stderr: int,
        stdin: int | None = None,
        stdout: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        reading, writing = os.pipe()
        self.stdout = FileIO(reading)
        self.returncode: int | None = None
        self._line, line = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = json.dumps([module, words, os.environ | (environment or {}), str(Path.cwd())]).encode()
        nothing = os.open(os.devnull, os.O_RDONLY)
        given = (nothing if stdin is None else stdin, writing if stdout is None else stdout, stderr)
        try:
            socket.send_fds(_nest(), [order], [*given, line.fileno()])
        finally:
            os.close(nothing)
            os.close(writing)
            line.close()
        self._line.settimeout(WAIT_S)
        self.pid = int(self._line.recv(32))

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._code(0)

    def wait(self, timeout: float = WAIT_S) -> int:
        """Its exit code, once it has ended. Raises TimeoutExpired."""
        if (code := self._code(timeout)) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return code

    def communicate(self, timeout: float = WAIT_S) -> tuple[bytes, None]:
        """Its end: what else it printed. Raises TimeoutExpired."""
        end = time.monotonic() + timeout
        printed = b""
        with self.stdout, selectors.DefaultSelector() as selector:
            selector.register(self.stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, end - time.monotonic())):
                if not (chunk := self.stdout.read(1 << 16)):
                    self.wait(max(0.0, end - time.monotonic()))
                    return printed, None
                printed += chunk
        raise subprocess.TimeoutExpired(str(self.pid), timeout)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Tell it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _code(self, timeout: float) -> int | None:
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self.returncode = int(self._line.recv(32))
            except (BlockingIOError, TimeoutError):
                return None
            self._line.close()
        return self.returncode


def run(
    *words: str, body: bytes = b"", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end over a body as its stdin."""
    stdin, stdout, stderr = files = [os.fdopen(os.memfd_create("end"), "r+b") for _ in range(3)]
    try:
        stdin.write(body)
        stdin.seek(0)
        program = Program(
            *words,
            stdin=stdin.fileno(),
            stdout=stdout.fileno(),
            stderr=stderr.fileno(),
            environment=environment,
        )
        with program.stdout:
            code = program.wait()
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(words, code, stdout.read(), stderr.read())
    finally:
        for file in files:
            file.close()


# ---------------------------------------------------------------- the process that forks


@cache
def _nest() -> socket.socket:
    """Where programs are ordered; what is behind it ends when nobody can order any more."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        words = [sys.executable, "-c", _BEGIN, ROOT, str(theirs.fileno())]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def breed(descriptor: int) -> None:
    """Fork whatever is ordered, and tell how it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # as `main` does before its imports
    for name in _IMPORTED:
        importlib.import_module(name)
    assert len(os.listdir("/proc/self/task")) == 1, "what has threads must not be forked"  # noqa: PTH208
    gc.collect()
    gc.freeze()
    orders = socket.socket(fileno=descriptor)
    lines: dict[int, tuple[int, socket.socket]] = {}
    """By descriptor of a process: its number, and who is told of its end."""
    poll = select.poll()
    poll.register(orders, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready in lines:
                process, line = lines.pop(ready)
                poll.unregister(ready)
                os.close(ready)
                _, status = os.waitpid(process, 0)
                _tell(line, os.waitstatus_to_exitcode(status))
                line.close()
                continue
            order, given, _, _ = socket.recv_fds(orders, _ORDER, _DESCRIPTORS + 1)
            if not order:
                return
            line = socket.socket(fileno=given.pop())
            if not (process := os.fork()):
                orders.close()
                line.close()
                for other, (_, told) in lines.items():
                    os.close(other)
                    told.close()
                _become(order, given)
            for each in given:
                os.close(each)
            _tell(line, process)
            watched = os.pidfd_open(process)
            lines[watched] = process, line
            poll.register(watched, select.POLLIN)


def _tell(line: socket.socket, number: int) -> None:
    try:
        line.send(str(number).encode())
    except OSError:
        return  # nobody asks any more


def _become(order: bytes, descriptors: list[int]) -> None:
    """Be the program, and end as it does."""
    module, words, environment, directory = json.loads(order)
    for place, given in enumerate(descriptors):
        os.dup2(given, place)
        os.close(given)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.argv = ["polyplane", *words]
    sys.exit(importlib.import_module(module).main())
