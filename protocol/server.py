"""Builds the server and runs it from its ready line to its end.

1. This is the one place that builds everything; what a part needs is handed to it.
2. Addresses are bound before the plane starts, so that a server that cannot be reached does nothing.
3. Whatever fails on the way up is taken down again in the opposite order.
4. After the ready line nothing goes to stdout.
5. The first SIGTERM or SIGINT drains, the second one cuts short; SIGHUP reads tokens and certificates again.
6. Order of the end: health says so, watches end, replies finish, connections close, the journal closes.
"""

import asyncio
import gc
import ipaddress
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

import structlog
from google.protobuf.descriptor import ServiceDescriptor
from prometheus_client import CollectorRegistry

from actors.kernel.collector import collector_paused
from protocol.addresses import SocketAddress
from protocol.auth import Authenticator, BadTokens
from protocol.gateway import Gateway
from protocol.health import Health
from protocol.http.app import Routed, build_app
from protocol.http.files import RunFiles
from protocol.http.listener import Listener, bind
from protocol.interceptors.door import Door
from protocol.metrics import Calls, KernelGauges
from protocol.sandbox import SandboxDirectory
from protocol.services import mount_services
from protocol.settings import Settings
from protocol.task_gateway import TaskGateway
from protocol.tasks import first_of, unless
from protocol.wire import BadCertificates, Wire
from protocol.work import Work

DRAIN_S = 1.5
"""Time that watches and waiting readers have to end."""
GRACE_S = 3.5
"""Time that replies have to finish after that."""
CLOSE_S = 4.0
"""Time that the plane has to close; what is lost by cutting it short is only tidiness."""

CLEAN, FENCED = 0, 1
"""Exit codes of a server that ran."""


Facades: TypeAlias = "Callable[[Served, Settings, SocketAddress], Mapping[ServiceDescriptor, object]]"
"""Makes the servicers of all façades; the address is where HTTP listens."""


class Unservable(Exception):  # noqa: N818 - said of the server
    """The server cannot be started; the text is one line."""


class Directory(Protocol):
    """What is needed of the data directory."""

    @property
    def pods(self) -> Path:
        """Directory of the pods' files."""


class Served(Protocol):
    """What the server needs of the plane behind it."""

    fenced: asyncio.Event
    """Set when the journal takes no appends any more."""

    @property
    def gateway(self) -> Gateway:
        """The door for façades."""

    @property
    def task_gateway(self) -> TaskGateway:
        """The door for façades that queue work."""

    @property
    def work(self) -> Work:
        """Tasks, workers and what they run, for façades that call functions."""

    @property
    def reloads(self) -> "list[Callable[[], None]]":
        """What is read again at SIGHUP; each raises ValueError for what cannot be used."""

    @property
    def data(self) -> Directory:
        """Where files stand."""

    @property
    def revision(self) -> int:
        """Revision of the last commit that views have seen."""

    @property
    def is_serving(self) -> bool:
        """False before the start, when fenced, and after the drain."""

    def metrics(self) -> Mapping[str, float]:
        """Gauges by name."""

    async def start(self) -> None:
        """Replay, start engines, declare hosts."""

    async def drain(self) -> None:
        """Take no new work; end watches; let replies finish."""

    async def close(self) -> None:
        """Let go of engines and the journal."""


