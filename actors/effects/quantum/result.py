"""What a run gives, and its form as bytes.

1. One byte of a readout is one shot's outcome, 0 or 1, in the order of shots.
"""

from dataclasses import dataclass

import msgpack

from actors.effects.quantum.memory import MemoryValue
from actors.effects.quantum.values import named_values_from, value_of

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Result:
    """The outcomes of all shots."""

    readouts: tuple[tuple[str, bytes], ...]
    """For each reference that MEASURE writes, in order of its first MEASURE in the text: the last outcome
    measured into it in each shot, 0 where the shot measured none."""
    memory: tuple[tuple[str, MemoryValue], ...]
    """For each declared region, in order of name: its content at the end of the last shot."""

    def to_bytes(self) -> bytes:
        """Write."""
        written: bytes = msgpack.packb(
            (_VERSION, self.readouts, [(name, value_of(value)) for name, value in self.memory])
        )
        return written

    @classmethod
    def from_bytes(cls, written: bytes) -> "Result":
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: for anything else.
        """
        match msgpack.unpackb(written):
            case [int(version), [*readouts], [*memory]] if version == _VERSION:
                return cls(tuple(map(_readout, readouts)), named_values_from(memory))
            case _:
                raise ValueError("not the result of a run")


def _readout(plain: object) -> tuple[str, bytes]:
    match plain:
        case [str(name), bytes(outcomes)]:
            return name, outcomes
        case _:
            raise ValueError("not a readout")
