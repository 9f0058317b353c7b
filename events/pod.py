"""What can happen to a pod: one instance, its containers, and its successive runs.

1. A run is one incarnation of a pod, numbered from 1; its phases follow `actors/pod/state.py`.
2. Every event says only what became true; times at which something is due are absolute.
3. A class is never changed once released: a new form is a new class under the next schema number,
   with an upcaster from the old one.
4. Times are microseconds since the epoch, UTC; durations are seconds.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.capacity import Resources
from events.frozen import frozen
from events.goal import Goal
from events.word import Word


class PodPhase(Word):
    """Where the current run of a pod stands."""

    INITIALIZED = "initialized"
    PENDING = "pending"
    READY = "ready"
    PLACING = "placing"
    RESERVED = "reserved"
    PLACED = "placed"
    LAUNCHING = "launching"
    LAUNCHED = "launched"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    KILLING = "killing"
    KILLED = "killed"
    PREEMPTING = "preempting"
    DELETED = "deleted"

    @property
    def is_terminal(self) -> bool:
        """True when the run has ended."""
        return self in TERMINAL


TERMINAL = frozenset({PodPhase.SUCCEEDED, PodPhase.FAILED, PodPhase.LOST, PodPhase.KILLED, PodPhase.DELETED})
"""Phases after which only a new run may follow."""


class Restart(Word):
    """Whether a run that ended by itself is followed by another."""

    ALWAYS = "always"
    NEVER = "never"


class EndReason(Word):
    """Why a run was made to end, or that it ended by itself."""

    EXITED = "exited"
    """All containers ended by themselves with exit code 0."""
    FAILED = "failed"
    """A container ended by itself with another exit code or by a signal, or could not be started."""
    LOST = "lost"
    """Nothing is known of its processes."""
    ON_REQUEST = "on_request"
    FOR_RESTART = "for_restart"
    FOR_UPDATE = "for_update"
    FOR_MAINTENANCE = "for_maintenance"
    PREEMPTED = "preempted"
    DEADLINE = "deadline"


@frozen
class PortSpec:
    """A port that a container listens on."""

    name: str
    number: int = 0
    """1 to 65535, or 0: chosen on the host."""
    variable: str = ""
    """Environment variable that carries the number, empty for none."""


@frozen
class ContainerSpec:
    """One process of a pod."""

    name: str
    """Unique among all containers of the pod, init containers included."""
    command: tuple[str, ...]
    """Program and arguments, run as they are, without a shell."""
    environment: tuple[tuple[str, str], ...] = ()
    resources: Resources = Resources()
    open_files: int = 0
    """Limit of file descriptors, 0 for the host's."""
    data_mb: int = 0
    """Limit of the memory that the program may have for data, MiB; 0 for none."""
    ports: tuple[PortSpec, ...] = ()
    image: str = ""
    """Ignored by engines that run plain processes."""


@frozen
class PodSpec:
    """What a pod runs and how it is treated. Equal specs are one object in memory."""

    containers: tuple[ContainerSpec, ...]
    """Run side by side; at least one."""
    init_containers: tuple[ContainerSpec, ...] = ()
    """Run before them, in order, each to exit code 0."""
    labels: tuple[tuple[str, str], ...] = ()
    """Sorted by key, then value. A key may occur with several values."""
    environment: tuple[tuple[str, str], ...] = ()
    """Set in every container, before the container's own."""
    kill_grace_s: int = 30
    """Time between SIGTERM and SIGKILL."""
    restart: Restart = Restart.ALWAYS
    backoff_s: float = 30.0
    """Pause before the restart after the first unwanted end; each further one doubles it."""
    backoff_max_s: float = 3600.0
    """Longest pause before a restart."""
    priority: int = 0
    preemptible: bool = False
    revocable: bool = False
    survives_server: bool = True
    """False: its processes end with the server (a session pod)."""
    inherited: tuple[tuple[str, str], ...] = ()
    """Those among labels and environment that its owner gave it: other ones make no other pod."""
    beyond: str = ""
    """Stands for all that its owner says beyond these words: another text makes another pod."""


@frozen
class Port:
    """A port as assigned on a host."""

    container: str
    name: str
    number: int


# ---------------------------------------------------------------- events