@dataclass(slots=True)
class Wishes:
    """What signals have asked for."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    on_reload: Callable[[], None] | None = None
    """What reads files again, as long as there is anything that does."""

    def reload(self) -> None:
        """Ask for files to be read again."""
        if self.on_reload is not None:
            self.on_reload()

    def end(self) -> None:
        """Ask for the end, the second time for a quick one."""
        if self.stop.is_set():
            self.hurry.set()
        self.stop.set()


async def run(settings: Settings, open_plane: Callable[[Settings], Served], facades: Facades) -> int:
    """Serve until told to stop, and answer the exit code.

    Raises:
        Unservable: when an address cannot be bound or a file of secrets cannot be used.
    """
    log = structlog.get_logger()
    wishes = Wishes()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, wishes.end)
    loop.add_signal_handler(signal.SIGHUP, wishes.reload)  # never taken away: it would end what is left
    async with AsyncExitStack() as down:
        try:
            authenticator = Authenticator(settings.auth.tokens_file)
        except BadTokens as error:
            raise Unservable(str(error)) from None
        plane = open_plane(settings)
        down.push_async_callback(close_plane, plane)
        server = await build(settings, plane, facades, authenticator, down)
        wishes.on_reload = server.reload
        down.callback(setattr, wishes, "on_reload", None)
        # A journal that is fenced withholds answers, so the start may wait for one that never comes.
        with collector_paused():
            has_started = await unless(wishes.stop, plane.start(), plane.fenced)
            gc.freeze()  # what replay has built stays: collections need not look at it
        gc.enable()
        if plane.fenced.is_set():  # also when it has started all the same: it would be gone when it is called
            return FENCED
        if not has_started:
            return CLEAN
        gc.set_threshold(50_000, 20, 100)
        await server.start()
        announce(server, plane.revision)
        log.info("ready", grpc=server.grpc_address, http=server.http_address, revision=plane.revision)
        await first_of(wishes.stop, plane.fenced)
        code = FENCED if plane.fenced.is_set() else CLEAN
        log.info("draining", why="fenced" if code == FENCED else "signal")
        await server.stop(wishes.hurry)
    log.info("ended", code=code)
    return code


@dataclass(slots=True, kw_only=True)
class Server:
    """Everything that listens. Built by `build`."""

    plane: Served
    health: Health
    wire: Wire
    listener: Listener
    authenticator: Authenticator
    settings: Settings
    draining: asyncio.Event
    http_address: str
    """Where HTTP listens."""

    @property
    def grpc_address(self) -> str:
        """Where gRPC listens."""
        return self.wire.address

    async def start(self) -> None:
        """Take calls."""
        await self.wire.server.start()
        self.listener.start()
        self.health.look()

    async def stop(self, hurry: asyncio.Event) -> None:
        """Take no more calls, and let those that are there finish."""
        log = structlog.get_logger()
        self.draining.set()
        self.health.look()
        try:
            async with asyncio.timeout(DRAIN_S):
                await unless(hurry, self.plane.drain())
        except TimeoutError:
            log.warning("drain_cut_short", after_s=DRAIN_S)
        self.health.close()
        http = asyncio.create_task(self.listener.stop(), name="http-stop")
        if not await unless(hurry, self.wire.server.stop(GRACE_S)):
            await self.wire.server.stop(None)
        await http

    def reload(self) -> None:
        """Read tokens and certificates again; what cannot be used leaves the old ones in force."""
        log = structlog.get_logger()
        auth = self.settings.auth
        try:
            self.authenticator.reload()
            for reload in self.plane.reloads:
                reload()
            if auth.tls_cert is not None and auth.tls_key is not None:
                self.wire.reload()
                self.listener.reload(auth.tls_cert, auth.tls_key)
            log.info("reloaded")
        except (BadTokens, BadCertificates, OSError, ValueError) as error:
            log.error("reload_failed", reason=str(error))  # noqa: TRY400 - a sentence says it all


async def build(
    settings: Settings, plane: Served, facades: Facades, authenticator: Authenticator, down: AsyncExitStack
) -> Server:
    """Bind both addresses and mount everything."""
    registry = CollectorRegistry()
    registry.register(KernelGauges(plane.metrics))
    draining = asyncio.Event()
    try:
        wire = Wire.bind(settings)
    except BadCertificates as error:
        raise Unservable(str(error)) from None
    except OSError as error:
        raise Unservable(f"gRPC on {settings.listen}: {error.strerror or error}") from None
    down.push_async_callback(wire.server.stop, None)

    def is_serving() -> bool:
        return plane.is_serving and not draining.is_set()

    try:
        bound = bind(settings.http)
    except OSError as error:
        raise Unservable(f"HTTP on {settings.http}: {error.strerror or error}") from None
    down.callback(bound.close)
    http_address = SocketAddress(settings.http.host, bound.getsockname()[1])
    door = Door(authenticator, Calls(registry))
    served = facades(plane, settings, http_address)
    health = mount_services(wire.server, served, is_serving, door.before)
    app = build_app(
        is_serving=is_serving,
        revision=lambda: plane.revision,
        registry=registry,
        files=RunFiles(SandboxDirectory(plane.data.pods), plane.gateway, draining),
        authenticator=authenticator,
        is_loopback=ipaddress.ip_address(bound.getsockname()[0]).is_loopback,
        routes=[route for each in served.values() if isinstance(each, Routed) for route in each.routes],
    )
    listener = Listener(app, bound, settings.auth)
    return Server(
        plane=plane,
        health=health,
        wire=wire,
        listener=listener,
        authenticator=authenticator,
        settings=settings,
        draining=draining,
        http_address=str(http_address),
    )


def announce(server: Server, revision: int) -> None:
    """Print the one line that says where we are."""
    line = {
        "event": "ready",
        "grpc": server.grpc_address,
        "http": server.http_address,
        "revision": revision,
        "pid": os.getpid(),
    }
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


async def close_plane(plane: Served) -> None:
    """Close the plane, within bounds."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await plane.close()
    except TimeoutError:
        structlog.get_logger().warning("close_cut_short", after_s=CLOSE_S)
