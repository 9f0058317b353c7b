"""A task: one unit of finite work that is handed to a worker."""

from collections.abc import Callable, Sequence
from typing import cast

from actors.kernel.decider import Decide, Entity
from actors.task.decider import decide, evolve, outstanding, react
from actors.task.state import ALLOWED, TRANSITIONS, TaskState, is_finished

ENTITY: Entity[TaskState] = Entity(
    name="task",
    decide=cast("Decide[TaskState]", decide),  # the kernel routes only a task's commands to it
    evolve=cast("Callable[[TaskState | None, str, object], TaskState]", evolve),
    react=cast("Callable[[TaskState, object], Sequence[object]]", react),
    outstanding=outstanding,
    is_finished=is_finished,
)
"""The task as the kernel is told of it."""

__all__ = ["ALLOWED", "ENTITY", "TRANSITIONS", "TaskState", "decide", "evolve", "outstanding", "react"]
