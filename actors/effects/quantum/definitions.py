"""Gates that a programme defines: DEFGATE as matrix, permutation or sum of Paulis.

1. A definition without parameters is checked to be unitary here; one with parameters where it is used.
"""

from collections.abc import Sequence

from quil.expression import Expression as ParsedExpression
from quil.instructions import GateDefinition as ParsedDefinition
from quil.instructions import GateSpecification, PauliGate, PauliTerm
from quil.instructions import PauliSum as ParsedSum

from actors.effects.quantum.expressions import Expression, variables_of
from actors.effects.quantum.reading import read_expression
from actors.effects.quantum.refusals import JobRefused
from actors.effects.quantum.steps import GateDefinition, Matrix, PauliSum, Permutation
from actors.effects.quantum.unitaries import NotUnitaryError, matrices_of

_LETTERS = {PauliGate.I: "I", PauliGate.X: "X", PauliGate.Y: "Y", PauliGate.Z: "Z"}


MAX_QUBITS = 8
"""Of a defined gate: its matrix is held whole."""


def read_definition(definition: ParsedDefinition) -> GateDefinition:
    """Read a definition.

    Raises:
        JobRefused: when it defines no gate on at most MAX_QUBITS qubits.
    """
    if len(set(definition.parameters)) < len(definition.parameters):
        raise JobRefused("a parameter stands twice")
    qubits, body = _body(definition)
    read = GateDefinition(definition.name, tuple(definition.parameters), qubits, body)
    if not read.parameters:
        try:
            matrices_of(read.name, {read.name: read}, ())
        except NotUnitaryError as error:
            raise JobRefused(str(error)) from None
    return read


def _body(definition: ParsedDefinition) -> tuple[int, Matrix | Permutation | PauliSum]:
    """The number of qubits, and what is done to them."""
    parameters = definition.parameters
    match definition.specification:
        case GateSpecification.Matrix(rows):
            return _qubits(len(rows)), _matrix(parameters, rows)
        case GateSpecification.Permutation(images):
            return _qubits(len(images)), _permutation(parameters, images)
        case GateSpecification.PauliSum(pauli_sum):
            return _qubits(2 ** min(len(pauli_sum.arguments), MAX_QUBITS + 1)), _sum(parameters, pauli_sum)
        case _:
            raise JobRefused("AS SEQUENCE is not supported")


def _qubits(size: int) -> int:
    if size > 2**MAX_QUBITS:
        raise JobRefused(f"a gate on more than {MAX_QUBITS} qubits cannot be defined")
    if size < 2 or size & (size - 1):  # noqa: PLR2004 one qubit has two rows
        raise JobRefused(f"the number of rows is {size}, not a power of two")
    return size.bit_length() - 1


def _matrix(parameters: Sequence[str], rows: Sequence[Sequence[ParsedExpression]]) -> Matrix:
    if any(len(row) != len(rows) for row in rows):
        raise JobRefused("the matrix is not square")
    return Matrix(tuple(tuple(_entry(entry, parameters) for entry in row) for row in rows))


def _permutation(parameters: Sequence[str], images: Sequence[int]) -> Permutation:
    if parameters:
        raise JobRefused("a permutation has no parameters")
    if sorted(images) != list(range(len(images))):
        raise JobRefused(f"the numbers are no permutation of 0 to {len(images) - 1}")
    return Permutation(tuple(images))


def _sum(parameters: Sequence[str], pauli_sum: ParsedSum) -> PauliSum:
    if len(set(pauli_sum.arguments)) < len(pauli_sum.arguments):
        raise JobRefused("a qubit stands twice")
    return PauliSum(tuple(_term(term, pauli_sum.arguments, parameters) for term in pauli_sum.terms))


def _term(term: PauliTerm, qubits: Sequence[str], parameters: Sequence[str]) -> tuple[str, Expression]:
    letters = {qubit: _LETTERS[gate] for gate, qubit in term.arguments}
    if len(letters) < len(term.arguments):
        raise JobRefused("a term names a qubit twice")
    return "".join(letters.get(qubit, "I") for qubit in qubits), _entry(term.expression, parameters)


def _entry(expression: ParsedExpression, parameters: Sequence[str]) -> Expression:
    read = read_expression(expression, {})
    if unknown := sorted(variables_of(read) - set(parameters)):
        raise JobRefused(f"%{unknown[0]} is no parameter")
    return read
