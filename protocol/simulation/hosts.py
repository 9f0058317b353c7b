"""Hosts that outlive servers, as processes of a machine do, and their engines' way to a server.

1. A host remembers every run that it ever took: taken twice, or beside another live run of its
   pod, is a broken law. So is an order that no committed event justifies.
2. Orders reach a host in order; those of a dead server arrive before the next one connects, or
   never. Reports are in order for one run, late, repeated, and lost when the link breaks: then all
   that is not forgotten is told again.
3. What ends with its server is killed when that closes, and when the next one connects.
4. How long a run takes is read from the labels of its spec, as for the product's simulated engine.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol

from actors.effects.engines.engine import (
    ContainerExited,
    ContainerStarted,
    Listener,
    Report,
    RunEnded,
    RunKey,
    RunLaunched,
    RunOrder,
)
from actors.effects.engines.simulated import plan_of
from events.pod import PodSpec
from protocol.simulation.loop import Life, SimulatedLoop, context_of
from protocol.simulation.pace import Pace
from protocol.simulation.story import LawBroken, Story

REPEATED = 0.1
"""Chance that a report is followed by all of its run's once more."""


class Justifier(Protocol):
    """Knows what is committed."""

    def justify_launch(self, order: RunOrder) -> None:
        """Raise LawBroken unless the order is committed."""

    def justify_stop(self, key: RunKey) -> None:
        """Raise LawBroken unless the stop is committed."""

    def justify_forget(self, key: RunKey) -> None:
        """Raise LawBroken unless the run's end is committed."""


class Processes(Protocol):
    """What runs do beside being there."""

    def begin(self, key: RunKey, spec: PodSpec, finish: Callable[[int], None]) -> None:
        """Start what a run does; it may end the run by an exit code."""

    def end(self, key: RunKey) -> None:
        """End what it does."""


class Run:
    """One run on a host."""

    __slots__ = ("is_ended", "is_started", "key", "order", "reports", "running")

    def __init__(self, key: RunKey) -> None:
        self.key = key
        self.order: RunOrder | None = None
        self.reports: list[Report] = []
        self.running: tuple[str, ...] = ()
        self.is_started = False
        self.is_ended = False


