"""The engine that runs pods as processes of this machine.

1. It remembers what was asked for until the agent has said that it knows: after a broken connection it
   says so again, and the agent's claims make that harmless.
2. What an agent reports is handed on as it is; repeats are expected by whoever listens.
3. While it closes it launches nothing: what is wanted then is launched by the next server. That it
   closes is said again as well.
4. Runs of a server that no other one follows are session runs, whatever their specs say: their agent
   ends them, also when the server is killed.
5. Everything here runs on the event loop that started the engine.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from actors.effects.engines.engine import (
    ContainerExited,
    ContainerStarted,
    Listener,
    PodKept,
    RunEnded,
    RunKey,
    RunLaunched,
    RunOrder,
)
from actors.effects.engines.process.client import AgentLink
from actors.effects.engines.process.frames import FrameError, encode
from actors.effects.engines.process.layout import HostFiles
from actors.effects.engines.process.orders import ContainerOrder, PodOrder
from events.pod import ContainerSpec

LINGER_S = 60.0
"""How long agents wait for the next server."""
_CLOSE_S = 8.0
"""How long closing waits for what ends with the server."""

_log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class _Wish:
    """What is wanted of one run, as far as the agent may not know it."""

    order: RunOrder | None = None
    """To be launched; None once the agent has the run."""
    grace_s: int | None = None
    """To be stopped; None when not, or when it ended."""
    is_taken: bool = False
    """The agent has, or had, the run."""


class ProcessEngine:
    """The engine of one host on this machine.

    Args:
        host: Its name.
        data: The data directory.
        listener: Told what its runs do.
        linger_s: How long its agent stays with neither runs nor server.
        wrapper: How containers are started: `auto`, or one that is wanted.
        log_bytes: What one log may take on disk; 0 for any number.
        is_last: True when no server comes after this one that could find its runs.
    """

    def __init__(
        self,
        host: str,
        data: Path,
        listener: Listener,
        *,
        linger_s: float = LINGER_S,
        wrapper: str = "auto",
        log_bytes: int = 0,
        is_last: bool = False,
    ) -> None:
        self._host = host
        self._log_bytes = log_bytes
        self._is_last = is_last
        self._listener = listener
        self._wishes: dict[RunKey, _Wish] = {}
        self._forgotten: dict[RunKey, None] = {}
        self._forgotten_pods: dict[str, None] = {}
        self._closed = asyncio.Event()
        self._closes: bool | None = None
        """Whether all pods end with it; None while it serves."""
        self._link = AgentLink(
            HostFiles(data.absolute(), host),
            server=secrets.token_hex(8),
            linger_s=linger_s,
            wrapper=wrapper,
            on_connected=self._on_connected,
            on_message=self._on_message,
        )

    async def start(self) -> None:
        """Find the host's agent, or start one; it adopts what still runs.

        Raises:
            TimeoutError: when there is none and none can be started.
        """
        self._closes = None
        self._closed.clear()
        await self._link.open()

    async def close(self, *, end_pods: bool) -> None:
        """Stop serving. Session pods end, with `end_pods` all do; the others go on."""
        self._closes = end_pods
        if self._link.is_open:
            self._link.send("close", end_pods)
            try:
                await asyncio.wait_for(self._closed.wait(), _CLOSE_S)
            except TimeoutError:
                _log.warning("engine.closed_late", host=self._host)
        await self._link.close(agent_leaves=end_pods and self._closed.is_set())

    def launch(self, order: RunOrder) -> None:
        """Start the run unless it was launched or stopped before."""
        if self._closes is not None:
            return
        key = RunKey(pod=order.pod, run=order.run)
        words = _pod_order(order, is_last=self._is_last)
        try:
            encode("launch", words)
        except FrameError as error:
            # Never said: on every connection it would be said again, and end that.
            ended = RunEnded(key=key, message=f"its host cannot be told of it: {error}")
            asyncio.get_running_loop().call_soon(self._listener, ended)
            return
        wish = self._wish(key)
        if not wish.is_taken:
            wish.order = order
        self._link.send("launch", words)

    def stop(self, key: RunKey, *, grace_s: int) -> None:
        """End the run, or see that it never starts."""
        self._wish(key).grace_s = grace_s
        self._link.send("stop", key.pod, key.run, grace_s)

    def observe(self, orders: Sequence[RunOrder]) -> None:
        """Repeat what is known of these runs; a run of which nothing is known is reported lost."""
        keys = [RunKey(pod=order.pod, run=order.run) for order in orders]
        for key in keys:
            self._wish(key).is_taken = True
        self._link.send("observe", [(key.pod, key.run) for key in keys])

    def forget(self, key: RunKey) -> None:
        """Stop repeating the run's end."""
        self._wishes.pop(key, None)
        self._forgotten[key] = None
        self._link.send("forget", key.pod, key.run)

    def forget_pod(self, pod: str) -> None:
        """The pod is gone: its sandboxes are removed once none of its runs is left."""
        self._forgotten_pods[pod] = None
        self._link.send("forget_pod", pod)

    def _wish(self, key: RunKey) -> _Wish:
        return self._wishes.setdefault(key, _Wish())

    def _on_connected(self) -> None:
        """Say all that the agent may not know."""
        self._link.send("bound_logs", self._log_bytes)
        taken = []
        for key, wish in self._wishes.items():
            if wish.order is not None and self._closes is None:
                self._link.send("launch", _pod_order(wish.order, is_last=self._is_last))
            elif wish.is_taken:
                taken.append((key.pod, key.run))
        if taken:
            self._link.send("observe", taken)
        for key, wish in self._wishes.items():
            if wish.grace_s is not None:
                self._link.send("stop", key.pod, key.run, wish.grace_s)
        for key in self._forgotten:
            self._link.send("forget", key.pod, key.run)
        for pod in self._forgotten_pods:
            self._link.send("forget_pod", pod)
        if self._closes is not None:
            self._link.send("close", self._closes)

    def _on_message(self, message: Sequence[object]) -> None:
        match message:
            case ["launched", str(pod), int(run)]:
                key = RunKey(pod=pod, run=run)
                self._take(key)
                self._listener(RunLaunched(key=key))
            case ["started", str(pod), int(run), str(name), int(process), int(at)]:
                key = RunKey(pod=pod, run=run)
                self._listener(ContainerStarted(key=key, container=name, process=process, at=at))
            case ["exited", str(pod), int(run), str(name), int(code), str(signal), int(at), str(why)]:
                key = RunKey(pod=pod, run=run)
                self._listener(
                    ContainerExited(
                        key=key, container=name, exit_code=code, signal=signal, at=at, message=why
                    )
                )
            case ["ended", str(pod), int(run), bool(is_lost), str(why)]:
                key = RunKey(pod=pod, run=run)
                self._take(key).grace_s = None
                self._listener(RunEnded(key=key, is_lost=is_lost, message=why))
            case ["kept", str(pod), int(run)]:
                self._listener(PodKept(key=RunKey(pod=pod, run=run), host=self._host))
            case ["forgotten", str(pod), int(run)]:
                self._forgotten.pop(RunKey(pod=pod, run=run), None)
            case ["pod_forgotten", str(pod)]:
                self._forgotten_pods.pop(pod, None)
            case ["closed"]:
                self._link.be_last()
                self._closed.set()
            case _:
                _log.warning("agent.not_understood", host=self._host, message=message[0])

    def _take(self, key: RunKey) -> _Wish:
        # A report that was on its way when the run was forgotten is of no run we track.
        wish = self._wishes.get(key) or _Wish()
        wish.is_taken = True
        wish.order = None
        return wish


def _pod_order(order: RunOrder, *, is_last: bool) -> PodOrder:
    """The order as it goes to the agent."""
    spec = order.spec
    everyone = (*spec.init_containers, *spec.containers)
    return {
        "pod": order.pod,
        "run": order.run,
        "survives": spec.survives_server and not is_last,
        # Init containers run before the others and alone: what they need is there when the others' is.
        "cpu": sum(container.resources.cpu for container in spec.containers),
        "memory_mb": sum(container.resources.memory_mb for container in spec.containers),
        "containers": [
            _container_order(order, container, is_init=index < len(spec.init_containers))
            for index, container in enumerate(everyone)
        ],
    }


def _container_order(order: RunOrder, container: ContainerSpec, *, is_init: bool) -> ContainerOrder:
    numbers = {port.name: port.number for port in order.ports if port.container == container.name}
    variables = [
        (port.variable, str(numbers.get(port.name, port.number))) for port in container.ports if port.variable
    ]
    return {
        "name": container.name,
        "command": container.command,
        "environment": [*order.environment, *order.spec.environment, *container.environment, *variables],
        "files": container.open_files,
        "data": container.data_mb * 2**20,
        "is_init": is_init,
    }
