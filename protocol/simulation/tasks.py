"""What becomes of tasks in a simulation: how long they take and how they end is chance.

1. Some leave their worker before they are done, some fail by themselves, some take the worker down,
   some hold it until their limit.
2. The engine ends with its server's life; what it was about to tell is never heard.
"""

from collections.abc import Callable
from random import Random

from actors.effects.dispatch import Listener, TaskOrder
from actors.effects.dispatch.simulated import SimulatedTaskEngine, TaskPlan
from actors.effects.quantum.result import Result
from actors.kernel.clock import Clock

SECOND = 1_000_000
FOR_EVER = 10_000 * SECOND


class ChanceTasks(SimulatedTaskEngine):
    """An engine of one server's life.

    Args:
        listener: Told of everything.
        clock: Of the server.
        chance: Decides.
        on_run: Told of every task that is handed to it, first.
    """

    def __init__(
        self, listener: Listener, clock: Clock, chance: Random, on_run: Callable[[TaskOrder], None]
    ) -> None:
        super().__init__(listener, clock, self._planned, start_us=chance.choice((0, SECOND)))
        self._chance = chance
        self._on_run = on_run

    def _planned(self, order: TaskOrder) -> TaskPlan:
        self._on_run(order)
        chance = self._chance
        held_us = chance.choice((0, 1_000, SECOND // 2, 3 * SECOND))
        result = Result((("task", order.task.encode()),), ()).to_bytes()
        match chance.choices(("ends", "leaves", "fails", "crashes", "hangs"), (10, 5, 2, 1, 1))[0]:
            case "leaves":
                return TaskPlan(held_us=held_us, after_us=chance.choice((0, SECOND)), result=result)
            case "fails":
                return TaskPlan(held_us=held_us, result=None)
            case "crashes":
                return TaskPlan(held_us=held_us, is_crash=True)
            case "hangs":
                return TaskPlan(held_us=FOR_EVER)
            case _:
                return TaskPlan(held_us=held_us, result=result)
