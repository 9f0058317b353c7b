"""A server, a service of real processes, its watch; one process is killed and comes back; all stops.

1. Everything is done with the commands that a user has; their output is printed.
2. It waits for what the watch tells, never for time to pass, and ends within a minute.
3. It leaves nothing behind; the exit code is 0 only if all was as it should be.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAM = [str(Path(sys.executable).with_name("polyplane"))]
SERVICE = Path(__file__).with_name("service.yaml")
PODS = 3
LIMIT_S = 60.0

Pod = dict[str, str]
"""A change of a pod: its name, its run, its state."""


class Unexpected(Exception):  # noqa: N818 - said of what happened
    """Something was not as it should be."""


class Watch:
    """`polyplane watch --pods`, whose lines are printed as they come."""

    def __init__(self, lines: Iterator[str], due: float) -> None:
        self._changes: queue.Queue[Pod] = queue.Queue()
        self._due = due
        self.pods: dict[str, Pod] = {}
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def until(self, wish: str, is_reached: Callable[[dict[str, Pod]], bool]) -> None:
        """Wait until the pods are as wished."""
        while not is_reached(self.pods):
            try:
                change = self._changes.get(timeout=max(0.0, self._due - time.monotonic()))
            except queue.Empty:
                raise Unexpected(f"still waiting for {wish}; pods: {list(self.pods.values())}") from None
            self.pods[change["name"]] = change

    def _read(self, lines: Iterator[str]) -> None:
        for line in lines:
            message = json.loads(line)
            for pod in message["pods"]:
                status, name = pod["status"], pod["pod_name"]["value"]
                run = status["pod_id"]["value"].rpartition("-")[2]
                state = status["state"].removeprefix("POD_STATE_")
                print(f"    {message['revision']:>4}  pod …{name[-6:]}  run {run}  {state}", flush=True)
                self._changes.put({"name": name, "run": run, "state": state})


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
def started(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
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
        try:
            yield process
        except BaseException:
            errors.seek(0)
            sys.stderr.write(errors.read())
            raise
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(15)
            if process.stdout is not None:
                process.stdout.close()


def first_line(process: subprocess.Popen[str]) -> str:
    """The first line of a command's output."""
    if process.stdout is None or not (line := process.stdout.readline()):
        raise Unexpected("the command ended without a word")
    return line.strip()


def process_of(pod: str) -> int:
    """The process that a pod of the example runs, which it writes to its log."""
    with started("logs", "--follow", f"pod/{pod}") as log:
        word, number = first_line(log).split()
    if word != "pid":
        raise Unexpected(f"the log of pod/{pod} begins with {word}")
    return int(number)


def is_alive(process: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def show(down: ExitStack, due: float) -> None:
    """Show it all."""
    say("A server that keeps nothing, on free ports. A pod that fails is restarted after a second.")
    server = down.enter_context(
        started(
            *("serve", "--data", ":memory:", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
            environment={"POLYPLANE_PELOTON__RESTART_BACKOFF_S": "1"},
        )
    )
    ready = json.loads(first_line(server))
    print(json.dumps(ready))
    os.environ["POLYPLANE_SERVER"] = ready["grpc"]

    say("Everything that happens to pods, from the beginning of time.")
    watching = down.enter_context(started("watch", "--pods", "--from", "1", "--output", "json"))
    watch = Watch(iter(watching.stdout or ()), due)

    say(f"A service of {PODS} real processes.")
    job = polyplane(
        "submit",
        "--wait",
        str(SERVICE.relative_to(Path.cwd()) if SERVICE.is_relative_to(Path.cwd()) else SERVICE),
    ).strip()
    watch.until("all pods to run", lambda pods: len(pods) == PODS and all_are(pods, "RUNNING"))
    print(polyplane("pods", job), end="")

    victim = sorted(watch.pods)[1]
    say("One of the processes is killed; its pod fails and comes back as run 2.")
    processes = {pod: process_of(pod) for pod in sorted(watch.pods)}
    print(f"$ kill -9 {processes[victim]}", flush=True)
    os.kill(processes[victim], signal.SIGKILL)
    watch.until("the pod to fail", lambda pods: pods[victim]["state"] == "FAILED")
    watch.until("its next run", lambda pods: pods[victim] | {"run": "2", "state": "RUNNING"} == pods[victim])
    again = process_of(victim)
    if again == processes[victim] or not is_alive(again):
        raise Unexpected("the pod says that it runs, and there is no new process")
    processes[victim] = again

    say("The job is stopped, and its processes with it.")
    polyplane("stop", "--wait", job)
    watch.until("all pods to be killed", lambda pods: all_are(pods, "KILLED"))
    print(polyplane("jobs"), end="")
    if left := [process for process in processes.values() if is_alive(process)]:
        raise Unexpected(f"processes {left} are still alive")

    say("The server is told to stop.")
    server.send_signal(signal.SIGTERM)
    if server.wait(15) != 0:
        raise Unexpected(f"the server ended with {server.returncode}")


def all_are(pods: dict[str, Pod], state: str) -> bool:
    """Tell whether all pods are in a state."""
    return all(pod["state"] == state for pod in pods.values())


def main() -> int:
    """Show it, and say how it went."""
    began = time.monotonic()
    try:
        with ExitStack() as down:
            show(down, began + LIMIT_S)
    except (Unexpected, subprocess.TimeoutExpired) as error:
        print(f"\nNot as it should be: {error}", file=sys.stderr)
        return 1
    print(f"\nAll as it should be, in {time.monotonic() - began:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
