"""Nothing is left of calls: no process, no file, no descriptor, and no entry of any table of the server's.

The server runs in this process, so that all its tables can be counted (census.py); its functions are
processes.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from actors.effects.slots.house import SPECIMENS
from actors.effects.slots.place import PREFIX
from protocol.auth import Authenticator
from protocol.configuration import load
from protocol.facades import make_facades
from protocol.fn.wants import KEYS
from protocol.plane import Plane
from protocol.server import Server, build
from tests.conformance.fn.census import census
from tests.conformance.fn.conftest import functions
from tests.conformance.fn.storm import storm
from tests.conformance.peloton.server import hosts

HOST = hosts('name = "here"\ncpu = 8\nmemory_mb = 400\nengine = "process"\n')
KEPT = frozenset(
    {
        *("HotViews._views", "HotViews._over", "HotViews._gone", "WorkerView", "TaskView", "PodView"),
        *("Directory._actors", "Directory._idle", "Directory._finished", "EntityActor", "EntityActor.seen"),
        *("Mailbox", "WorkerState", "PodState", "TaskState", "PodContainerExited", "EndReason"),
        *("Resources", "PodSpec", "ContainerSpec", "WorkerSpec"),
        *("Committer._versions", "Shared._packed"),
        *("Timers._armed", "_LoopTimer", "DeleteTask"),
    }
)
"""What is kept of what is over, each up to a bound of its own: views, actors with their states, what the
writer and the codec remember; tasks for a minute, and that they are gone until the next change."""
REMEMBERED = {"House._specimens": SPECIMENS, "CallModel": KEYS}
"""How much is remembered of calls that are over, so that the next one of its kind costs less."""
SLACK = 40
"""How much a table may be longer: what was under way or warm at the one moment, and not at the other."""
UNDER_WAY = ("appends_waiting", "sends_waiting", "pods_without_host", "lists_lag_revisions")
"""Metrics that are 0 at rest."""
PAUSE_S = 0.05
PATIENCE_S = 90.0


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this server's sockets are, and nobody else's."""
    path = Path(tempfile.mkdtemp(prefix="leaks-", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path))
    yield path
    shutil.rmtree(path)


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[Server]:
    configuration = directory / "polyplane.toml"
    configuration.write_text(HOST + functions())
    flags = {"data": str(directory / "data"), "config": configuration}
    settings = load(flags | {"listen": "127.0.0.1:0", "http": "127.0.0.1:0"}).settings
    async with AsyncExitStack() as down:
        plane = Plane.open(settings)
        down.push_async_callback(plane.close)
        server = await build(settings, plane, make_facades, Authenticator(None), down)
        await plane.start()
        await server.start()
        yield server
        await server.stop(asyncio.Event())


def function_processes(runtime: Path) -> list[int]:
    """Processes that were started as functions, or by some."""
    marked = f"FN_LISTENER=unix:{runtime}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marked in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def places(runtime: Path) -> list[Path]:
    return list(runtime.glob(f"{PREFIX}*"))


def outside(runtime: Path) -> dict[str, int]:
    """What is there beside tables."""
    return {
        "processes": len(function_processes(runtime)),
        "directories": len(list(runtime.glob(f"{PREFIX}*/*"))),
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - the count
    }


async def at_rest(server: Server, runtime: Path) -> dict[str, int]:
    """Wait until only what is kept warm is there: one slot, its process, its directory. Tables know all."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        found = outside(runtime) | {
            name: round(value)
            for name, value in server.plane.metrics().items()
            if name in {"slots", "tasks_queued", *UNDER_WAY}
        }
        is_quiet = not any(found[name] for name in UNDER_WAY)
        if is_quiet and found["slots"] == found["directories"] <= found["processes"] <= 4:
            return found
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(PAUSE_S)


async def leak(directory: Path, runtime: Path, first: int, then: int, *, is_patient: bool = False) -> None:
    """Count after some calls, and again after many more; with patience only what is not forgotten in time."""
    async with serving(directory) as server:
        await asyncio.to_thread(storm, server.grpc_address, first, 1)
        before, tables = await at_rest(server, runtime), census()
        await asyncio.to_thread(storm, server.grpc_address, then, 2)
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while is_patient and server.plane.metrics()["timers"]:
            assert asyncio.get_running_loop().time() < deadline, server.plane.metrics()
            await asyncio.sleep(PAUSE_S)
        after, grown = await at_rest(server, runtime), census()
        assert after["descriptors"] <= before["descriptors"] + 12, (before, after)
        longer = {
            name: (tables.get(name, 0), count)
            for name, count in grown.items()
            if count > max(tables.get(name, 0), REMEMBERED.get(name, 0)) + SLACK and name not in KEPT
        }
        assert not longer, "\n".join(f"{name}: {counts}" for name, counts in longer.items())
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while left := [*function_processes(runtime), *places(runtime)]:
        assert asyncio.get_running_loop().time() < deadline, left
        await asyncio.sleep(PAUSE_S)


def test_nothing_is_left_of_hundreds_of_calls(tmp_path: Path, runtime: Path) -> None:
    asyncio.run(leak(tmp_path, runtime, 200, 400))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_nothing_is_left_of_ten_thousand_calls(tmp_path: Path, runtime: Path) -> None:
    asyncio.run(leak(tmp_path, runtime, 1_000, 10_000, is_patient=True))
