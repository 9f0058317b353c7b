"""Runs a programme whose shots are all drawn from one evolution of the state.

1. Nothing is done to a qubit after its measurement, so that all measurements may as well come last.
2. Classical steps are carried out for each distinct outcome, since they can fail the programme; without any,
   for the last shot alone, whose memory is kept.
"""

import numpy as np

from actors.effects.quantum.branches import MAX_AMPLITUDES, Numbers
from actors.effects.quantum.classical import BranchMemory
from actors.effects.quantum.fusion import FusedState
from actors.effects.quantum.gate_matrices import GateMatrices
from actors.effects.quantum.memory import MemoryValue
from actors.effects.quantum.state_vector import State, zero_state
from actors.effects.quantum.steps import Apply, Halt, Jump, JumpIf, Measure, Program, Reset


def run_sampled(
    program: Program, memory: BranchMemory, shots: int, rng: np.random.Generator
) -> tuple[list[bytes], tuple[tuple[str, MemoryValue], ...]]:
    """Run all shots.

    Returns:
        The outcomes of each readout, and the memory after the last shot.

    Raises:
        ProgramFailed: when a gate or a classical step has no result.
    """
    drawn = _draw(_evolved(program, memory), shots, rng)
    outcomes = [bytes(shots)] * len(program.readouts)
    is_classical = False
    for step in program.steps:
        match step:
            case Halt():
                break
            case Measure(position, target, readout):
                if target is not None:
                    outcomes[readout] = (drawn >> position & 1).astype(np.uint8).tobytes()
            case Apply() | Reset() | Jump() | JumpIf():
                pass
            case _:
                is_classical = True
    if is_classical:
        size = max(1, MAX_AMPLITUDES // (1 + sum(it.length for it in program.declarations)))
        distinct = np.unique(drawn)
        for begin in range(0, len(distinct), size):
            _remember(program, memory, distinct[begin : begin + size])
    return outcomes, _remember(program, memory, drawn[-1:]).content(0)


def _evolved(program: Program, memory: BranchMemory) -> State:
    matrices = GateMatrices(program, memory)
    fused = FusedState(zero_state(len(program.qubits)))
    for number, step in enumerate(program.steps):
        match step:
            case Apply():
                for which, alternative in enumerate(step.alternatives):
                    fused.apply(
                        matrices.of(number, which, step, memory), step.targets, alternative.conditions
                    )
            case Reset():
                fused = FusedState(zero_state(len(program.qubits)))
            case Halt():
                break
            case _:
                pass
    return fused.state


def _draw(state: State, shots: int, rng: np.random.Generator) -> Numbers:
    """The index of a basis state for each shot."""
    sums = np.cumsum(state[0].real ** 2 + state[0].imag ** 2)
    drawn = np.searchsorted(sums, rng.random(shots) * sums[-1], side="right")
    # The product may round up to the whole sum: the last state with any weight is meant then.
    return np.asarray(np.minimum(drawn, np.searchsorted(sums, sums[-1])))


def _remember(program: Program, memory: BranchMemory, drawn: Numbers) -> BranchMemory:
    """The memory after the shots in which these basis states were drawn."""
    memory = memory.of_branches(np.zeros(len(drawn), np.int64))
    for step in program.steps:
        match step:
            case Halt():
                break
            case Measure(position, target, _):
                if target is not None:
                    memory.write(target, drawn >> position & 1)
            case Apply() | Reset() | Jump() | JumpIf():
                pass
            case classical:
                memory.run(classical)
    return memory
