"""What may be asked of a pod.

1. Wishes of owners and clients come first, then what the placer, the engine and the timer tell.
2. A command that names a run is about that run only; told of another run, the pod does nothing.
"""

from dataclasses import dataclass

from events.goal import Goal
from events.pod import EndReason, PodSpec, Port


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPod:
    """Run: set the goal to running; a run that ended is followed by a new one at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPod:
    """End the run and start no other."""

    reason: EndReason = EndReason.ON_REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPod:
    """End the run, if it has not ended, and start another. A stopped pod is started."""

    reason: EndReason = EndReason.FOR_RESTART


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconfigurePod:
    """Move to another configuration; with `restart` by a new run, else in place without one."""

    config: int
    spec: PodSpec
    restart: bool
    goal: Goal | None = None
    reason: EndReason = EndReason.FOR_UPDATE


@dataclass(frozen=True, slots=True, kw_only=True)
class RecreatePod:
    """Be there again after a deletion: run numbers go on."""

    config: int
    spec: PodSpec
    goal: Goal
    name: str = ""
    """Name of the owner, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPodRun:
    """Tell nobody any more what happened in a run so far. Deleted pods can be asked, too."""

    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletePod:
    """End the run and forget the pod."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePod:
    """The placer found no host."""

    run: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacePod:
    """The placer chose a host."""

    run: int
    host: str
    ports: tuple[Port, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLaunched:
    """The engine has taken the run."""

    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordContainerStarted:
    """The engine started a container's process."""

    run: int
    container: str
    process: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordContainerExited:
    """A container's process ended, or could not be started."""

    run: int
    container: str
    exit_code: int
    signal: str = ""
    at: int
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRunEnded:
    """No process of the run is left and none will start. Follows every launch and every stop once."""

    run: int
    is_lost: bool = False
    """True when the engine does not know how it ended."""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPlacement:
    """Find a host for the run."""

    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRun:
    """Start the run on its host. A run that was launched before is not launched again."""

    run: int
    host: str
    spec: PodSpec
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRun:
    """End what the run has running, or see that it never starts: SIGTERM, grace, SIGKILL."""

    run: int
    host: str
    grace_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveRun:
    """After a restart of the server: have the engine repeat what it knows of a run it was given."""

    run: int
    host: str
    spec: PodSpec
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetRun:
    """The end of the run is on disk: the host may drop its record of it."""

    run: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPod:
    """The pod is gone: the host may remove its sandboxes."""

    host: str


PodEffect = RequestPlacement | LaunchRun | StopRun | ObserveRun | ForgetRun | ForgetPod
