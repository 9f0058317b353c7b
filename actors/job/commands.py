"""What may be asked of a job.

1. Wishes of clients come first, then what its pods and the kernel tell.
2. `expected_version` is the text `<config>-<goal>-<workflow>`; anything but the current text,
   empty and malformed text included, is a stale version.
"""

from dataclasses import dataclass

from events.goal import Goal
from events.job import JobSpec, WorkflowOptions
from events.pod import PodPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateJob:
    """Make the job and, in the same append, its first pods."""

    job: str
    """Id of the job: its stream is `job/<id>`, its pods' are `pod/<id>-<instance>`."""
    spec: JobSpec
    options: WorkflowOptions = WorkflowOptions()
    opaque: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartJob:
    """Want all pods to run."""

    expected_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopJob:
    """Want all pods to end."""

    expected_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJob:
    """Want all pods and then the job to be gone."""

    expected_version: str
    force: bool = False
    """False: only a job whose phase is exactly killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartJobPod:
    """Start one pod: the job's goal becomes to run, its goal counter stays."""

    instance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPod:
    """A pod tells its owner how it is."""

    instance: int
    run: int
    phase: PodPhase
    goal: Goal
    config: int
    failure_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueWorkflow:
    """Bring the next instances into flight."""

    workflow: int
    """Ordinal of the workflow it is about; another one ignores it."""


JobCommand = CreateJob | StartJob | StopJob | DeleteJob | StartJobPod | ReportPod | ContinueWorkflow


# ---------------------------------------------------------------- results


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAccepted:
    """Answer to an accepted command of a client: the job and its version after it."""

    job: str
    version: str
    """`<config>-<goal>-<workflow>`."""
