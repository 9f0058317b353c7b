"""A service of real processes; its server is killed and comes back, then one of the processes; all stops.

1. Everything is done with the commands that a user has; their output is printed.
2. It waits for what the watch tells, never for time to pass, and ends within a minute.
3. It leaves nothing behind; the exit code is 0 only if all was as it should be.
"""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

PROGRAM = [str(Path(sys.executable).with_name("polyplane"))]
SERVICE = Path(__file__).with_name("service.yaml")
PODS = 3
LIMIT_S = 60.0
WATCH = ("watch", "--pods", "--from", "1", "--output", "json")
SERVE = ("serve", "--http", "127.0.0.1:0")
BACKOFF = {"POLYPLANE_PELOTON__RESTART_BACKOFF_S": "1"}


class Unexpected(Exception):  # noqa: N818 - said of what happened
    """Something was not as it should be."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a pod, as a watch told it."""

    revision: int
    pod: str
    run: str
    state: str


@dataclass(frozen=True, slots=True)
class Program:
    """A command that goes on."""

    process: subprocess.Popen[str]
    errors: TextIO

    def first_line(self) -> str:
        """The first line of its output."""
        if self.process.stdout is None or not (line := self.process.stdout.readline()):
            raise Unexpected("the command ended without a word")
        return line.strip()

    def complaints(self) -> str:
        """Everything that it has said on stderr."""
        self.errors.seek(0)
        return self.errors.read()


class Watch:
    """`polyplane watch --pods`, whose lines are printed as they come."""

    def __init__(self, lines: Iterator[str], due: float, *, is_shown: bool = True) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        self._due = due
        self._is_shown = is_shown
        self.begun = 0
        """How often it has begun: again after each interruption."""
        self.told: list[Change] = []
        self.pods: dict[str, Change] = {}
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def until(self, wish: str, is_reached: Callable[[], bool]) -> None:
        """Take in what is told until something is as wished."""
        while not is_reached():
            try:
                message = json.loads(self._lines.get(timeout=max(0.0, self._due - time.monotonic())))
            except queue.Empty:
                raise Unexpected(f"still waiting for {wish}; pods: {list(self.pods.values())}") from None
            self.begun += bool(int(message["watch_id"] or 0))
            for pod in message["pods"]:
                self._take(message["revision"], pod)

    def _read(self, lines: Iterator[str]) -> None:
        for line in lines:
            self._lines.put(line)

    def _take(self, revision: int, pod: dict[str, dict[str, dict[str, str]]]) -> None:
        run = pod["status"]["pod_id"]["value"].rpartition("-")[2]
        state = str(pod["status"]["state"]).removeprefix("POD_STATE_")
        name = str(pod["pod_name"]["value"])
        change = self.pods[name] = Change(revision, name, run, state)
        self.told.append(change)
        if self._is_shown:
            print(f"    {revision:>4}  pod …{name[-6:]}  run {run}  {state}", flush=True)

    def all_are(self, state: str) -> bool:
        """Tell whether all pods are there and in a state."""
        return len(self.pods) == PODS and all(pod.state == state for pod in self.pods.values())


def say(text: str) -> None:
    """Print what happens next."""
    print(f"\n{text}", flush=True)


