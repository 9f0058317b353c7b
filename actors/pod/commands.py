"""What may be asked of a pod.

1. Wishes of owners and clients come first, then what the placer, the engine and the timer tell.
2. A command that names a run is about that run only; told of another run, the pod does nothing.
"""

from events.frozen import frozen
from events.goal import Goal
from events.pod import EndReason, PodSpec, Port


@frozen
class StartPod:
    """Run: set the goal to running; a run that ended is followed by a new one at once."""


@frozen
class StopPod:
    """End the run and start no other."""

    reason: EndReason = EndReason.ON_REQUEST


@frozen
class RestartPod:
    """End the run, if it has not ended, and start another. A stopped pod is started."""

    reason: EndReason = EndReason.FOR_RESTART


@frozen
class ReconfigurePod:
    """Move to another configuration; with `restart` by a new run, else in place without one."""

    config: int
    spec: PodSpec
    restart: bool
    goal: Goal | None = None
    reason: EndReason = EndReason.FOR_UPDATE


@frozen
class RecreatePod:
    """Be there again after a deletion: run numbers go on."""

    config: int
    spec: PodSpec
    goal: Goal
    name: str = ""
    """Name of the owner, for people."""


@frozen
class ForgetPodRun:
    """Tell nobody any more what happened in a run so far. Deleted pods can be asked, too."""

    run: int


@frozen
class DeletePod:
    """End the run and forget the pod."""


@frozen
class QueuePod:
    """The placer found no host."""

    run: int
    reason: str


@frozen
class PlacePod:
    """The placer chose a host."""

    run: int
    host: str
    ports: tuple[Port, ...] = ()


@frozen
class RecordLaunched:
    """The engine has taken the run."""

    run: int


@frozen
class RecordContainerStarted:
    """The engine started a container's process."""

    run: int
    container: str
    process: int
    at: int


@frozen
class RecordContainerExited:
    """A container's process ended, or could not be started."""

    run: int
    container: str
    exit_code: int
    signal: str = ""
    at: int
    message: str = ""


@frozen
class RecordRunEnded:
    """No process of the run is left and none will start. Follows every launch and every stop once."""

    run: int
    is_lost: bool = False
    """True when the engine does not know how it ended."""
    message: str = ""


@frozen
class BeginNextRun:
    """The time to restart has come."""

    run: int
    """The run that ended."""


PodCommand = (
    StartPod
    | StopPod
    | RestartPod
    | ReconfigurePod
    | DeletePod
    | RecreatePod
    | ForgetPodRun
    | QueuePod
    | PlacePod
    | RecordLaunched
    | RecordContainerStarted
    | RecordContainerExited
    | RecordRunEnded
    | BeginNextRun
)


# ---------------------------------------------------------------- effects


@frozen
class RequestPlacement:
    """Find a host for the run."""

    run: int


@frozen
class LaunchRun:
    """Start the run on its host. A run that was launched before is not launched again."""

    run: int
    host: str
    spec: PodSpec
    ports: tuple[Port, ...]


@frozen
class StopRun:
    """End what the run has running, or see that it never starts: SIGTERM, grace, SIGKILL."""

    run: int
    host: str
    grace_s: int


@frozen
class ObserveRun:
    """After a restart of the server: have the engine repeat what it knows of a run it was given."""

    run: int
    host: str
    spec: PodSpec
    ports: tuple[Port, ...]


@frozen
class ForgetRun:
    """The end of the run is on disk: the host may drop its record of it."""

    run: int
    host: str


@frozen
class ForgetPod:
    """The pod is gone: the host may remove its sandboxes."""

    host: str


PodEffect = RequestPlacement | LaunchRun | StopRun | ObserveRun | ForgetRun | ForgetPod