@frozen
class PodCreated:
    """The pod exists. Its run `run` is initialized, or already killed when the goal is not to run."""

    owner: str
    """Stream of the entity it belongs to, told of its changes; empty for none."""
    instance: int
    """Number of the pod within its owner, from 0."""
    config: int
    """Number of the owner's configuration that the spec is from."""
    spec: PodSpec
    goal: Goal = Goal.RUNNING
    run: int = 1
    name: str = ""
    """Name of the owner when created, for people."""


@frozen
class PodQueued:
    """The run waits for a host, and this is why."""

    run: int
    reason: str


@frozen
class PodPlaced:
    """A host was chosen; the spec's resources on it belong to this run until the run ends."""

    run: int
    host: str
    """Id of the host entity."""
    ports: tuple[Port, ...] = ()


@frozen
class PodLaunching:
    """The run was handed out to its host's engine."""

    run: int


@frozen
class PodLaunched:
    """The engine has taken the run; its init containers, if any, may be running."""

    run: int


@frozen
class PodStarting:
    """The run is `starting` although no start of a container was told: the next thing told was an end."""

    run: int


@frozen
class PodContainerStarted:
    """A container's process was started; the first one makes the run `starting`."""

    run: int
    container: str
    process: int
    """Process id on the host; 0 when simulated."""
    at: int


@frozen
class PodContainerExited:
    """A container's process ended, or could not be started."""

    run: int
    container: str
    exit_code: int
    """0 to 255; 0 when a signal ended it."""
    signal: str = ""
    """Name of the signal that ended it, such as `SIGKILL`; empty for none."""
    at: int
    message: str = ""
    """Why it could not be started, empty when it ran."""


@frozen
class PodRunning:
    """All containers of the run have been started."""

    run: int


@frozen
class PodGoalChanged:
    """The owner or a client wants something else of the pod."""

    goal: Goal
    desired_run: int
    """The run that the pod should have when it is at its goal."""


@frozen
class PodStopRequested:
    """The engine was asked to end the run; `killing` when processes were running, else unchanged."""

    run: int
    reason: EndReason


@frozen
class PodEnded:
    """The run is over and its resources are free."""

    run: int
    phase: PodPhase
    """A terminal phase."""
    reason: EndReason
    message: str = ""
    failure_count: int = 0
    """Unwanted ends in a row, this one included."""
    restart_at: int = 0
    """When the next run is due, 0 for none."""


@frozen
class PodRunStarted:
    """A new run begins, initialized; what was known of the previous one is history."""

    run: int
    config: int
    spec: PodSpec
    failure_count: int = 0
    """Unwanted ends in a row before this run; 0 also when somebody asked for the run."""


@frozen
class PodReconfigured:
    """The pod is to be of another configuration; runs begun from now on have it."""

    config: int
    spec: PodSpec
    is_applied: bool
    """True when the pod is of it at once, its run going on; False when only a new run will be."""


@frozen
class PodDeleted:
    """The pod is gone. A pod created again under this id continues its run numbers."""

    run: int


@frozen
class PodRunForgotten:
    """What happened in a run so far is no longer told to anybody."""

    run: int


PodEvent = (
    PodCreated
    | PodQueued
    | PodPlaced
    | PodLaunching
    | PodLaunched
    | PodStarting
    | PodContainerStarted
    | PodContainerExited
    | PodRunning
    | PodGoalChanged
    | PodStopRequested
    | PodEnded
    | PodRunStarted
    | PodReconfigured
    | PodDeleted
    | PodRunForgotten
)

TOPICS: Mapping[str, type[PodEvent]] = MappingProxyType(
    {
        "pod.created:1": PodCreated,
        "pod.queued:1": PodQueued,
        "pod.placed:1": PodPlaced,
        "pod.launching:1": PodLaunching,
        "pod.launched:1": PodLaunched,
        "pod.starting:1": PodStarting,
        "pod.container_started:1": PodContainerStarted,
        "pod.container_exited:1": PodContainerExited,
        "pod.running:1": PodRunning,
        "pod.goal_changed:1": PodGoalChanged,
        "pod.stop_requested:1": PodStopRequested,
        "pod.ended:1": PodEnded,
        "pod.run_started:1": PodRunStarted,
        "pod.reconfigured:1": PodReconfigured,
        "pod.deleted:1": PodDeleted,
        "pod.run_forgotten:1": PodRunForgotten,
    }
)
"""The name under which each class is stored."""