def polyplane(*arguments: str) -> str:
    """Run a command and return its output."""
    print(f"$ polyplane {' '.join(arguments)}", flush=True)
    done = subprocess.run(  # noqa: S603 - our own program
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise Unexpected(f"exit code {done.returncode}: {done.stderr}")
    return done.stdout


@contextmanager
def started(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[Program]:
    """Start a command that goes on, and see that it has ended afterwards."""
    print(f"$ polyplane {' '.join(arguments)} &", flush=True)
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | (environment or {}),
        )
        program = Program(process, errors)
        try:
            yield program
        except BaseException:
            sys.stderr.write(program.complaints())
            raise
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(15)
            if process.stdout is not None:
                process.stdout.close()


@contextmanager
def directory() -> Iterator[Path]:
    """A directory for the server's data, of which nothing is left afterwards, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="polyplane-demo-") as name:
        data = Path(name) / "data"
        try:
            yield data
        finally:
            words = [*PROGRAM, "stop", "--all", "--data", str(data)]
            subprocess.run(words, capture_output=True, timeout=LIMIT_S, check=False)  # noqa: S603 - as above


def processes_of(*pods: str) -> dict[str, int]:
    """The processes that pods of the example run, which they write to their logs."""
    found: dict[str, int] = {}
    with ExitStack() as down:
        logs = {pod: down.enter_context(started("logs", "--follow", f"pod/{pod}")) for pod in pods}
        for pod, log in logs.items():
            word, number = log.first_line().split()
            must(word == "pid", f"the log of pod/{pod} begins with {word}")
            found[pod] = int(number)
            log.process.terminate()
    return found


def since(process: int) -> str:
    """When a process was started, in ticks since the machine was; empty when it is not there any more."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def must(is_so: bool, otherwise: str) -> None:  # noqa: FBT001 - what must be
    """See that a promise is kept."""
    if not is_so:
        raise Unexpected(otherwise)


class Demonstration:
    """What is shown, scene by scene."""

    def __init__(self, data: Path, down: ExitStack, due: float) -> None:
        self._data = data
        self._down = down
        say("A server on free ports. A pod that fails is restarted after a second.")
        self._server, self._address = self._serve("127.0.0.1:0")
        os.environ["POLYPLANE_SERVER"] = self._address
        say("Everything that happens to pods, from the beginning of time.")
        self._watching = down.enter_context(started(*WATCH))
        self._watch = Watch(iter(self._watching.process.stdout or ()), due)
        self._job = ""
        self._processes: dict[str, int] = {}

    def _serve(self, address: str) -> tuple[Program, str]:
        words = (*SERVE, "--data", str(self._data), "--listen", address)
        server = self._down.enter_context(started(*words, environment=BACKOFF))
        ready = server.first_line()
        print(ready)
        return server, str(json.loads(ready)["grpc"])

    def submit(self) -> None:
        """A job comes up."""
        say(f"A service of {PODS} real processes.")
        file = SERVICE.relative_to(Path.cwd()) if SERVICE.is_relative_to(Path.cwd()) else SERVICE
        self._job = polyplane("submit", "--wait", str(file)).strip()
        self._watch.until("all pods to run", lambda: self._watch.all_are("RUNNING"))
        self._processes = processes_of(*sorted(self._watch.pods))

    def lose_server(self) -> None:
        """The server is killed and started again; nothing else changes."""
        watch, processes = self._watch, self._processes
        before = {pod: since(process) for pod, process in processes.items()}
        say("The server is killed, between two instructions. Its processes go on.")
        print(f"$ kill -9 {self._server.process.pid}", flush=True)
        self._server.process.kill()
        self._server.process.wait(15)
        must(all(map(since, processes.values())), "a process has ended with the server")

        say("It is started again on the same directory, and the watch goes on by itself.")
        self._server, _ = self._serve(self._address)
        watch.until("the watch to go on", lambda: watch.begun > 1)
        last = watch.told[-1].revision
        resumed = re.findall(r"goes on from revision (\d+)", self._watching.complaints())
        must(resumed == [str(last + 1)], f"the watch went on from {resumed}, having seen {last}")
        print(f"The last change seen was revision {last}; the watch goes on from {last + 1}.")
        print(polyplane("pods", self._job), end="")
        for pod, process in processes.items():
            must(since(process) == before[pod] != "", f"process {process} of pod/{pod} is another now")
            print(f"pod …{pod[-6:]}  process {process}, the same as before")

    def lose_process(self) -> None:
        """A process is killed and comes back as another."""
        watch, victim = self._watch, sorted(self._watch.pods)[1]
        killed = self._processes[victim]
        say("One of the processes is killed; its pod fails and comes back as run 2.")
        print(f"$ kill -9 {killed}", flush=True)
        os.kill(killed, signal.SIGKILL)
        watch.until("the pod to fail", lambda: watch.pods[victim].state == "FAILED")
        watch.until("run 2", lambda: (watch.pods[victim].run, watch.pods[victim].state) == ("2", "RUNNING"))
        self._processes |= processes_of(victim)
        again = self._processes[victim]
        must(again != killed and since(again) != "", "the pod says that it runs, without a new process")

    def stop_job(self) -> None:
        """All processes end."""
        say("The job is stopped, and its processes with it.")
        polyplane("stop", "--wait", self._job)
        self._watch.until("all pods to be killed", lambda: self._watch.all_are("KILLED"))
        print(polyplane("jobs"), end="")
        left = [process for process in self._processes.values() if since(process)]
        must(not left, f"processes {left} are still alive")

    def compare(self, due: float) -> None:
        """The watch has missed nothing."""
        say("Another watch from the beginning is told the same as the one that was interrupted.")
        told = self._watch.told
        watching = self._down.enter_context(started(*WATCH))
        other = Watch(iter(watching.process.stdout or ()), due, is_shown=False)
        other.until("the same changes", lambda: other.told[-1:] == told[-1:])
        must(other.told == told, "the watch that was interrupted has a gap, or told something twice")
        print(f"The same {len(told)} changes, none missing, none twice.")

    def end(self) -> None:
        """Nothing is left."""
        say("Everything is ended: the server, and the agent that kept the processes.")
        notes = [json.loads(note.read_bytes()) for note in self._data.glob("agents/*.json")]
        must(bool(notes), "there is no agent")
        print(polyplane("stop", "--all", "--data", str(self._data)), end="")
        code = self._server.process.wait(15)
        must(code == 0, f"the server ended with {code}")
        for note in notes:
            must(not since(note["pid"]), f"the agent {note['pid']} is still there")
            must(
                not Path(note["socket"]).parent.exists(), f"the directory of {note['socket']} is still there"
            )


def main() -> int:
    """Show it, and say how it went."""
    began = time.monotonic()
    try:
        with directory() as data, ExitStack() as down:
            due = began + LIMIT_S
            show = Demonstration(data, down, due)
            show.submit()
            show.lose_server()
            show.lose_process()
            show.stop_job()
            show.compare(due)
            show.end()
        must(not data.parent.exists(), f"{data.parent} is still there")
    except (Unexpected, subprocess.TimeoutExpired) as error:
        print(f"\nNot as it should be: {error}", file=sys.stderr)
        return 1
    print(f"\nAll as it should be, in {time.monotonic() - began:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
