"""Pods that exist only in time: for planning, load tests and simulation.

1. A pod runs at once, as process 0, and stays so until it is stopped. Labels of its spec change that:
   `simulate.start_s` delays the start, `simulate.run_s` ends it by itself after that long, with
   `simulate.exit_code` (0 when absent). Without `simulate.run_s` it never ends by itself.
2. A label with a bad value is a start that failed, with a message that names the label.
3. The world is the journal: a run that is observed and not known here is taken over as one that
   starts now; with it a restart of the server goes unnoticed. Session pods end instead.
4. Nothing is reported inside a call of the engine; reports come from the clock.
5. A stop needs no grace: the containers end at once by SIGTERM, or by SIGKILL when the grace is 0.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from actors.kernel.clock import Clock, Timer
from events.pod import PodSpec

_AT_ONCE = 100
"""Runs that are taken over at once."""
_PAUSE = 20_000
"""Microseconds between those and the next."""
_FAILED_START = 126
_MICROSECONDS = 1_000_000
_EXIT_CODES = frozenset(str(code) for code in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the labels of a spec ask for."""

    start: int = 0
    """Microseconds until the containers start."""
    run: int | None = None
    """Microseconds they run, None for ever."""
    exit_code: int = 0


class SimulatedEngine:
    """An engine of one host that starts nothing."""

    def __init__(self, host: str, listener: Listener, clock: Clock) -> None:
        self._host = host
        self._listener = listener
        self._clock = clock
        self._runs: dict[RunKey, _Run] = {}
        self._forgotten: dict[str, int] = {}  # highest run that was forgotten, by pod
        self._observed: deque[tuple[_Run, PodSpec]] = deque()
        """Runs that are to be taken over."""
        self._next: Timer | None = None
        """When the next of them are; None when there are none."""
        self._is_closed = False

    async def start(self) -> None:
        """Launch what is ordered."""
        self._is_closed = False

    async def close(self, *, end_pods: bool) -> None:
        """End what ends with the server; the rest is taken over by whoever observes it."""
        self._is_closed = True
        self._observed.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        for run in self._runs.values():
            if end_pods or not run.survives_server:
                run.end("SIGKILL")
            run.close()

    def launch(self, order: RunOrder) -> None:
        """Start the run unless it was launched or stopped before."""
        key = RunKey(pod=order.pod, run=order.run)
        if key.run <= self._forgotten.get(key.pod, 0):
            ended = RunEnded(key=key, is_lost=True, message="the run was forgotten before it was launched")
            self._soon(lambda: self._listener(ended))
        elif (known := self._runs.get(key)) is not None:
            self._soon(known.repeat)
        elif not self._is_closed:
            self._run(key).begin(order.spec)

    def stop(self, key: RunKey, *, grace_s: int) -> None:
        """End the run at once, or see that it never starts."""
        run = self._runs.get(key) or self._run(key)
        self._soon(lambda: run.stop("SIGTERM" if grace_s else "SIGKILL"))

    def observe(self, orders: Sequence[RunOrder]) -> None:
        """Repeat what is known of these runs; unknown ones are taken over."""
        for order in orders:
            key = RunKey(pod=order.pod, run=order.run)
            if key in self._runs or key.run <= self._forgotten.get(key.pod, 0):
                self.launch(order)
            elif order.spec.survives_server:
                self._observed.append((self._run(key), order.spec))
            else:
                self.launch(order)
                self.stop(key, grace_s=0)
        if self._observed and self._next is None:
            self._next = self._clock.call_at(self._clock.now(), self._take_over)

    def _take_over(self) -> None:
        """Let some of the observed runs take their course: they all report."""
        for _ in range(min(_AT_ONCE, len(self._observed))):
            run, spec = self._observed.popleft()
            if not run.is_ended:
                run.begin(spec)
        more = bool(self._observed) and not self._is_closed
        self._next = self._clock.call_at(self._clock.now() + _PAUSE, self._take_over) if more else None

    def forget(self, key: RunKey) -> None:
        """Stop repeating the run's end."""
        run = self._runs.get(key)
        if run is not None and run.is_ended:
            del self._runs[key]
            self._forgotten[key.pod] = max(key.run, self._forgotten.get(key.pod, 0))

    def forget_pod(self, pod: str) -> None:
        """The pod is gone."""
        self._forgotten.pop(pod, None)

    def _run(self, key: RunKey) -> "_Run":
        run = self._runs[key] = _Run(key, self._clock, self._listener)
        return run

    def _soon(self, callback: Callable[[], None]) -> None:
        self._clock.call_at(self._clock.now(), callback)


