"""A plane that only pretends, and a program that serves it, which starts warm (tests/warm.py).

1. It keeps nothing and decides nothing; what tests look at are its switches and its notes.
2. `POLYPLANE_TEST_…` is no setting: what a test wants of the program stands in its first argument.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from events.pod import PodPhase
from protocol.cli.serve import serve
from protocol.gateway import Gateway
from protocol.server import Served
from protocol.settings import Settings
from protocol.task_gateway import TaskGateway
from protocol.work import Work


class Unusable(Exception):  # noqa: N818 - as the plane calls it
    """The plane cannot work with what it found."""


@dataclass(slots=True)
class FakePod:
    """A pod as far as files go."""

    run: int = 1
    phase: PodPhase = PodPhase.RUNNING


@dataclass(slots=True)
class FakeGateway:
    """Knows pods."""

    pods: dict[str, FakePod] = field(default_factory=dict)

    async def pod(self, id: str) -> FakePod | None:  # noqa: A002 - as the gateway calls it
        return self.pods.get(id)


@dataclass(slots=True)
class FakeData:
    """A data directory."""

    path: Path

    @property
    def pods(self) -> Path:
        return self.path / "pods"


class FakePlane:
    """Notes what is done to it."""

    def __init__(self, path: Path) -> None:
        self.fake_gateway = FakeGateway()
        self.data = FakeData(path)
        self.fenced = asyncio.Event()
        self.notes: list[str] = []
        self.reloads: list[Callable[[], None]] = []
        self.is_serving = False
        self.revision = 7
        self.start_error: Exception | None = None
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.may_drain = asyncio.Event()
        self.may_drain.set()
        self.is_draining = asyncio.Event()
        self.signal_at_close: signal.Signals | None = None

    @property
    def gateway(self) -> Gateway:
        return cast("Gateway", self.fake_gateway)

    @property
    def task_gateway(self) -> TaskGateway:
        raise NotImplementedError

    @property
    def work(self) -> Work:
        raise NotImplementedError

    def metrics(self) -> Mapping[str, float]:
        return {"revision": 7.0, "commits_total": 3.0}

    async def start(self) -> None:
        self.notes.append("start")
        await self.may_start.wait()
        if self.start_error is not None:
            raise self.start_error
        self.is_serving = True

    async def drain(self) -> None:
        self.notes.append("drain")
        self.is_draining.set()
        if not self.may_drain.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
        await self.may_drain.wait()
        self.is_serving = False

    async def close(self) -> None:
        self.notes.append("close")
        if self.signal_at_close is not None:
            os.kill(os.getpid(), self.signal_at_close)


def main() -> None:
    """Serve as `polyplane serve` would, with a plane that does what the first argument says."""
    wish, *arguments = sys.argv[1:]

    def open_plane(settings: Settings) -> Served:
        if wish == "locked":
            raise Unusable(f"data directory {settings.data} is in use by process 1")
        plane = FakePlane(Path(settings.data))
        match wish:
            case "fence":
                plane.reloads.append(plane.fenced.set)
            case "fence while starting":
                plane.may_start.clear()
                asyncio.get_running_loop().call_later(0, plane.fenced.set)
            case "fence and start":
                plane.fenced.set()
            case "unreadable":
                plane.start_error = Unusable("journal: not a database")
            case "stuck":
                plane.may_drain.clear()
            case "slow":
                plane.may_start.clear()
                os.kill(os.getpid(), signal.SIGTERM)
            case "hang up":
                plane.signal_at_close = signal.SIGHUP
            case _:
                pass
        return plane

    sys.exit(serve(flags(arguments), open_plane, lambda _plane, _settings, _address: {}, Unusable))


def flags(arguments: list[str]) -> dict[str, object]:
    """Read `name=value` pairs."""
    return {name: value for name, _, value in (it.partition("=") for it in arguments)}
