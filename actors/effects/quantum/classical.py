"""The classical memory of many branches at once, and the steps that work on it.

1. A region is an array of shape (branches, cells): BIT and OCTET uint8, INTEGER int64, REAL float64.
2. INTEGER arithmetic wraps around at 64 bits; DIV of INTEGER drops the fraction; NOT of a BIT inverts it,
   of anything wider all its bits.
3. What has no result fails the programme: a division by zero, an index beyond the region, a REAL that is
   not finite or that an INTEGER cannot hold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from actors.effects.quantum.expressions import Values
from actors.effects.quantum.memory import (
    Cell,
    Declaration,
    Integers,
    MemoryType,
    MemoryValue,
    Octets,
    Patches,
    Reals,
)
from actors.effects.quantum.refusals import ProgramFailed
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

Column = NDArray[Any]
"""One value for each branch, of the region's type."""
_FORMS: Mapping[MemoryType, type[np.generic]] = {
    MemoryType.BIT: np.uint8,
    MemoryType.OCTET: np.uint8,
    MemoryType.INTEGER: np.int64,
    MemoryType.REAL: np.float64,
}
_COMPARISONS: Mapping[Comparison, Callable[[Column, Any], NDArray[np.bool_]]] = {
    Comparison.EQ: np.equal,
    Comparison.GT: np.greater,
    Comparison.GE: np.greater_equal,
    Comparison.LT: np.less,
    Comparison.LE: np.less_equal,
}
_LOGIC: Mapping[Logic, Callable[[Column, Any], Column]] = {
    Logic.AND: np.bitwise_and,
    Logic.IOR: np.bitwise_or,
    Logic.XOR: np.bitwise_xor,
}


@dataclass(frozen=True, slots=True)
class BranchMemory:
    """All regions, for each branch. The arrays are changed by `run` and by nobody else."""

    regions: Mapping[str, Column]
    types: Mapping[str, MemoryType]

    @classmethod
    def patched(cls, declarations: tuple[Declaration, ...], patches: Patches) -> "BranchMemory":
        """One branch, with the patches' content."""
        regions: dict[str, Column] = {}
        for declaration in declarations:
            region = np.zeros((1, declaration.length), _FORMS[declaration.type])
            if (value := patches.get(declaration.name)) is not None:
                region[0] = list(value.values)
            regions[declaration.name] = region
        return cls(regions, {declaration.name: declaration.type for declaration in declarations})

    def of_branches(self, branches: NDArray[np.int64]) -> "BranchMemory":
        """A copy of the memory of these branches, in this order; one may stand several times."""
        return BranchMemory({name: region[branches] for name, region in self.regions.items()}, self.types)

    def joined(self, other: "BranchMemory") -> "BranchMemory":
        """The branches of both, those of the other behind."""
        regions = {name: np.concatenate((it, other.regions[name])) for name, it in self.regions.items()}
        return BranchMemory(regions, self.types)

    def values(self, cell: Cell) -> Values:
        """A cell's content as numbers of an expression."""
        return self.column(cell).astype(np.complex128)

    def column(self, cell: Cell) -> Column:
        """A cell's content; a view."""
        return self.regions[cell.region][:, cell.index]

    def content(self, branch: int) -> tuple[tuple[str, MemoryValue], ...]:
        """What all regions of a branch hold, in order of name."""
        return tuple((name, self._value(name, branch)) for name in sorted(self.regions))

    def _value(self, name: str, branch: int) -> MemoryValue:
        row = self.regions[name][branch]
        match self.types[name]:
            case MemoryType.BIT | MemoryType.OCTET:
                return Octets(row.tobytes())
            case MemoryType.INTEGER:
                return Integers(tuple(row.tolist()))
            case MemoryType.REAL:
                return Reals(tuple(row.tolist()))

    def write(self, cell: Cell, column: Column | float) -> None:
        """Change a cell of all branches."""
        self.regions[cell.region][:, cell.index] = column

    def run(self, step: Classical) -> None:
        """Carry out a step in all branches.

        Raises:
            ProgramFailed: when it has no result in one of them.
        """
        with np.errstate(all="ignore"):
            self._run(step)

    def _run(self, step: Classical) -> None:
        match step:
            case Move(destination, source):
                self.write(destination, self._operand(source))
            case Convert(destination, source):
                self.write(destination, self._converted(source, self.types[destination.region]))
            case Exchange(left, right):
                kept = self.column(left).copy()
                self.write(left, self.column(right))
                self.write(right, kept)
            case Load(destination, region, index):
                rows, places = self._places(region, index)
                self.write(destination, self.regions[region][rows, places])
            case Store(region, index, source):
                rows, places = self._places(region, index)
                self.regions[region][rows, places] = self._operand(source)
            case Calculate(operator, destination, source):
                self.write(destination, self._calculated(operator, destination, self._operand(source)))
            case Compare(operator, destination, left, right):
                self.write(destination, _COMPARISONS[operator](self.column(left), self._operand(right)))
            case Negate(operand):
                self.write(operand, -self.column(operand))
            case Not(operand):
                is_bit = self.types[operand.region] is MemoryType.BIT
                column = self.column(operand)
                self.write(operand, column ^ 1 if is_bit else ~column)
            case _:
                assert_never(step)

    def _operand(self, operand: Operand) -> Any:  # noqa: ANN401 of the type of the cell beside it
        return self.column(operand) if isinstance(operand, Cell) else operand

    def _places(self, region: str, index: Cell) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        places = self.column(index).astype(np.int64)
        length = self.regions[region].shape[1]
        if ((places < 0) | (places >= length)).any():
            outside = int(places[(places < 0) | (places >= length)][0])
            raise ProgramFailed(f"{region}[{outside}] lies outside of the region's {length} cells")
        return np.arange(len(places)), places

    def _calculated(
        self,
        operator: Arithmetic | Logic,
        destination: Cell,
        source: Any,  # noqa: ANN401 as above
    ) -> Column:
        column = self.column(destination)
        match operator:
            case Logic():
                return _LOGIC[operator](column, source)
            case Arithmetic.ADD:
                result = column + source
            case Arithmetic.SUB:
                result = column - source
            case Arithmetic.MUL:
                result = column * source
            case Arithmetic.DIV:
                result = self._divided(column, source, destination)
            case _:
                assert_never(operator)
        if self.types[destination.region] is MemoryType.REAL and not np.isfinite(result).all():
            raise ProgramFailed(f"{operator.value} {destination}: the result is not finite")
        return np.asarray(result)

    def _divided(self, column: Column, source: Any, destination: Cell) -> Column:  # noqa: ANN401 as above
        if not np.all(source):
            raise ProgramFailed(f"DIV {destination}: division by zero")
        if self.types[destination.region] is MemoryType.REAL:
            return np.asarray(column / source)
        quotient = np.floor_divide(column, source)
        has_rest = np.remainder(column, source) != 0
        return np.asarray(quotient + ((quotient < 0) & has_rest))  # towards zero

    def _converted(self, source: Cell, wanted: MemoryType) -> Column:
        column = self.column(source)
        match wanted:
            case MemoryType.BIT:
                return np.asarray(column != 0)
            case MemoryType.REAL:
                return column.astype(np.float64)
            case MemoryType.OCTET | MemoryType.INTEGER:
                limit = 2.0**63
                if column.dtype == np.float64 and not ((column >= -limit) & (column < limit)).all():
                    raise ProgramFailed(f"CONVERT: {source} does not fit an INTEGER")
                whole = column.astype(np.int64)
                return whole & 0xFF if wanted is MemoryType.OCTET else whole
            case _:
                assert_never(wanted)
