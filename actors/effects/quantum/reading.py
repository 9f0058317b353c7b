"""From the parser's small objects to ours: expressions, qubits, references to memory.

1. A refusal says what is wrong; whoever reads an instruction says in which.
"""

import math
from collections.abc import Mapping

import numpy as np
import quil.expression as parsed
from quil.expression import ExpressionFunction, InfixOperator, PrefixOperator
from quil.instructions import MemoryReference, Qubit

from actors.effects.quantum.expressions import (
    Call,
    Constant,
    Content,
    Expression,
    Function,
    Negative,
    NotRealError,
    Operation,
    Sign,
    Values,
    Variable,
    cells_of,
    evaluate,
    real_values,
    variables_of,
)
from actors.effects.quantum.memory import Cell, Declaration, MemoryType
from actors.effects.quantum.refusals import JobRefused

MAX_DEPTH = 200
_SIGNS = {
    InfixOperator.PLUS: Sign.PLUS,
    InfixOperator.MINUS: Sign.MINUS,
    InfixOperator.STAR: Sign.TIMES,
    InfixOperator.SLASH: Sign.OVER,
    InfixOperator.CARET: Sign.POWER,
}
_FUNCTIONS = {
    ExpressionFunction.SINE: Function.SIN,
    ExpressionFunction.COSINE: Function.COS,
    ExpressionFunction.SQUARE_ROOT: Function.SQRT,
    ExpressionFunction.EXPONENT: Function.EXP,
    ExpressionFunction.CIS: Function.CIS,
}


def read_qubit(qubit: Qubit) -> int:
    """Answer the number of a qubit."""
    match qubit:
        case Qubit.Fixed(number):
            return number
        case _:
            raise JobRefused(f"{qubit.to_quil_or_debug()} is not the number of a qubit")


def read_cell(reference: MemoryReference, declared: Mapping[str, Declaration]) -> Cell:
    """Answer the cell of a reference to declared memory."""
    declaration = declared.get(reference.name)
    if declaration is None:
        raise JobRefused(f"region {reference.name} is not declared")
    if reference.index >= declaration.length:
        raise JobRefused(
            f"{reference.name}[{reference.index}] lies outside of "
            f"{declaration.type.value}[{declaration.length}]"
        )
    return Cell(reference.name, reference.index)


def read_argument(expression: parsed.Expression, declared: Mapping[str, Declaration]) -> Expression:
    """Read a gate's argument; what depends on nothing becomes a finite, real constant."""
    if isinstance(expression, parsed.Expression.Number) and not expression._0.imag:  # noqa: SLF001 named so
        number = expression._0.real  # noqa: SLF001 as above
        if math.isfinite(number):  # the common case, and the quick one
            return Constant(complex(number))
    read = read_expression(expression, declared)
    if unknown := sorted(variables_of(read)):
        raise JobRefused(f"%{unknown[0]} has no value here")
    if any(declared[cell.region].type not in _NUMBERS for cell in cells_of(read)):
        raise JobRefused("an argument is computed from bits or octets")
    if not cells_of(read):
        try:
            return Constant(complex(real_values(evaluate(read, _no_memory, {}))[0]))
        except NotRealError as error:
            raise JobRefused(str(error)) from None
    return read


_NUMBERS = (MemoryType.INTEGER, MemoryType.REAL)


def read_expression(
    expression: parsed.Expression, declared: Mapping[str, Declaration], depth: int = 0
) -> Expression:
    """Read an expression.

    Raises:
        JobRefused: when it is nested too deeply or reads memory that is not declared.
    """
    if depth > MAX_DEPTH:
        raise JobRefused(f"an expression is nested more than {MAX_DEPTH} deep")
    match expression:
        case parsed.Expression.Number(number):
            return Constant(number)
        case parsed.Expression.Pi():
            return Constant(np.pi)
        case parsed.Expression.Variable(name):
            return Variable(name)
        case parsed.Expression.Address(reference):
            return Content(read_cell(reference, declared))
        case parsed.Expression.Prefix(prefix):
            operand = read_expression(prefix.expression, declared, depth + 1)
            return Negative(operand) if prefix.operator is PrefixOperator.MINUS else operand
        case parsed.Expression.Infix(infix):
            return Operation(
                _SIGNS[infix.operator],
                read_expression(infix.left, declared, depth + 1),
                read_expression(infix.right, declared, depth + 1),
            )
        case parsed.Expression.FunctionCall(call):
            return Call(_FUNCTIONS[call.function], read_expression(call.expression, declared, depth + 1))
        case _:
            raise AssertionError(f"the parser knows more than we do: {expression!r}")


def _no_memory(cell: Cell) -> Values:
    raise AssertionError(f"a constant reads {cell}")
