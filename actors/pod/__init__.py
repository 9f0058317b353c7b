"""A pod: one instance of something that runs, as its successive runs."""

from collections.abc import Callable, Sequence
from typing import cast

from actors.kernel.decider import Decide, Entity
from actors.pod.decider import decide, outstanding, react
from actors.pod.fold import evolve
from actors.pod.state import ALLOWED, SENDERS, TRANSITIONS, PodState, is_finished

ENTITY: Entity[PodState] = Entity(
    name="pod",
    decide=cast("Decide[PodState]", decide),  # the kernel routes only a pod's commands to it
    evolve=cast("Callable[[PodState | None, str, object], PodState]", evolve),
    react=cast("Callable[[PodState, object], Sequence[object]]", react),
    outstanding=outstanding,
    is_finished=is_finished,
    senders=SENDERS,
    snapshot_schema=1,
)
"""The pod as the kernel is told of it."""

__all__ = ["ALLOWED", "ENTITY", "TRANSITIONS", "PodState", "decide", "evolve", "outstanding", "react"]
