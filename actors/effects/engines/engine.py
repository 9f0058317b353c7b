"""Where pods run: what every engine offers, and what it tells.

1. `launch` and `stop` are idempotent by (pod, run) for ever: a run that was launched, stopped or
   ended before is never launched again, whatever crashed in between.
2. Reports are delivered at least once, in order for one run, until `forget`: an engine that
   reconnects or adopts repeats what it knows. Whoever receives them tolerates repeats.
3. Every launch and every stop is followed, sooner or later, by exactly one distinct RunEnded
   (repeats of the same one aside), also when nothing was ever started.
4. Methods return at once; whatever takes time happens in the background. The listener is never
   called inside one.
5. After a restart, between `start` and anything else: `observe` the runs that were reported launched
   and have not ended, `launch` again those that were handed out and not yet reported launched, `stop`
   again those that were asked to end. Session pods of an earlier server have been ended by `start`.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from events.frozen import frozen
from events.pod import PodSpec, Port


@frozen
class RunOrder:
    """What an engine needs in order to run."""

    pod: str
    """Id of the pod; safe as a file name."""
    run: int
    spec: PodSpec
    ports: tuple[Port, ...]
    host: str
    environment: tuple[tuple[str, str], ...] = ()
    """Set before the spec's own."""


@frozen
class RunKey:
    """Names one run."""

    pod: str
    run: int


@frozen
class RunLaunched:
    """The host has taken the run."""

    key: RunKey


@frozen
class ContainerStarted:
    """A container's process was started."""

    key: RunKey
    container: str
    process: int
    """Process id, 0 when simulated."""
    at: int
    """Microseconds since the epoch, UTC."""


@frozen
class ContainerExited:
    """A container's process ended, or could not be started."""

    key: RunKey
    container: str
    exit_code: int
    signal: str
    at: int
    message: str = ""


@frozen
class RunEnded:
    """Nothing of the run is left, and nothing of it will ever start."""

    key: RunKey
    is_lost: bool = False
    """True when how it ended is not known."""
    message: str = ""


@frozen
class PodKept:
    """The host keeps sandboxes of a pod, of which nothing runs there: is the pod gone?

    Asked of what an earlier server left; that one may have ended before it had said so.
    """

    key: RunKey
    """Names the newest run that is there."""
    host: str


Report = RunLaunched | ContainerStarted | ContainerExited | RunEnded | PodKept
Listener = Callable[[Report], None]
"""Called on the event loop."""


class Engine(Protocol):
    """One way of running pods on one host."""

    async def start(self) -> None:
        """Make ready; adopts what still runs from before."""

    async def close(self, *, end_pods: bool) -> None:
        """Stop serving. With `end_pods` everything that runs is killed, else it goes on.

        Nothing is launched meanwhile: who listens may answer the end of one run with the order of another.
        """

    def launch(self, order: RunOrder) -> None:
        """Start the run unless it was launched or stopped before."""

    def stop(self, key: RunKey, *, grace_s: int) -> None:
        """End the run, or see that it never starts: SIGTERM to each group, SIGKILL after the grace."""

    def observe(self, orders: Sequence[RunOrder]) -> None:
        """Repeat what is known of these runs, all of which were once reported launched.

        A real run of which nothing is known is reported lost; a simulated one, whose only world is the
        journal that the order is from, is taken over as it is.
        """

    def forget(self, key: RunKey) -> None:
        """The run's end is on disk: stop repeating it, and keep its sandbox as long as retention allows."""

    def forget_pod(self, pod: str) -> None:
        """The pod is gone: remove its sandboxes once none of its runs is left."""
