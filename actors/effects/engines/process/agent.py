"""The agent of one host: starts, watches and ends runs, and tells the server, whichever is connected.

1. It imports the standard library, msgpack and its own few modules: it stays light, and is never a fork
   of the server.
2. There is one for each host and data directory: a second finds the lock taken and leaves.
3. It believes the records on disk, not its memory: another agent can take its place at any moment.
4. It talks to one server at a time, the newest; what ends while there is none is told to the next.
5. With neither runs nor server it leaves after its linger. Session runs of an earlier server are killed
   when the next one says hello, or when the linger has passed without any.
"""

import os
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import cast

from actors.effects.engines.process import groups, orders, shelf, wrappers
from actors.effects.engines.process.frames import VERSION
from actors.effects.engines.process.layout import HostFiles
from actors.effects.engines.process.orders import PodOrder
from actors.effects.engines.process.reactor import Reactor
from actors.effects.engines.process.record import Order, Record, boot_id
from actors.effects.engines.process.run import Run, RunName
from actors.effects.engines.process.seat import Seat
from actors.effects.engines.process.trim import Trimmer

_CLOSE_GRACE_S = 2.0
"""Between SIGTERM and SIGKILL for what ends with the server."""
_SLICE, _SLICE_S = 100, 0.1
"""How many pods that are at rest are told of at once, and the pause before more are."""
_LOOK_S = 5.0
"""How often an agent without server sees whether its socket is still there."""


