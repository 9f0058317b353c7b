"""Commands that an entity wants to be given at a time.

1. A timer is armed by an effect, so it is armed again after a restart; being early is impossible,
   being late or repeated is not: deciders check.
2. Arming a key of an entity again replaces what was armed under it.
3. A command that could not be stored is given again after a pause.
"""

from collections.abc import Callable

from actors.kernel.clock import Clock, Timer
from actors.kernel.decider import ArmTimer, Rejection
from actors.kernel.mailbox import LoopFuture
from actors.kernel.post import TRANSIENT, Deliver
from actors.kernel.request import Answer, Request

PAUSE_US = 1_000_000


class Timers:
    """All armed timers."""

    def __init__(self, *, clock: Clock, deliver: Deliver) -> None:
        self._clock = clock
        self._deliver = deliver
        self._armed: dict[tuple[str, str], Timer] = {}

    def __len__(self) -> int:
        return len(self._armed)

    def arm(self, stream: str, timer: ArmTimer) -> None:
        """Give an entity a command when it is due."""
        name = (stream, timer.key)
        if (armed := self._armed.pop(name, None)) is not None:
            armed.cancel()
        self._armed[name] = self._clock.call_at(timer.due_at, self._when_due(name, timer.command))

    def close(self) -> None:
        """Disarm all."""
        for armed in self._armed.values():
            armed.cancel()
        self._armed.clear()

    def _when_due(self, name: tuple[str, str], command: object) -> Callable[[], None]:
        def due() -> None:
            self._armed.pop(name, None)
            reply: LoopFuture[Answer] = LoopFuture()
            reply.then(answered)
            self._deliver(name[0], Request(command=command), reply)

        def answered(reply: "LoopFuture[Answer]") -> None:  # as text: it is made for each timer
            try:
                answer = reply.get()
            except Exception:  # noqa: BLE001 - a bug, logged where it was raised
                return
            if isinstance(answer, Rejection) and answer.code in TRANSIENT and name not in self._armed:
                self._armed[name] = self._clock.call_at(self._clock.now() + PAUSE_US, due)

        return due