class _Run:
    """One run: what was reported of it, and the timer of what comes next."""

    __slots__ = (
        "_clock",
        "_key",
        "_listener",
        "_reports",
        "_running",
        "_timer",
        "is_ended",
        "survives_server",
    )

    def __init__(self, key: RunKey, clock: Clock, listener: Listener) -> None:
        self._key = key
        self._clock = clock
        self._listener = listener
        self._reports: list[Report] = []
        self._running: tuple[str, ...] = ()
        self._timer: Timer | None = None
        self.is_ended = False
        self.survives_server = True

    def begin(self, spec: PodSpec) -> None:
        """Have it take its course."""
        self.survives_server = spec.survives_server
        plan = plan_of(spec)
        self._at(0, lambda: self._launch(spec, plan))

    def end(self, signal: str) -> None:
        """End what runs by the signal, and the run; without effect once it ended."""
        if not self.is_ended:
            self.close()
            self._finish(exit_code=0, signal=signal)

    def stop(self, signal: str) -> None:
        """End it, or say again that it ended."""
        if self.is_ended:
            self.repeat()
        else:
            self.end(signal)

    def repeat(self) -> None:
        """Report again all that was reported."""
        for report in tuple(self._reports):
            self._listener(report)

    def close(self) -> None:
        """Let nothing more come by itself."""
        if self._timer is not None:
            self._timer.cancel()

    def _at(self, delay: int, callback: Callable[[], None]) -> None:
        self._timer = self._clock.call_at(self._clock.now() + delay, callback)

    def _launch(self, spec: PodSpec, plan: Plan | str) -> None:
        self._report(RunLaunched(key=self._key))
        match plan:
            case Plan():
                self._at(plan.start, lambda: self._start(spec, plan))
            case str():
                name = (*spec.init_containers, *spec.containers)[0].name
                self._exit(name, _FAILED_START, "", plan)
                self._finish(exit_code=0, signal="")

    def _start(self, spec: PodSpec, plan: Plan) -> None:
        for container in spec.init_containers:
            self._started(container.name)
            self._exit(container.name, 0, "", "")
        self._running = tuple(container.name for container in spec.containers)
        for name in self._running:
            self._started(name)
        if plan.run is not None:
            self._at(plan.run, lambda: self._finish(exit_code=plan.exit_code, signal=""))

    def _finish(self, *, exit_code: int, signal: str) -> None:
        self.is_ended = True
        for name in self._running:
            self._exit(name, exit_code, signal, "")
        self._report(RunEnded(key=self._key))

    def _started(self, name: str) -> None:
        self._report(ContainerStarted(key=self._key, container=name, process=0, at=self._clock.now()))

    def _exit(self, name: str, exit_code: int, signal: str, message: str) -> None:
        at = self._clock.now()
        self._report(
            ContainerExited(
                key=self._key, container=name, exit_code=exit_code, signal=signal, at=at, message=message
            )
        )

    def _report(self, report: Report) -> None:
        self._reports.append(report)
        self._listener(report)


def plan_of(spec: PodSpec) -> Plan | str:
    """Read the labels; a sentence that says what is wrong when a value is bad."""
    start = 0
    run: int | None = None
    exit_code = 0
    for key, text in spec.labels:
        match key:
            case "simulate.start_s" | "simulate.run_s":
                duration = _duration(text)
                if duration is None:
                    return f"label {key}: {text!r} is not a number of seconds, 0 or more"
                if key == "simulate.start_s":
                    start = duration
                else:
                    run = duration
            case "simulate.exit_code":
                if text not in _EXIT_CODES:
                    return f"label {key}: {text!r} is not an exit code, 0 to 255"
                exit_code = int(text)
    return Plan(start=start, run=run, exit_code=exit_code)


def _duration(text: str) -> int | None:
    """Microseconds, None when it is no duration."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return round(seconds * _MICROSECONDS) if math.isfinite(seconds) and seconds >= 0 else None