class Agent:
    """Carries out what the server asks for."""

    def __init__(
        self, files: HostFiles, seat: Seat, reactor: Reactor, *, linger_s: float, wrapper: str
    ) -> None:
        self.boot = boot_id()
        self._files = files
        self._seat = seat
        self._reactor = reactor
        self._linger_s = linger_s
        self._wrapper = str(wrappers.install(files.agents, wrapper))
        self._kept = orders.kept_environment()
        self._limit = seat.raise_open_files()
        self._groups = groups.Groups(groups.find_parent())
        self._shelf = shelf.Shelf(files, self._remove)
        self._runs: dict[RunName, Run] = {}
        self._trimmer = Trimmer(reactor.call_after, self._growing_logs)
        self._server = ""
        self._closing: bool | None = None
        self._at_rest: Iterator[RunName] = iter(())
        self._idle_since = reactor.now()

    def start(self) -> None:
        """Adopt what runs from before and begin to listen."""
        self._reactor.listen(self._seat.listen(), self._on_message, self._on_gone)
        self._reactor.hear(self._seat.bell(), self._on_bell)
        self._shelf.sweep()
        adopted = [Run(name, directory, order, self) for name, directory, order in self._shelf.unforgotten()]
        self._runs.update((run.name, run) for run in adopted)
        for run in adopted:
            run.adopt()
        self._seat.announce()
        self._trimmer.start()
        self._look()

    # ------------------------------------------------------------ what a run needs

    def tell(self, *message: object) -> None:
        """Send a message to the server, if there is one."""
        self._reactor.send(*message)

    def call_after(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call later."""
        self._reactor.call_after(delay_s, callback)

    def watch(self, process: int, callback: Callable[[], None]) -> None:
        """Call once the process is gone."""
        self._reactor.watch(process, callback)

    def spawn(self, name: RunName, order: Order) -> int:
        """Start a wrapper."""
        names = cast("list[str]", order["names"])
        directory = str(self._files.run(*name))
        bell, key = str(self._files.bell), f"{name[0]}/{name[1]}"
        words = [*wrappers.command_of(str(order["wrapper"])), directory, bell, key]
        return self._seat.spawn([*words, str(order["init"]), str(len(names))], {"PATH": self._kept["PATH"]})

    def on_end(self, name: RunName) -> None:
        """Take notice that a run ended."""
        self._idle_since = self._reactor.now()
        for log in self._runs[name].logs() if name in self._runs else ():
            self._trimmer.trim(log)
        self._reactor.call_after(0, lambda: self._shelf.remove_if_forgotten(name[0], self._is_running))
        self._finish_closing()

    # ------------------------------------------------------------ what the server asks

    def _on_message(self, message: Sequence[object]) -> None:
        match message:
            case ["hello", int(), str(server)]:
                self._on_hello(server)
            case ["launch", dict() as order]:
                self._launch(cast("PodOrder", order))
            case ["stop", str(pod), int(number), int() | float() as grace_s]:
                self._stop((pod, number), grace_s)
            case ["observe", list() as names]:
                for pod, number in cast("list[tuple[str, int]]", names):
                    self._observe((pod, number))
            case ["forget", str(pod), int(number)]:
                self._forget((pod, number))
            case ["forget_pod", str(pod)]:
                self._shelf.forget_pod(pod, self._is_running)
                self.tell("pod_forgotten", pod)
            case ["bound_logs", int(most)]:
                self._trimmer.bound = most
            case ["close", bool(end_pods)]:
                self._close(end_pods=end_pods)
            case _:
                self._log(f"not understood: {message[0]!r}")

    def _on_hello(self, server: str) -> None:
        if server != self._server:
            self._at_rest = self._shelf.at_rest()
            self._reactor.call_after(_SLICE_S, partial(self._tell_kept, self._at_rest))
        self._server = server
        self._closing = None
        for run in self._runs.values():
            run.mute()
        self.tell("hello", VERSION, os.getpid())
        self._end_sessions(grace_s=0.0)

    def _tell_kept(self, kept: Iterator[RunName]) -> None:
        """Say of which pods there are only sandboxes, some at a time: the server says which are gone."""
        part = list(islice(kept, _SLICE)) if kept is self._at_rest else []
        for name in part:
            self.tell("kept", *name)
        if part:
            self._reactor.call_after(_SLICE_S, partial(self._tell_kept, kept))

    def _launch(self, order: PodOrder) -> None:
        name = (order["pod"], order["run"])
        if (known := self._runs.get(name)) is not None:
            known.repeat()
        elif (why := self._shelf.why_never(name)) is not None:
            self.tell("ended", *name, True, why)  # noqa: FBT003 a field of the message
        else:
            fault = orders.fault_of(order)
            try:
                run = self._add(order, is_bare=bool(fault))
            except OSError as error:
                why = f"the run could not be prepared: {error}"
                self.tell("ended", *name, False, why)  # noqa: FBT003 a field of the message
                return
            if fault:
                run.refuse(fault)
            else:
                run.begin()

    def _stop(self, name: RunName, grace_s: float) -> None:
        run = self._runs.get(name)
        if run is not None:
            run.attend()
            run.stop(grace_s)
        elif (why := self._shelf.why_never(name)) is not None:
            self.tell("ended", *name, True, why)  # noqa: FBT003 a field of the message
        else:
            nothing: PodOrder = {
                "pod": name[0],
                "run": name[1],
                "survives": True,
                "cpu": 0,
                "memory_mb": 0,
                "containers": (),
            }
            self._add(nothing, is_bare=True).stop(grace_s)

    def _observe(self, name: RunName) -> None:
        run = self._runs.get(name)
        if run is not None:
            run.repeat()
        else:
            self.tell("ended", *name, True, "the host knows nothing of the run")  # noqa: FBT003 a field of the message

    def _forget(self, name: RunName) -> None:
        run = self._runs.get(name)
        if run is not None and run.is_ended:
            self._shelf.forget(name, self._is_running)
            del self._runs[name]
        self.tell("forgotten", *name)

    # ------------------------------------------------------------ how it is done

    def _add(self, order: PodOrder, *, is_bare: bool) -> Run:
        name = (order["pod"], order["run"])
        containers = order["containers"]
        directory = self._files.run(*name)
        (directory / "record").mkdir(parents=True, exist_ok=True)
        (directory / "sandbox").mkdir(exist_ok=True)
        group = self._groups.open(f"{name[0]}-{name[1]}", cpu=order["cpu"], memory_mb=order["memory_mb"])
        if not is_bare:
            self._write_containers(order, directory / "record", group)
        kept: Order = {
            "pod": name[0],
            "run": name[1],
            "host": self._files.host,
            "boot": self.boot,
            "server": self._server,
            "survives": order["survives"],
            "wrapper": self._wrapper,
            "group": group,
            "init": sum(container["is_init"] for container in containers),
            "names": [container["name"] for container in containers],
            "programs": [container["command"][0] if container["command"] else "" for container in containers],
        }
        # Last: what is found without it was never begun, and the server asks again.
        Record(directory / "record").write_order(kept)
        run = self._runs[name] = Run(name, directory, kept, self)
        run.repeat()
        return run

    def _write_containers(self, order: PodOrder, record: Path, group: str) -> None:
        for index, container in enumerate(order["containers"]):
            orders.write_container(
                record,
                index,
                container,
                kept=self._kept,
                files=self._limit,
                group=group,
                is_shell=self._wrapper.endswith(".sh"),
            )

    def _close(self, *, end_pods: bool) -> None:
        self._closing = end_pods
        for run in tuple(self._runs.values()):
            if not run.is_ended and (end_pods or not run.survives):
                run.stop(_CLOSE_GRACE_S)
        self._finish_closing()

    def _finish_closing(self) -> None:
        if self._closing is None:
            return
        if any(not run.is_ended and (self._closing or not run.survives) for run in self._runs.values()):
            return
        self.tell("closed")
        if self._closing:
            self._reactor.finish()
        self._closing = None

    def _end_sessions(self, *, grace_s: float) -> None:
        for run in tuple(self._runs.values()):
            if not run.is_ended and not run.survives and run.server != self._server:
                run.stop(grace_s)

    def _growing_logs(self) -> Iterator[Path]:
        return (log for run in self._runs.values() if not run.is_ended for log in run.logs())

    def _is_running(self, name: RunName) -> bool:
        return name in self._runs and not self._runs[name].is_ended

    def _remove(self, path: Path) -> None:
        """Remove a directory, which may be large, without keeping anybody waiting."""
        try:
            process = self._seat.spawn(["/bin/rm", "-rf", "--", str(path)], {})
        except OSError as error:
            self._log(f"{path} stays: {error}")
        else:
            self._reactor.watch(process, lambda: None)

    def _on_bell(self, line: str) -> None:
        pod, _, number = line.partition("/")
        run = self._runs.get((pod, int(number) if number.isdigit() else 0))
        if run is not None:
            run.refresh()

    def _on_gone(self) -> None:
        self._idle_since = self._reactor.now()
        self._closing = None

    def _look(self) -> None:
        if not self._reactor.is_connected:
            # What cleans directories for temporary files may have taken the socket away.
            if not self._seat.is_reachable():
                self._reactor.listen(self._seat.listen(), self._on_message, self._on_gone)
                self._seat.announce()
            idle = self._reactor.now() - self._idle_since
            if idle >= self._linger_s:
                self._server = ""
                self._end_sessions(grace_s=_CLOSE_GRACE_S)
                if all(run.is_ended for run in self._runs.values()):
                    self._reactor.finish()
        self._reactor.call_after(min(_LOOK_S, max(self._linger_s / 4, 0.05)), self._look)

    def _log(self, sentence: str) -> None:
        sys.stderr.write(f"agent of {self._files.host}: {sentence}\n")


def main(words: Sequence[str]) -> int:
    """Run the agent of a host: DATA HOST LINGER_S WRAPPER. Returns once it listens, in the background."""
    data, host, linger_s, wrapper = words
    # Whatever else was open in who started it would be left to every pod.
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    seat = Seat(HostFiles(Path(data), host))
    if not seat.take():
        return 0  # another agent is there, or about to leave: whoever asked tries again
    if not seat.go_to_background():
        return 0 if seat.is_announced else 1
    reactor = Reactor()
    agent = Agent(HostFiles(Path(data), host), seat, reactor, linger_s=float(linger_s), wrapper=wrapper)
    agent.start()
    reactor.run()
    seat.leave()
    return 0
