"""One command to every pod of a job, as effects.

1. Receivers are in the order of instance numbers, so that the ordinal of each send is the same
   whenever it is derived again.
2. The sends are made when they are asked for: 100 000 of them cost a tuple of numbers.
"""

from collections.abc import Sequence
from typing import overload

from actors.job.state import JobState
from actors.kernel.decider import Send
from actors.pod.commands import PodCommand


class Broadcast(Sequence[Send]):
    """The sends of a command to all pods that a job has."""

    __slots__ = ("_command", "_instances", "_state")

    def __init__(self, state: JobState, command: PodCommand) -> None:
        self._state = state
        self._command = command
        self._instances = tuple(sorted(state.pods))

    @overload
    def __getitem__(self, index: int) -> Send: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Send]: ...
    def __getitem__(self, index: int | slice) -> Send | Sequence[Send]:
        if isinstance(index, slice):
            return tuple(self._to(instance) for instance in self._instances[index])
        return self._to(self._instances[index])

    def __len__(self) -> int:
        return len(self._instances)

    def _to(self, instance: int) -> Send:
        return Send(self._state.pod_stream(instance), self._command)