class Host:
    """One host, for the whole simulation."""

    def __init__(self, name: str, machine: "Machine") -> None:
        self.name = name
        self._machine = machine
        self._place = context_of(f"host/{name}", machine.loop.outside)
        self._runs: dict[RunKey, Run] = {}
        self._taken: dict[RunKey, None] = {}
        """Every run that was ever begun, forgotten or not."""
        self._orders: deque[Callable[[], None]] = deque()
        self._link: Link | None = None

    @property
    def live(self) -> Sequence[RunKey]:
        """Runs that have processes, or are about to."""
        return [run.key for run in self._runs.values() if run.order is not None and not run.is_ended]

    # ------------------------------------------------------------ the way to and from a server

    def connect(self, link: "Link") -> None:
        """Be a new server's; what an older one had said arrives before, or never."""
        chance = self._machine.chance
        for _ in range(chance.randrange(len(self._orders) + 1)):
            self._orders.popleft()()
        self._orders.clear()
        self._link = link
        self.end_sessions()

    def disconnect(self, link: "Link") -> None:
        """Be nobody's, unless somebody else has connected."""
        if self._link is link:
            self._link = None

    def end_sessions(self) -> None:
        """Kill what ends with its server."""
        for run in list(self._runs.values()):
            if run.order is not None and not run.order.spec.survives_server:
                self.finish(run, signal="SIGKILL")

    def order(self, order: Callable[[], None]) -> None:
        """Take an order, after a while."""
        self._orders.append(order)
        self._machine.pace.soon(self._obey, self._place)

    def _obey(self) -> None:
        if self._orders:
            self._orders.popleft()()

    def repeat_all(self) -> None:
        """Tell again all that is not forgotten."""
        for run in list(self._runs.values()):
            self._repeat(run)

    def _repeat(self, run: Run) -> None:
        if self._link is not None:
            for report in run.reports:
                self._link.carry(report)

    def _report(self, run: Run, report: Report) -> None:
        run.reports.append(report)
        if self._link is not None:
            self._link.carry(report)
            if not self._machine.pace.is_calm and self._machine.chance.random() < REPEATED:
                self._repeat(run)

    # ------------------------------------------------------------ orders

    def launch(self, order: RunOrder) -> None:
        """Begin the run, unless it was begun or stopped before."""
        key = RunKey(pod=order.pod, run=order.run)
        if (known := self._runs.get(key)) is not None:
            self._repeat(known)
        elif key in self._taken:
            self._lost(key, "the run was forgotten before it was launched")
        else:
            self._begin(order, key)

    def observe(self, order: RunOrder) -> None:
        """Tell what is known of the run."""
        key = RunKey(pod=order.pod, run=order.run)
        if (known := self._runs.get(key)) is not None:
            self._repeat(known)
        else:
            self._lost(key, "nothing is known of the run")

    def stop(self, key: RunKey, grace_s: int) -> None:
        """End the run, or see that it never starts."""
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = Run(key)
            self._taken[key] = None
        if run.is_ended:
            self._repeat(run)
            return
        wait = 0.0 if run.order is None else self._machine.chance.random() * min(grace_s, 3)
        self._after(wait, lambda: self.finish(run, signal="SIGTERM" if grace_s else "SIGKILL"))

    def forget(self, key: RunKey) -> None:
        """Drop the record of a run that ended."""
        run = self._runs.get(key)
        if run is not None and run.is_ended:
            del self._runs[key]

    # ------------------------------------------------------------ runs

    def _begin(self, order: RunOrder, key: RunKey) -> None:
        self._machine.take(self.name, key)
        self._taken[key] = None
        run = self._runs[key] = Run(key)
        run.order = order
        self._machine.story.tell(self.name, f"run {key.run} of {key.pod} begins")
        self._report(run, RunLaunched(key=key))
        plan = plan_of(order.spec)
        if isinstance(plan, str):
            raise LawBroken("labels of the workload are good", plan)
        haste = 0.0 if self._machine.chance.random() < 0.5 else self._machine.chance.random()  # noqa: PLR2004
        ends = None if plan.run is None else plan.run / 1_000_000
        self._after(plan.start / 1_000_000 + haste, lambda: self._start(run, ends, plan.exit_code))

    def _start(self, run: Run, run_s: float | None, exit_code: int) -> None:
        if run.is_ended or run.order is None:
            return
        run.is_started = True
        spec, key, at = run.order.spec, run.key, self._machine.loop.now
        for container in spec.init_containers:
            self._report(run, ContainerStarted(key=key, container=container.name, process=1, at=at))
            self._report(
                run, ContainerExited(key=key, container=container.name, exit_code=0, signal="", at=at)
            )
        run.running = tuple(container.name for container in spec.containers)
        for name in run.running:
            self._report(run, ContainerStarted(key=key, container=name, process=1, at=at))
        self._machine.processes.begin(key, spec, lambda code: self.finish(run, exit_code=code))
        if run_s is not None:
            self._after(run_s, lambda: self.finish(run, exit_code=exit_code))

    def finish(self, run: Run, *, exit_code: int = 0, signal: str = "") -> None:
        """Let a run end; without effect the second time."""
        if run.is_ended:
            return
        run.is_ended = True
        self._machine.processes.end(run.key)
        at = self._machine.loop.now
        for name in run.running:
            code = 0 if signal else exit_code
            self._report(
                run, ContainerExited(key=run.key, container=name, exit_code=code, signal=signal, at=at)
            )
        self._report(run, RunEnded(key=run.key))

    def kill(self, key: RunKey, *, is_lost: bool) -> None:
        """Let a run end by accident: its processes are killed, or vanish without a record."""
        run = self._runs[key]
        self._machine.story.tell(self.name, f"run {key.run} of {key.pod} {'vanishes' if is_lost else 'dies'}")
        if is_lost:
            run.is_ended = True
            self._machine.processes.end(key)
            self._report(run, RunEnded(key=key, is_lost=True, message="vanished"))
        else:
            self.finish(run, signal="SIGKILL")

    def _lost(self, key: RunKey, message: str) -> None:
        if self._link is not None:
            self._link.carry(RunEnded(key=key, is_lost=True, message=message))

    def _after(self, seconds: float, call: Callable[[], None]) -> None:
        self._machine.loop.call_later(seconds, call, context=self._place)


