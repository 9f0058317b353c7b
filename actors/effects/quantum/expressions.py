"""Arithmetic expressions of gate parameters, free of the parser's objects.

1. An expression is a frozen tree; it is evaluated for many branches at once: a cell answers one value
   for each branch.
2. Division by zero and the like give values that are not finite; whoever uses a value looks at that.
3. The square root of a negative number lies on the positive imaginary axis.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from actors.effects.quantum.memory import Cell

Values = NDArray[np.complex128]
"""One value for each branch; shape (branches,) or (1,)."""
_REAL_TOLERANCE = 1e-9


class Sign(Enum):
    """What stands between two operands."""

    PLUS = "+"
    MINUS = "-"
    TIMES = "*"
    OVER = "/"
    POWER = "^"


class Function(Enum):
    """What stands before parentheses."""

    SIN = "sin"
    COS = "cos"
    SQRT = "sqrt"
    EXP = "exp"
    CIS = "cis"


@dataclass(frozen=True, slots=True)
class Constant:
    """A number."""

    value: complex


@dataclass(frozen=True, slots=True)
class Content:
    """What a cell of memory holds."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class Variable:
    """A formal parameter of a gate definition."""

    name: str


@dataclass(frozen=True, slots=True)
class Negative:
    """The operand with the other sign."""

    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands and what stands between them."""

    sign: Sign
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Call:
    """A function of an operand."""

    function: Function
    operand: "Expression"


Expression = Constant | Content | Variable | Negative | Operation | Call

_FUNCTIONS: dict[Function, Callable[[Values], Values]] = {
    Function.SIN: np.sin,
    Function.COS: np.cos,
    Function.SQRT: np.sqrt,
    Function.EXP: np.exp,
    Function.CIS: lambda angle: np.exp(1j * angle),
}


def evaluate(
    expression: Expression, content: Callable[[Cell], Values], variables: Mapping[str, Values]
) -> Values:
    """Evaluate for all branches.

    Args:
        expression: what to evaluate; as deep as the parser's side lets pass.
        content: answers what a cell holds.
        variables: a value for each variable of the expression.
    """
    with np.errstate(all="ignore"):
        return _evaluate(expression, content, variables)


def _evaluate(
    expression: Expression, content: Callable[[Cell], Values], variables: Mapping[str, Values]
) -> Values:
    match expression:
        case Constant(value):
            return np.array([value], np.complex128)
        case Content(cell):
            return content(cell)
        case Variable(name):
            return variables[name]
        case Negative(operand):
            # Not -x: it would make -1-0j of 1+0j, whose root is on the other side of the cut.
            return 0 - _evaluate(operand, content, variables)
        case Operation(sign, left, right):
            first = _evaluate(left, content, variables)
            return _operate(sign, first, _evaluate(right, content, variables))
        case Call(function, operand):
            return _FUNCTIONS[function](_evaluate(operand, content, variables))
        case _:
            assert_never(expression)


def _operate(sign: Sign, left: Values, right: Values) -> Values:
    match sign:
        case Sign.PLUS:
            return left + right
        case Sign.MINUS:
            return left - right
        case Sign.TIMES:
            return left * right
        case Sign.OVER:
            return left / right
        case Sign.POWER:
            return np.power(left, right)
        case _:
            assert_never(sign)


class NotRealError(ValueError):
    """A value is not the finite real number that it must be."""


def real_values(values: Values) -> NDArray[np.float64]:
    """Answer values as the real numbers that they are.

    Raises:
        NotRealError: when one is not real or not finite.
    """
    if not np.isfinite(values).all():
        raise NotRealError("an argument is not a finite number")
    if (np.abs(values.imag) > _REAL_TOLERANCE * np.maximum(1.0, np.abs(values.real))).any():
        raise NotRealError("an argument is not a real number")
    return values.real


def cells_of(expression: Expression) -> frozenset[Cell]:
    """The cells that an expression reads."""
    match expression:
        case Constant() | Variable():
            return frozenset()
        case Content(cell):
            return frozenset((cell,))
        case Negative(operand) | Call(_, operand):
            return cells_of(operand)
        case Operation(_, left, right):
            return cells_of(left) | cells_of(right)
        case _:
            assert_never(expression)


def variables_of(expression: Expression) -> frozenset[str]:
    """The variables that an expression needs."""
    match expression:
        case Constant() | Content():
            return frozenset()
        case Variable(name):
            return frozenset((name,))
        case Negative(operand) | Call(_, operand):
            return variables_of(operand)
        case Operation(_, left, right):
            return variables_of(left) | variables_of(right)
        case _:
            assert_never(expression)
