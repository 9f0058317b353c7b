"""A command to each of many pods of a job, as effects.

1. Receivers are in the order in which they are given, so that the ordinal of each send is the same
   whenever it is derived again.
2. The sends are made when they are asked for: 100 000 of them cost a tuple of numbers.
"""

from collections.abc import Callable, Sequence
from typing import overload

from actors.job.state import JobState
from actors.kernel.decider import Send
from actors.pod.commands import PodCommand


class Broadcast(Sequence[Send]):
    """The sends of commands to pods."""

    __slots__ = ("_command", "_instances", "_state")

    def __init__(
        self, state: JobState, instances: Sequence[int], command: Callable[[int], PodCommand]
    ) -> None:
        self._state = state
        self._instances = instances
        self._command = command

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
        return Send(self._state.pod_stream(instance), self._command(instance))
