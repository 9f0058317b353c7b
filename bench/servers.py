"""Starting what is measured: our server and the bare echo, each on the same single core.

1. The client runs on the other cores, so that what is compared is the servers.
2. Everything is in temporary directories and ends with the context.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CORE = min(os.sched_getaffinity(0))
CLIENT_CORES = sorted(os.sched_getaffinity(0) - {CORE}) or [CORE]
NO_ROOM = '[[hosts]]\nname = "none"\ncpu = 0\nmemory_mb = 0\nengine = "simulated"\n'
ROOMY = '[[hosts]]\nname = "roomy"\ncpu = 1e9\nmemory_mb = 1e12\nengine = "simulated"\n'


def keep_client_off() -> None:
    """Move this process to the cores that servers do not use."""
    os.sched_setaffinity(0, CLIENT_CORES)


@contextmanager
def polyplane(config: str) -> Iterator[str]:
    """Run our server with a configuration; yields its gRPC address."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "polyplane.toml"
        file.write_text(config)
        command = [Path(sys.executable).with_name("polyplane"), "serve", "--data", f"{folder}/data"]
        command += ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--config", file]
        with _running(command) as process:
            yield json.loads(_line(process))["grpc"]


@contextmanager
def echo(size: int) -> Iterator[str]:
    """Run the bare echo with replies of a size; yields its address."""
    with _running([sys.executable, "-m", "bench.echo", str(size)]) as process:
        yield f"127.0.0.1:{_line(process).strip()}"


@contextmanager
def _running(command: Sequence[str | Path]) -> Iterator[subprocess.Popen[str]]:
    pinned = [shutil.which("taskset") or "taskset", "-c", str(CORE), *map(str, command)]
    process = subprocess.Popen(  # noqa: S603 - our own servers
        pinned, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise RuntimeError("the server has no output")
    return process.stdout.readline()
