"""What a worker is told to run: the body of a task.

1. It holds everything that the outcome depends on: the same order gives the same result anywhere.
"""

from dataclasses import dataclass

import msgpack

from actors.effects.quantum.memory import MemoryValue
from actors.effects.quantum.values import named_values_from, only, value_of

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One configuration of a job, ready to be run."""

    quil: str
    shots: int
    patches: tuple[tuple[str, MemoryValue], ...] = ()
    seed: tuple[int, ...]
    """As `run.seed_of` gives it."""
    hold_us: int = 0
    """Least microseconds to hold the hardware."""
    max_qubits: int = 16

    def to_bytes(self) -> bytes:
        """Write."""
        patches = [(name, value_of(value)) for name, value in self.patches]
        written: bytes = msgpack.packb(
            (_VERSION, self.quil, self.shots, patches, self.seed, self.hold_us, self.max_qubits)
        )
        return written

    @classmethod
    def from_bytes(cls, written: bytes) -> "Order":
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: for anything else.
        """
        match msgpack.unpackb(written):
            case [
                int(version),
                str(quil),
                int(shots),
                [*patches],
                [*seed],
                int(hold_us),
                int(max_qubits),
            ] if version == _VERSION:
                return cls(
                    quil=quil,
                    shots=shots,
                    patches=named_values_from(patches),
                    seed=tuple(only(int, seed)),
                    hold_us=hold_us,
                    max_qubits=max_qubits,
                )
            case _:
                raise ValueError("not an order")
