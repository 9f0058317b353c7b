"""One run as its agent sees it: reads the record, tells what is new, ends it when asked.

1. What is told comes from the record alone, so that an agent which adopts a run tells the same.
2. The wrapper is trusted to end the run. Only when it is gone and the record says no end, the agent
   watches what is left of the run and writes the end in the wrapper's place.
3. The stop marker is written before anybody is signalled, and claims a run that nobody claimed: whoever
   comes later starts nothing.
4. A run that ended changes no more; it is repeated as often as asked.
   What could not be written is written later (reactor.py): whatever writes here may be called again.
5. A server is told of a run from when it asked for it, and then from the beginning: so that the order of
   what it hears is right, also when something happens between its connecting and its asking.
"""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, cast

from actors.effects.engines.process import groups
from actors.effects.engines.process.layout import file_name
from actors.effects.engines.process.record import Order, Record, is_alive, signal_group

RunName = tuple[str, int]
"""Pod and number of the run."""
_SPAWNS = 3
"""How often a wrapper that dies before it claims is started again."""
_SETTLE_S = 0.05
"""How long a dead wrapper's own children may still write what they saw."""
_KILL_AGAIN_S = 1.0
_MICROSECONDS = 1_000_000


class Surroundings(Protocol):
    """What a run needs of its agent."""

    boot: str

    def tell(self, *message: object) -> None:
        """Send a message to the server, if there is one."""

    def call_after(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call later."""

    def watch(self, process: int, callback: Callable[[], None]) -> None:
        """Call once the process is gone; at once when it is."""

    def spawn(self, name: RunName, order: Order) -> int:
        """Start a wrapper; returns its process id.

        Raises:
            OSError: when the machine does not let it start.
        """

    def on_end(self, name: RunName) -> None:
        """Take notice that the run ended."""


class Run:
    """A run that this agent launched or adopted."""

    def __init__(self, name: RunName, directory: Path, order: Order, around: Surroundings) -> None:
        self.name = name
        self.is_ended = False
        self.survives = bool(order["survives"])
        self.server = str(order["server"])
        self.group = str(order["group"])
        self._record = Record(directory / "record")
        self._order = order
        self._around = around
        self._reports: list[tuple[object, ...]] = []
        self._containers = cast("list[str]", order["names"])
        self._is_launched = False
        self._started: set[int] = set()
        self._exited: set[int] = set()
        self._is_stopping = False
        self._is_heard = False
        self._is_ours = False
        """Whether this agent claimed the run, so that nothing of it is ever started."""
        self._spawns = 0

    def logs(self) -> Iterator[Path]:
        """Where its containers' logs are, or will be."""
        directory = self._record.directory.parent / "logs"
        for name in self._containers:
            yield directory / file_name(name) / "stdout"
            yield directory / file_name(name) / "stderr"

    def begin(self) -> None:
        """Start a wrapper, or refuse the containers when that fails."""
        self._spawns += 1
        try:
            process = self._around.spawn(self.name, self._order)
        except OSError as error:
            self.refuse(f"the run could not be started: {error}")
            return
        self._around.watch(process, self._on_wrapper_gone)

    def refuse(self, reason: str) -> None:
        """End the run before anything was started, its first container failed for this reason."""
        self._around.call_after(0, lambda: self._refuse(reason))

    def adopt(self) -> None:
        """Go on where another agent left off."""
        self.refresh()
        if self.is_ended:
            return
        if self._order["boot"] != self._around.boot:
            self._order["boot"] = self._around.boot
            if not self._record.has("claim"):
                self._record.write_order(self._order)
            else:
                self._order["wrapper"] = ""  # nobody of another boot lives
        if (left := self._grace_left()) is not None:
            self.stop(left)
        self._on_wrapper_gone()

    def mute(self) -> None:
        """Tell nothing until asked: there is another server."""
        self._is_heard = False

    def attend(self) -> None:
        """See that the server was told all that is known, and is told an end again."""
        if self.is_ended or not self._is_heard:
            self.repeat()

    def repeat(self) -> None:
        """Tell all that is known, and from now on what is new."""
        self._is_heard = True
        for report in self._reports:
            self._around.tell(*report)

    def refresh(self) -> None:
        """Read the record and tell what is new."""
        if self.is_ended:
            return
        if not self._is_launched and self._record.read("claim/owner") is not None:
            self._tell("launched")
        for index, container in enumerate(self._containers):
            if index not in self._exited:
                self._refresh_container(index, container)
        if (end := self._record.read("ended")) is not None:
            kind, _, sentence = end.partition(" ")
            for index in range(len(self._containers)):
                self._record.remove(f"{index}.order")
            self._end(sentence, is_lost=kind == "lost")

    def stop(self, grace_s: float) -> None:
        """End the run: SIGTERM to each group, SIGKILL to what is left after the grace."""
        if self.is_ended:
            return
        left = self._grace_left()
        grace = grace_s if left is None else min(left, grace_s)
        is_withdrawn = False
        with contextlib.suppress(OSError):  # on a full disk, what runs must still be ended
            self._record.write("stop", str(_monotonic() + round(grace * _MICROSECONDS)))
            is_withdrawn = self._record.claim()
        if is_withdrawn:
            self._is_ours = True
            self._around.call_after(0, self._withdraw)
        elif grace <= 0:
            self._kill()
        else:
            if not self._is_stopping:
                self._is_stopping = True
                self._signal(signal.SIGTERM)
            self._around.call_after(grace, self._kill)

    def _refuse(self, reason: str) -> None:
        """Write what a refused run says of itself; called again when that failed half way."""
        self._is_ours = self._is_ours or self._record.claim()
        if self._is_ours and not self.is_ended:
            if not self._is_launched:
                self._tell("launched")
            if self._containers:
                self._record.write("0.failed", reason)
                self._record.write("0.exited", "exit 126")
            self._record.write("ended", f"ended {reason}")
        self.refresh()

    def _withdraw(self) -> None:
        """Write the end of a run that was never begun."""
        if not self.is_ended:
            self._record.write("ended", "ended")
            self.refresh()

    def _end(self, sentence: str, *, is_lost: bool) -> None:
        self.is_ended = True
        if self.group:
            groups.remove(self.group)
        self._tell("ended", is_lost, sentence)
        self._around.on_end(self.name)

    def _refresh_container(self, index: int, container: str) -> None:
        if index not in self._started and self._record.has(f"{index}.started"):
            self._tell_started(index, container)
        if (ended := self._record.exit(index)) is not None:
            at = self._record.written_at(f"{index}.exited")
            self._exited.add(index)
            self._record.remove(f"{index}.order")
            self._tell("exited", container, *ended, at, self._failure(index, ended[0]))

    def _tell_started(self, index: int, container: str) -> None:
        if (process := self._record.process(f"{index}.pid")) is not None:
            self._started.add(index)
            self._record.remove(f"{index}.order")  # it holds the environment, which may be secret
            self._tell("started", container, process[0], self._record.written_at(f"{index}.pid"))

    def _failure(self, index: int, exit_code: int) -> str:
        reason = self._record.read(f"{index}.failed")
        if reason != "":
            return reason or ""
        program = cast("list[str]", self._order["programs"])[index]
        return f"{program!r} was not found" if exit_code == 127 else f"{program!r} cannot be executed"  # noqa: PLR2004

    def _tell(self, kind: str, *details: object) -> None:
        self._is_launched = self._is_launched or kind == "launched"
        report = (kind, *self.name, *details)
        self._reports.append(report)
        if self._is_heard:
            self._around.tell(*report)

    # ------------------------------------------------------------ without a wrapper

    def _on_wrapper_gone(self) -> None:
        self.refresh()
        if self.is_ended or self._watch_owner():
            return
        if not self._record.directory.exists():
            self._end("its directory was removed", is_lost=True)
        elif self._record.has("claim"):
            self._watch_rest()
        elif self._spawns < _SPAWNS:
            self.begin()
        else:
            self.refuse("the run's wrapper does not start on this machine")

    def _watch_owner(self) -> bool:
        owner = self._record.process("claim/owner")
        if owner is None or not self._is_of_this_boot() or not is_alive(owner):
            return False
        self._around.watch(owner[0], self._on_wrapper_gone)
        return True

    def _watch_rest(self) -> None:
        self.refresh()
        if self.is_ended:
            return
        for index, process in self._processes().items():
            if is_alive(process):
                if index not in self._started:
                    self._tell_started(index, self._containers[index])
                self._around.watch(process[0], self._watch_rest)
                return
        self._around.call_after(_SETTLE_S, self._conclude)

    def _conclude(self) -> None:
        self.refresh()
        if self.is_ended or self._watch_owner():
            return
        if self._record.process("claim/owner") is None and not self._record.has("stop"):
            # Who claimed may be alive, about to say so: from now on it starts nothing.
            self._record.write("stop", str(_monotonic()))
            self._record.write("ended", "lost its wrapper was gone before it began")
            self.refresh()
            return
        processes = self._processes()
        if any(is_alive(process) for process in processes.values()):
            self._watch_rest()
            return
        self._signal(signal.SIGKILL)
        inits = range(cast("int", self._order["init"]))
        was_refused = any(self._record.exit(index) not in {None, (0, "")} for index in inits)
        is_over = was_refused or self._record.has("stop") or len(self._exited) == len(self._containers)
        is_known = is_over and not any(
            self._record.has(f"{index}.pid")
            for index in range(len(self._containers))
            if index not in self._exited
        )
        self._record.write("ended", "ended" if is_known else "lost how it ended is not known")
        self.refresh()

    # ------------------------------------------------------------ signals

    def _kill(self) -> None:
        if not self.is_ended:
            self._signal(signal.SIGKILL)
            if self.group:
                groups.kill(self.group)
            # Once is enough but for what is born while it is done.
            self._around.call_after(_KILL_AGAIN_S, self._kill)

    def _signal(self, number: int) -> None:
        for process in self._processes().values():
            signal_group(process, number)

    def _processes(self) -> dict[int, tuple[int, int]]:
        """Containers with a process and no recorded end."""
        if not self._is_of_this_boot():
            return {}
        found = {
            index: self._record.process(f"{index}.pid")
            for index in range(len(self._containers))
            if index not in self._exited
        }
        return {index: process for index, process in found.items() if process is not None}

    def _is_of_this_boot(self) -> bool:
        return bool(self._order["wrapper"])

    def _grace_left(self) -> float | None:
        deadline = self._record.read("stop")
        return None if deadline is None else max(0.0, (int(deadline) - _monotonic()) / _MICROSECONDS)


def _monotonic() -> int:
    return time.monotonic_ns() // 1000
