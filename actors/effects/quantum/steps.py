"""What a checked programme consists of: steps, gate definitions, and the programme itself.

1. Everything is frozen and free of the parser's objects.
2. A qubit is given by its position, from 0: the bit of a state's index that belongs to it. The numbers
   that the text uses stand in `Program.qubits`, in order of position.
3. A jump's target is the index of a step; the index after the last step is the end.
"""

from dataclasses import dataclass
from enum import Enum

from actors.effects.quantum.expressions import Expression, cells_of
from actors.effects.quantum.memory import Cell, Declaration

Operand = Cell | int | float


@dataclass(frozen=True, slots=True)
class Alternative:
    """A gate's arguments, and where they hold."""

    conditions: tuple[tuple[int, int], ...]
    """Position and bit: the part of the state in which the gate acts."""
    arguments: tuple[Expression, ...]

    @property
    def regions(self) -> frozenset[str]:
        """The regions that the arguments read."""
        return frozenset(cell.region for argument in self.arguments for cell in cells_of(argument))


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply a gate; alternatives exclude one another."""

    text: str
    gate: str
    is_adjoint: bool
    alternatives: tuple[Alternative, ...]
    targets: tuple[int, ...]
    """Positions; the first belongs to the most significant bit of the matrix's index."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure a qubit, and note the outcome if there is a target."""

    position: int
    target: Cell | None
    readout: int
    """Index into the programme's readouts, -1 without target."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Put a qubit, or all, into the zero state."""

    position: int | None


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on at another step."""

    target: int


@dataclass(frozen=True, slots=True)
class JumpIf:
    """Go on at another step if a bit is as wanted."""

    target: int
    condition: Cell
    wanted: bool


@dataclass(frozen=True, slots=True)
class Halt:
    """End the shot."""


class Arithmetic(Enum):
    """Operations on INTEGER and REAL; the result is left in the first operand."""

    ADD = "ADD"
    SUB = "SUB"
    MUL = "MUL"
    DIV = "DIV"


class Logic(Enum):
    """Operations on BIT, OCTET and INTEGER; the result is left in the first operand."""

    AND = "AND"
    IOR = "IOR"
    XOR = "XOR"


class Comparison(Enum):
    """Comparisons of two values of one type; the result is a BIT."""

    EQ = "EQ"
    GT = "GT"
    GE = "GE"
    LT = "LT"
    LE = "LE"


@dataclass(frozen=True, slots=True)
class Move:
    """Copy a value of the same type."""

    destination: Cell
    source: Operand


@dataclass(frozen=True, slots=True)
class Convert:
    """Copy a value into another type."""

    destination: Cell
    source: Cell


@dataclass(frozen=True, slots=True)
class Exchange:
    """Exchange two values of one type."""

    left: Cell
    right: Cell


@dataclass(frozen=True, slots=True)
class Load:
    """Copy from a cell whose index is a value of memory."""

    destination: Cell
    region: str
    index: Cell


@dataclass(frozen=True, slots=True)
class Store:
    """Copy to a cell whose index is a value of memory."""

    region: str
    index: Cell
    source: Operand


@dataclass(frozen=True, slots=True)
class Calculate:
    """Arithmetic or logic of two operands."""

    operator: Arithmetic | Logic
    destination: Cell
    source: Operand


@dataclass(frozen=True, slots=True)
class Compare:
    """Compare two values."""

    operator: Comparison
    destination: Cell
    left: Cell
    right: Operand


@dataclass(frozen=True, slots=True)
class Negate:
    """Change the sign of a number."""

    operand: Cell


@dataclass(frozen=True, slots=True)
class Not:
    """Invert a bit, or all bits of a value."""

    operand: Cell


Classical = Move | Convert | Exchange | Load | Store | Calculate | Compare | Negate | Not
Step = Apply | Measure | Reset | Jump | JumpIf | Halt | Classical


@dataclass(frozen=True, slots=True)
class Matrix:
    """A gate given by its matrix: rows of expressions over the parameters."""

    rows: tuple[tuple[Expression, ...], ...]


@dataclass(frozen=True, slots=True)
class Permutation:
    """A gate that takes basis state i to basis state `images[i]`."""

    images: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PauliSum:
    """A gate exp(-i H), H a sum of products of Pauli matrices with real factors."""

    terms: tuple[tuple[str, Expression], ...]
    """One of I, X, Y, Z for each qubit of the gate, and the factor."""


@dataclass(frozen=True, slots=True)
class GateDefinition:
    """A gate that the programme defines."""

    name: str
    parameters: tuple[str, ...]
    qubits: int
    body: Matrix | Permutation | PauliSum


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A checked programme."""

    declarations: tuple[Declaration, ...]
    """In order of name."""
    readouts: tuple[str, ...]
    """The references that MEASURE writes, as `ro[0]`, in order of their first MEASURE in the text."""
    qubits: tuple[int, ...]
    """Numbers of the qubits that the text uses, ascending."""
    definitions: tuple[GateDefinition, ...]
    steps: tuple[Step, ...]
    is_sampled: bool
    """True when one evolution serves all shots: no branch, nothing done to a qubit after its measurement,
    and no gate that depends on what was computed on the way."""
    written: frozenset[str]
    """Regions that some step writes."""
