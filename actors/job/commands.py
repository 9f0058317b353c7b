"""What may be asked of a job.

1. Wishes of clients come first, then what its pods and the kernel tell.
2. `expected_version` is the text `<config>-<goal>-<workflow>`; anything but the current text,
   empty and malformed text included, is a stale version.
"""

from events.frozen import frozen
from events.goal import Goal
from events.job import InstanceRange, JobSpec, WorkflowOptions
from events.pod import PodPhase


@frozen
class CreateJob:
    """Make the job and, in the same append, its first pods."""

    job: str
    """Id of the job: its stream is `job/<id>`, its pods' are `pod/<id>-<instance>`."""
    spec: JobSpec
    options: WorkflowOptions = WorkflowOptions()
    opaque: str = ""


@frozen
class StartJob:
    """Want all pods to run."""

    expected_version: str


@frozen
class StopJob:
    """Want all pods to end."""

    expected_version: str


@frozen
class DeleteJob:
    """Want all pods and then the job to be gone."""

    expected_version: str
    force: bool = False
    """False: only a job whose phase is exactly killed."""


@frozen
class ReplaceJob:
    """Make the job another one, its pods one batch after the other. A running update gives way."""

    expected_version: str
    spec: JobSpec
    options: WorkflowOptions = WorkflowOptions()
    opaque: str = ""


@frozen
class CompareJob:
    """Tell what `ReplaceJob` would change; nothing is stored."""

    expected_version: str
    spec: JobSpec


@frozen
class RestartJob:
    """Want a new run of pods, one batch after the other; the job's goal becomes to run."""

    expected_version: str
    instances: tuple[InstanceRange, ...] = ()
    """None, or none that there are, for all."""
    options: WorkflowOptions = WorkflowOptions()
    opaque: str = ""


@frozen
class PauseWorkflow:
    """Take no more instances; those in flight go on and count."""

    expected_version: str
    opaque: str | None = None
    """None keeps the text that the workflow has."""


@frozen
class ResumeWorkflow:
    """Go on with a paused workflow where it was."""

    expected_version: str
    opaque: str | None = None


@frozen
class AbortWorkflow:
    """Give the workflow up: what moved stays moved, the rest stays as it is."""

    expected_version: str
    opaque: str | None = None


@frozen
class StartJobPod:
    """Start one pod: the job's goal becomes to run, its goal counter stays."""

    instance: int


@frozen
class ReportPod:
    """A pod tells its owner how it is."""

    instance: int
    run: int
    phase: PodPhase
    goal: Goal
    config: int
    failure_count: int = 0
    desired_config: int = 0
    """Of the next run; 0 when it is that of the current one."""


@frozen
class ContinueWorkflow:
    """Bring the next instances into flight."""

    workflow: int
    """Ordinal of the workflow it is about; another one ignores it."""


WorkflowCommand = ReplaceJob | CompareJob | RestartJob | PauseWorkflow | ResumeWorkflow | AbortWorkflow
JobCommand = (
    CreateJob | StartJob | StopJob | DeleteJob | WorkflowCommand | StartJobPod | ReportPod | ContinueWorkflow
)


# ---------------------------------------------------------------- results


@frozen
class JobAccepted:
    """Answer to an accepted command of a client: the job and its version after it."""

    job: str
    version: str
    """`<config>-<goal>-<workflow>`."""


@frozen
class JobDifference:
    """Answer to `CompareJob`: instances by what would happen to them."""

    added: tuple[InstanceRange, ...] = ()
    updated: tuple[InstanceRange, ...] = ()
    removed: tuple[InstanceRange, ...] = ()
    unchanged: tuple[InstanceRange, ...] = ()
