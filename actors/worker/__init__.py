"""A worker: something that takes one task at a time."""

from collections.abc import Callable, Sequence
from typing import cast

from actors.kernel.decider import Decide, Entity
from actors.worker.decider import decide, evolve, outstanding, react
from actors.worker.state import ALLOWED, TRANSITIONS, WorkerState

ENTITY: Entity[WorkerState] = Entity(
    name="worker",
    decide=cast("Decide[WorkerState]", decide),  # the kernel routes only a worker's commands to it
    evolve=cast("Callable[[WorkerState | None, str, object], WorkerState]", evolve),
    react=cast("Callable[[WorkerState, object], Sequence[object]]", react),
    outstanding=outstanding,
    snapshot_schema=1,
)
"""The worker as the kernel is told of it."""

__all__ = ["ALLOWED", "ENTITY", "TRANSITIONS", "WorkerState", "decide", "evolve", "outstanding", "react"]
