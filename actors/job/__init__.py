"""A job: the wish for a number of pods kept alike."""

from collections.abc import Callable, Sequence
from typing import cast

from actors.job.decider import decide, outstanding, react
from actors.job.fold import evolve
from actors.job.state import ALLOWED, SENDERS, TRANSITIONS, JobState, is_finished
from actors.kernel.decider import Decide, Entity

ENTITY: Entity[JobState] = Entity(
    name="job",
    decide=cast("Decide[JobState]", decide),  # the kernel routes only a job's commands to it
    evolve=cast("Callable[[JobState | None, str, object], JobState]", evolve),
    react=cast("Callable[[JobState, object], Sequence[object]]", react),
    outstanding=outstanding,
    is_finished=is_finished,
    senders=SENDERS,
    snapshot_schema=1,
)
"""The job as the kernel is told of it."""

__all__ = ["ALLOWED", "ENTITY", "TRANSITIONS", "JobState", "decide", "evolve", "outstanding", "react"]
