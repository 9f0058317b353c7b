"""From the parser's classical instructions to steps, with the types of their operands checked.

1. Types must agree, as the Quil specification has it; an integer literal also serves as a REAL.
2. Conversion between types is CONVERT's alone.
"""

from collections.abc import Mapping

from quil.instructions import (
    ArithmeticOperand,
    ArithmeticOperator,
    BinaryOperand,
    BinaryOperator,
    ComparisonOperand,
    ComparisonOperator,
    Instruction,
    MemoryReference,
    UnaryOperator,
)

from actors.effects.quantum.memory import Cell, Declaration, MemoryType
from actors.effects.quantum.reading import read_cell
from actors.effects.quantum.refusals import JobRefused
from actors.effects.quantum.steps import (
    Arithmetic,
    Calculate,
    Classical,
    Compare,
    Comparison,
    Convert,
    Exchange,
    Load,
    Logic,
    Move,
    Negate,
    Not,
    Operand,
    Store,
)

_NUMBERS = (MemoryType.INTEGER, MemoryType.REAL)
_WORDS = (MemoryType.BIT, MemoryType.OCTET, MemoryType.INTEGER)
_ARITHMETIC = {
    ArithmeticOperator.ADD: Arithmetic.ADD,
    ArithmeticOperator.SUBTRACT: Arithmetic.SUB,
    ArithmeticOperator.MULTIPLY: Arithmetic.MUL,
    ArithmeticOperator.DIVIDE: Arithmetic.DIV,
}
_LOGIC = {BinaryOperator.AND: Logic.AND, BinaryOperator.IOR: Logic.IOR, BinaryOperator.XOR: Logic.XOR}
_COMPARISONS = {
    ComparisonOperator.EQUAL: Comparison.EQ,
    ComparisonOperator.GREATER_THAN: Comparison.GT,
    ComparisonOperator.GREATER_THAN_OR_EQUAL: Comparison.GE,
    ComparisonOperator.LESS_THAN: Comparison.LT,
    ComparisonOperator.LESS_THAN_OR_EQUAL: Comparison.LE,
}
_RANGES = {
    MemoryType.BIT: range(2),
    MemoryType.OCTET: range(256),
    MemoryType.INTEGER: range(-(2**63), 2**63),
    MemoryType.REAL: range(-(2**63), 2**63),
}
_AnyOperand = ArithmeticOperand | BinaryOperand | ComparisonOperand


def read_classical(instruction: Instruction, declared: Mapping[str, Declaration]) -> Classical | None:
    """Read an instruction; None when it is not one of these.

    Raises:
        JobRefused: when an operand is not of the type it must be of.
    """
    operands = _Operands(declared)
    match instruction:
        case Instruction.Move(move):
            destination = operands.cell(move.destination)
            return Move(destination, operands.like(destination, move.source))
        case Instruction.Convert(convert):
            return Convert(operands.cell(convert.destination), operands.cell(convert.source))
        case Instruction.Exchange(exchange):
            left, right = operands.cell(exchange.left), operands.cell(exchange.right)
            operands.check_alike(left, right)
            return Exchange(left, right)
        case Instruction.Load(load):
            destination, index = operands.cell(load.destination), operands.index(load.offset)
            operands.check_alike(destination, operands.first_of(load.source))
            return Load(destination, load.source, index)
        case Instruction.Store(store):
            first = operands.first_of(store.destination)
            index = operands.index(store.offset)
            return Store(store.destination, index, operands.like(first, store.source))
        case Instruction.Arithmetic(arithmetic):
            destination = operands.cell(arithmetic.destination, _NUMBERS)
            source = operands.like(destination, arithmetic.source)
            return Calculate(_ARITHMETIC[arithmetic.operator], destination, source)
        case Instruction.BinaryLogic(logic) if logic.operator in _LOGIC:
            destination = operands.cell(logic.destination, _WORDS)
            return Calculate(_LOGIC[logic.operator], destination, operands.like(destination, logic.source))
        case Instruction.Comparison(comparison):
            destination = operands.cell(comparison.destination, (MemoryType.BIT,))
            left = operands.cell(comparison.lhs)
            operator = _COMPARISONS[comparison.operator]
            return Compare(operator, destination, left, operands.like(left, comparison.rhs))
        case Instruction.UnaryLogic(unary) if unary.operator is UnaryOperator.NEG:
            return Negate(operands.cell(unary.operand, _NUMBERS))
        case Instruction.UnaryLogic(unary):
            return Not(operands.cell(unary.operand, _WORDS))
        case _:
            return None


class _Operands:
    def __init__(self, declared: Mapping[str, Declaration]) -> None:
        self._declared = declared

    def cell(self, reference: MemoryReference, types: tuple[MemoryType, ...] = tuple(MemoryType)) -> Cell:
        """A cell of one of these types."""
        cell = read_cell(reference, self._declared)
        if self._type(cell) not in types:
            raise JobRefused(f"{cell} is {self._type(cell).value}, not {_either(types)}")
        return cell

    def index(self, reference: MemoryReference) -> Cell:
        """A cell that holds an index."""
        return self.cell(reference, (MemoryType.OCTET, MemoryType.INTEGER))

    def first_of(self, region: str) -> Cell:
        """The first cell of a region, for its type."""
        return self.cell(MemoryReference(region, 0))

    def check_alike(self, left: Cell, right: Cell) -> None:
        """See that two cells are of one type."""
        if self._type(left) is not self._type(right):
            raise JobRefused(f"{left} is {self._type(left).value}, {right} is {self._type(right).value}")

    def like(self, cell: Cell, operand: _AnyOperand) -> Operand:
        """A cell or literal of a cell's type."""
        needed = self._type(cell)
        match operand:
            case (
                ArithmeticOperand.LiteralInteger(whole)
                | BinaryOperand.LiteralInteger(whole)
                | ComparisonOperand.LiteralInteger(whole)
            ):
                if whole not in _RANGES[needed]:
                    raise JobRefused(f"{whole} is no {needed.value}")
                return float(whole) if needed is MemoryType.REAL else whole
            case ArithmeticOperand.LiteralReal(real) | ComparisonOperand.LiteralReal(real):
                if needed is not MemoryType.REAL:
                    raise JobRefused(f"{real} is no {needed.value}")
                return real
            case (
                ArithmeticOperand.MemoryReference(reference)
                | BinaryOperand.MemoryReference(reference)
                | ComparisonOperand.MemoryReference(reference)
            ):
                other = self.cell(reference)
                self.check_alike(cell, other)
                return other
            case _:
                raise AssertionError(f"the parser knows more than we do: {operand!r}")

    def _type(self, cell: Cell) -> MemoryType:
        return self._declared[cell.region].type


def _either(types: tuple[MemoryType, ...]) -> str:
    return " or ".join(it.value for it in types)
