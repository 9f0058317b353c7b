"""From the parser's instructions to steps: gates, measurements, resets and jumps.

1. Whatever is not read here or in `classical_reading` is not supported, and the refusal says so.
"""

from collections.abc import Mapping

import numpy as np
from quil.instructions import Gate, GateModifier, Instruction, Measurement, MemoryReference, Target

from actors.effects.quantum.classical_reading import read_classical
from actors.effects.quantum.expressions import Constant
from actors.effects.quantum.gates import STANDARD
from actors.effects.quantum.memory import Cell, Declaration, MemoryType
from actors.effects.quantum.reading import read_argument, read_cell, read_qubit
from actors.effects.quantum.refusals import JobRefused
from actors.effects.quantum.steps import (
    Alternative,
    Apply,
    GateDefinition,
    Halt,
    Jump,
    JumpIf,
    Measure,
    Reset,
    Step,
)
from actors.effects.quantum.unitaries import NotUnitaryError, matrices_of


class Reader:
    """Reads one programme's instructions.

    Args:
        declared: its regions, by name.
        definitions: its gates, by name.
        positions: the position of each qubit's number, in order of number.
        labels: the step at which each label stands.
    """

    def __init__(
        self,
        declared: Mapping[str, Declaration],
        definitions: Mapping[str, GateDefinition],
        positions: Mapping[int, int],
        labels: Mapping[str, int],
    ) -> None:
        self.positions = positions
        self._declared = declared
        self._definitions = definitions
        self._labels = labels
        self._readouts: dict[Cell, int] = {}

    @property
    def readouts(self) -> tuple[str, ...]:
        """What was measured into so far."""
        return tuple(map(str, self._readouts))

    def read(self, instruction: Instruction) -> Step:
        """Read an instruction.

        Raises:
            JobRefused: when it is not supported, or cannot be carried out.
        """
        match instruction:
            case Instruction.Gate(gate):
                return self._gate(gate)
            case Instruction.Measurement(measurement):
                return self._measurement(measurement)
            case Instruction.Reset(reset):
                return Reset(None if reset.qubit is None else self.positions[read_qubit(reset.qubit)])
            case Instruction.Halt():
                return Halt()
            case Instruction.Jump(jump):
                return Jump(self._label(jump.target))
            case Instruction.JumpWhen(jump_when):
                return JumpIf(self._label(jump_when.target), self._bit(jump_when.condition), wanted=True)
            case Instruction.JumpUnless(jump_unless):
                target = self._label(jump_unless.target)
                return JumpIf(target, self._bit(jump_unless.condition), wanted=False)
            case _:
                step = read_classical(instruction, self._declared)
                if step is None:
                    raise JobRefused(f"{_kind(instruction)} is not supported")
                return step

    def _gate(self, gate: Gate) -> Apply:
        parameters, targets = self._form(gate.name)
        conditioned = [it for it in gate.modifiers if it is not GateModifier.DAGGER]
        forks = conditioned.count(GateModifier.FORKED)
        numbers = [read_qubit(qubit) for qubit in gate.qubits]
        if len(numbers) != targets + len(conditioned):
            raise JobRefused(
                f"{gate.name} takes {targets + len(conditioned)} qubits here, not {len(numbers)}"
            )
        if len(set(numbers)) < len(numbers):
            raise JobRefused("a qubit stands twice")
        if len(gate.parameters) != parameters << forks:
            raise JobRefused(
                f"{gate.name} takes {parameters << forks} parameters here, not {len(gate.parameters)}"
            )
        arguments = [read_argument(parameter, self._declared) for parameter in gate.parameters]
        positions = [self.positions[number] for number in numbers]
        alternatives = [Alternative((), tuple(arguments))]
        for modifier, position in zip(conditioned, positions, strict=False):
            if modifier is GateModifier.CONTROLLED:
                alternatives = [_controlled(it, position) for it in alternatives]
            elif parameters:  # without parameters both sides are alike
                alternatives = [side for it in alternatives for side in _forked(it, position)]
        read = Apply(
            text=_short(gate.to_quil_or_debug()),
            gate=gate.name,
            is_adjoint=gate.modifiers.count(GateModifier.DAGGER) % 2 == 1,
            alternatives=tuple(alternatives),
            targets=tuple(positions[len(conditioned) :]),
        )
        self._check_defined(read)
        return read

    def _form(self, name: str) -> tuple[int, int]:
        """How many parameters and qubits the gate of a name takes."""
        if (definition := self._definitions.get(name)) is not None:
            return len(definition.parameters), definition.qubits
        if (standard := STANDARD.get(name)) is not None:
            return standard.parameters, standard.qubits
        raise JobRefused(f"there is no gate {name[:64]}")

    def _check_defined(self, apply: Apply) -> None:
        """See that a defined gate is unitary with arguments that are known already."""
        for alternative in apply.alternatives if apply.gate in self._definitions else ():
            known = [it.value for it in alternative.arguments if isinstance(it, Constant)]
            if known and len(known) == len(alternative.arguments):
                try:
                    matrices_of(apply.gate, self._definitions, [np.array([value.real]) for value in known])
                except NotUnitaryError as error:
                    raise JobRefused(str(error)) from None

    def _measurement(self, measurement: Measurement) -> Measure:
        if measurement.name is not None:
            raise JobRefused("a named measurement is not supported")
        position = self.positions[read_qubit(measurement.qubit)]
        if measurement.target is None:
            return Measure(position, None, -1)
        target = read_cell(measurement.target, self._declared)
        if self._declared[target.region].type is MemoryType.REAL:
            raise JobRefused("an outcome is no REAL")
        return Measure(position, target, self._readouts.setdefault(target, len(self._readouts)))

    def _label(self, target: Target) -> int:
        name = target.to_quil_or_debug().removeprefix("@")
        if name not in self._labels:
            raise JobRefused("there is no such label")
        return self._labels[name]

    def _bit(self, reference: MemoryReference) -> Cell:
        cell = read_cell(reference, self._declared)
        if self._declared[cell.region].type is not MemoryType.BIT:
            raise JobRefused(f"{cell} is no BIT")
        return cell


def _controlled(alternative: Alternative, position: int) -> Alternative:
    return Alternative((*alternative.conditions, (position, 1)), alternative.arguments)


def _forked(alternative: Alternative, position: int) -> tuple[Alternative, Alternative]:
    """The first half of the arguments where the qubit is 0, the second where it is 1."""
    half = len(alternative.arguments) // 2
    return (
        Alternative((*alternative.conditions, (position, 0)), alternative.arguments[:half]),
        Alternative((*alternative.conditions, (position, 1)), alternative.arguments[half:]),
    )


def _kind(instruction: Instruction) -> str:
    """The word by which an instruction is known."""
    words = instruction.to_quil_or_debug().split(maxsplit=1)
    return words[0] if words else "this"


def _short(words: str) -> str:
    return words if len(words) <= 80 else f"{words[:80]}…"  # noqa: PLR2004 a readable length
