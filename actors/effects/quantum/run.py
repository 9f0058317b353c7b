"""Runs a checked programme.

1. The same programme, shots, patches and seed give the same result.
2. Shots are independent of each other: each begins with all qubits 0 and the patched memory.
"""

import hashlib

import numpy as np

from actors.effects.quantum.branches import Branching
from actors.effects.quantum.classical import BranchMemory
from actors.effects.quantum.memory import MemoryValue, Patches
from actors.effects.quantum.program import check_shots
from actors.effects.quantum.refusals import JobRefused, ProgramFailed
from actors.effects.quantum.result import Result
from actors.effects.quantum.sampled import run_sampled
from actors.effects.quantum.steps import Program

_WORD = 2**64


def seed_of(seed: int | None, configuration: int, job_id: str) -> tuple[int, ...]:
    """Answer what to seed a run with.

    Args:
        seed: the payload's; None for none.
        configuration: the index of the job's configuration within its request.
        job_id: used when there is no seed.
    """
    if seed is not None:
        return 1, seed % _WORD, configuration
    digest = hashlib.sha256(job_id.encode()).digest()
    return 0, *(int.from_bytes(digest[at : at + 8]) for at in range(0, 32, 8)), configuration


def run(program: Program, *, shots: int, patches: Patches, seed: tuple[int, ...]) -> Result:
    """Run a programme.

    Args:
        program: what is run.
        shots: how often, at least once.
        patches: checked against the programme's declarations.
        seed: as `seed_of` gives it.

    Raises:
        ProgramFailed: when it goes wrong by its own fault.
    """
    try:
        check_shots(program, shots)
    except JobRefused as error:
        raise ProgramFailed(str(error)) from None
    rng = np.random.default_rng(seed)
    memory = BranchMemory.patched(program.declarations, patches)
    if program.is_sampled:
        outcomes, content = run_sampled(program, memory, shots, rng)
    else:
        outcomes, content = _run_branching(program, memory, shots, rng)
    return Result(tuple(zip(program.readouts, outcomes, strict=True)), content)


def _run_branching(
    program: Program, memory: BranchMemory, shots: int, rng: np.random.Generator
) -> tuple[list[bytes], tuple[tuple[str, MemoryValue], ...]]:
    outcomes = np.zeros((len(program.readouts), shots), np.uint8)
    content: tuple[tuple[str, MemoryValue], ...] = ()
    for group in Branching(program, memory, rng).run(shots):
        outcomes[:, group.shots] = group.outcomes[group.branches].T
        last = np.flatnonzero(group.shots == shots - 1)
        if len(last):
            content = group.memory.content(int(group.branches[last[0]]))
    return [row.tobytes() for row in outcomes], content
