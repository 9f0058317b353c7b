"""Hands tasks to workers: queues, joint decisions, limits, and the engines that do the work."""

from actors.effects.dispatch.dispatcher import Dispatch
from actors.effects.dispatch.engine import (
    Listener,
    Report,
    TaskBroke,
    TaskDone,
    TaskEngine,
    TaskLeft,
    TaskOrder,
    WorkerGone,
    WorkerUp,
)

__all__ = [
    "Dispatch",
    "Listener",
    "Report",
    "TaskBroke",
    "TaskDone",
    "TaskEngine",
    "TaskLeft",
    "TaskOrder",
    "WorkerGone",
    "WorkerUp",
]