class Machine:
    """All hosts, and what they have in common.

    Args:
        loop: Of everything.
        chance: Decides how long things take.
        story: Told what begins and dies.
        justifier: Knows what is committed.
        processes: What runs do.
    """

    def __init__(
        self,
        loop: SimulatedLoop,
        chance: Random,
        story: Story,
        justifier: Justifier,
        processes: Processes,
    ) -> None:
        self.processes = processes
        self.loop = loop
        self.chance = chance
        self.story = story
        self.justifier = justifier
        self.pace = Pace(loop, chance, at_once=0.6, slowest=1.0, power=4)
        """How long messages take, and all that labels say nothing of."""
        self.watcher_behind = chance.choice((3, 100))
        """For all servers: messages that wait for a watcher before they are joined."""
        self._hosts: dict[str, Host] = {}
        self._begun: dict[RunKey, str] = {}
        """The host of every run that was ever begun."""

    @property
    def hosts(self) -> Mapping[str, Host]:
        """All hosts that there ever were, by name."""
        return self._hosts

    def host(self, name: str) -> Host:
        """Return a host; it is there from the first time it is asked for."""
        if name not in self._hosts:
            self._hosts[name] = Host(name, self)
        return self._hosts[name]

    def take(self, host: str, key: RunKey) -> None:
        """Note that a run begins. Raises LawBroken for one that must not."""
        if key in self._begun:
            raise LawBroken("nothing runs twice", f"{key} began on {self._begun[key]} and on {host}")
        for other in self._hosts.values():
            for live in other.live:
                if live.pod == key.pod:
                    raise LawBroken("one live run of a pod", f"{key} begins while {live} is on {other.name}")
        self._begun[key] = host


class Link:
    """One server's end of the way to one host: what the plane takes for an engine."""

    def __init__(self, host: Host, machine: Machine, listener: Listener, life: Life) -> None:
        self._host = host
        self._machine = machine
        self._listener = listener
        self._place = context_of(f"{life.name}/link-{host.name}", life)
        self._reports: deque[Report] = deque()
        self._is_up = False

    async def start(self) -> None:
        """Connect."""
        self._is_up = True
        self._host.connect(self)

    async def close(self, *, end_pods: bool) -> None:
        """Go away; the host's runs go on."""
        if end_pods:
            raise LawBroken("service pods outlive their server", self._host.name)
        self._is_up = False
        self._host.end_sessions()
        self._host.disconnect(self)

    def launch(self, order: RunOrder) -> None:
        """Start the run."""
        self._machine.justifier.justify_launch(order)
        self._host.order(lambda: self._host.launch(order))

    def stop(self, key: RunKey, *, grace_s: int) -> None:
        """End the run."""
        self._machine.justifier.justify_stop(key)
        self._host.order(lambda: self._host.stop(key, grace_s))

    def observe(self, orders: Sequence[RunOrder]) -> None:
        """Have what is known of these runs told."""
        for order in orders:
            self._host.order(lambda order=order: self._host.observe(order))  # type: ignore[misc]

    def forget(self, key: RunKey) -> None:
        """Have the record dropped."""
        self._machine.justifier.justify_forget(key)
        self._host.order(lambda: self._host.forget(key))

    def forget_pod(self, pod: str) -> None:
        """Do nothing: there are no sandboxes."""

    # ------------------------------------------------------------ for the host

    def carry(self, report: Report) -> None:
        """Bring a report to the server, after a while."""
        if self._is_up:
            self._reports.append(report)
            self._machine.pace.soon(self._tell, self._place)

    def break_off(self) -> None:
        """Lose what is on its way, and be there again: the host repeats itself."""
        self._reports.clear()
        self._host.repeat_all()

    def _tell(self) -> None:
        if self._is_up and self._reports:
            self._listener(self._reports.popleft())
