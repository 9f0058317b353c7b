"""`polyplane stop --all`: ends everything of one data directory, whether its server runs or not.

1. The server goes first, as SIGTERM has it go; then the directory is held, so that no other begins.
2. What was wanted stays wanted: the next server of the directory starts the services anew.
3. It works without a word of the server's: what runs is found by what is on disk.
"""

import asyncio
import logging
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import close
from pathlib import Path

import structlog

from actors.effects.engines.process.ending import Ended, end_everything
from events.journal import DataDirectory, Locked, UnusableDirectory
from events.journal.directory import MEMORY, open_holder
from protocol.cli.connection import Failed
from protocol.cli.exits import Exit
from protocol.cli.output import Output
from protocol.cli.printing import print_json, print_line
from protocol.cli.serve import complain
from protocol.configuration import Misconfigured, load

DRAIN_S = 15.0
"""How long a server may take to end, which is told to end within ten seconds, before it is killed."""
LOCKED_S = 30.0
"""How long it is tried to hold the directory."""
PAUSE_S = 0.05


def stop_all(flags: Mapping[str, object], output: Output, *, drain_s: float = DRAIN_S) -> int:
    """End the server of the data directory, its pods and their agents; answer the exit code."""
    try:
        data = load(flags).settings.data
    except Misconfigured as error:
        return complain("configuration: ", str(error))
    if str(data) == MEMORY:
        raise Failed(Exit.USAGE, "a server that keeps nothing takes its pods along: end its process")
    directory = Path(data).absolute()
    try:
        (directory / "lock").stat()  # before anything is made where nothing was
    except PermissionError:
        raise Failed(Exit.FAILED, f"{directory}: belongs to somebody else") from None
    except OSError:
        raise Failed(Exit.NOT_FOUND, f"{directory}: is no data directory") from None
    servers: list[int] = []
    with warnings_alone(), hold(directory, servers, drain_s):
        ended = asyncio.run(end_everything(directory))
    tell(servers, ended, output)
    return Exit.FAILED if ended.left or ended.hosts else Exit.OK


@contextmanager
def warnings_alone() -> Iterator[None]:
    """Log to stderr, and nothing less than warnings: what has ended is told at the end."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def hold(directory: Path, ended: list[int], drain_s: float) -> DataDirectory:
    """Hold the directory, having ended whoever held it."""
    due = time.monotonic() + LOCKED_S
    while True:
        try:
            return DataDirectory.open(directory)
        except UnusableDirectory as error:
            raise Failed(Exit.FAILED, str(error)) from None
        except Locked as error:
            if time.monotonic() > due:
                raise Failed(Exit.UNAVAILABLE, str(error)) from None
        end_holder(directory, ended, drain_s)


def end_holder(directory: Path, ended: list[int], drain_s: float) -> None:
    """End the process that holds the directory, if it can be told which that is."""
    try:
        process = open_holder(directory)
    except PermissionError:
        raise Failed(Exit.FAILED, f"{directory}: is held by a process of somebody else") from None
    if process is None:
        time.sleep(PAUSE_S)  # it has just begun, or has just ended
        return
    try:
        signal.pidfd_send_signal(process.descriptor, signal.SIGTERM)
        if not is_over(process.descriptor, drain_s):
            signal.pidfd_send_signal(process.descriptor, signal.SIGKILL)
            is_over(process.descriptor, DRAIN_S)
        ended.append(process.id)
    except ProcessLookupError:
        return  # it was about to end by itself
    finally:
        close(process.descriptor)


def is_over(descriptor: int, timeout_s: float) -> bool:
    """Wait for the end of a process."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def tell(servers: list[int], ended: Ended, output: Output) -> None:
    """Say what has ended, and what has not."""
    runs, left = ([f"pod/{pod}-{run}" for pod, run in part] for part in (ended.runs, ended.left))
    if output is Output.JSON:
        print_json({"servers": servers, "runs": runs, "left": left, "agents_left": list(ended.hosts)})
    else:
        for name in (*(f"process {server}" for server in servers), *runs):
            print_line(name)
    for name in left:
        sys.stderr.write(f"polyplane: {name} has not ended\n")
    for host in ended.hosts:
        sys.stderr.write(f"polyplane: the agent of host {host!r} has not ended\n")
