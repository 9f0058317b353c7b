"""The matrices of a programme's gates: built together beforehand where that can be.

1. A gate whose arguments no step can change is prepared: all of one name are built in one go.
2. The others are built when they are reached, one matrix for each branch. So are those of a name of which
   one cannot be built: perhaps none reaches it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np

from actors.effects.quantum.classical import BranchMemory
from actors.effects.quantum.expressions import Constant, Expression, NotRealError, evaluate, real_values
from actors.effects.quantum.gates import Angles, Matrices
from actors.effects.quantum.refusals import ProgramFailed
from actors.effects.quantum.steps import Apply, GateDefinition, Program
from actors.effects.quantum.unitaries import NotUnitaryError, matrices_of

_PREPARED_ENTRIES = 2**20
"""Of all prepared matrices of a gate; beyond, each is built when it is reached."""


class GateMatrices:
    """Answers the matrices of a step's alternatives.

    Args:
        program: whose gates they are.
        memory: the content before the first step; one branch.
    """

    def __init__(self, program: Program, memory: BranchMemory) -> None:
        self._definitions: Mapping[str, GateDefinition] = {it.name: it for it in program.definitions}
        self._prepared: dict[tuple[int, int], Matrices] = {}
        uses: defaultdict[str, list[tuple[tuple[int, int], Apply]]] = defaultdict(list)
        for number, step in enumerate(program.steps):
            if isinstance(step, Apply):
                for which, alternative in enumerate(step.alternatives):
                    if alternative.regions.isdisjoint(program.written):
                        uses[step.gate].append(((number, which), step))
        for gate, prepared in uses.items():
            with suppress(ProgramFailed):
                self._prepare(gate, prepared, memory)

    def of(self, number: int, which: int, apply: Apply, memory: BranchMemory) -> Matrices:
        """The matrices of a step's alternative: one for all branches, or one for each.

        Raises:
            ProgramFailed: when an argument is not a finite real number, or a gate is not unitary with it.
        """
        matrices = self._prepared.get((number, which))
        if matrices is None:
            arguments = [_angles(it, memory, apply) for it in apply.alternatives[which].arguments]
            matrices = self._built(apply.gate, np.broadcast_arrays(*arguments) if arguments else ())
        return matrices.conj().swapaxes(1, 2) if apply.is_adjoint else matrices

    def _prepare(
        self, gate: str, uses: Sequence[tuple[tuple[int, int], Apply]], memory: BranchMemory
    ) -> None:
        rows = [
            [_angles(it, memory, apply) for it in apply.alternatives[place[1]].arguments]
            for place, apply in uses
        ]
        entries = 4 ** len(uses[0][1].targets)
        if rows[0] and len(rows) * entries > _PREPARED_ENTRIES:
            return
        matrices = self._built(gate, [np.concatenate(column) for column in zip(*rows, strict=True)])
        for index, (place, _) in enumerate(uses):
            at = index if rows[0] else 0
            self._prepared[place] = matrices[at : at + 1]

    def _built(self, gate: str, arguments: Sequence[Angles]) -> Matrices:
        try:
            return matrices_of(gate, self._definitions, arguments)
        except NotUnitaryError as error:
            raise ProgramFailed(str(error)) from None


def _angles(expression: Expression, memory: BranchMemory, apply: Apply) -> Angles:
    if isinstance(expression, Constant):
        return np.array([expression.value.real])
    try:
        return real_values(evaluate(expression, memory.values, {}))
    except NotRealError as error:
        raise ProgramFailed(f"{apply.text}: {error}") from None
