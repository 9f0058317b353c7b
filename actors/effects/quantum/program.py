"""From the text of a programme to a checked one: everything the parser accepts and should not is refused.

1. A checked programme can only fail by what its memory holds while it runs: an index, a division, an angle.
2. A refusal names the instruction.
3. Estimates and settings are no part of the text: they stand in the payload.
"""

from collections.abc import Iterable, Iterator, Sequence

from quil.instructions import Declaration as ParsedDeclaration
from quil.instructions import Instruction, Qubit, ScalarType

from actors.effects.quantum.analysis import is_sampled, regions_written
from actors.effects.quantum.definitions import read_definition
from actors.effects.quantum.instructions import Reader
from actors.effects.quantum.memory import MAX_CELLS, Declaration, MemoryType
from actors.effects.quantum.reading import read_qubit
from actors.effects.quantum.refusals import JobRefused
from actors.effects.quantum.source import parse
from actors.effects.quantum.steps import GateDefinition, Program, Step

MAX_STEPS = 50_000
MAX_OUTCOMES = 2**26
"""Readouts times shots: one byte each."""
_TYPES = {
    ScalarType.BIT: MemoryType.BIT,
    ScalarType.OCTET: MemoryType.OCTET,
    ScalarType.INTEGER: MemoryType.INTEGER,
    ScalarType.REAL: MemoryType.REAL,
}


def compile_program(text: str, *, max_qubits: int = 16) -> Program:
    """Parse and check a programme.

    Args:
        text: Quil.
        max_qubits: how many qubits it may use.

    Raises:
        JobRefused: when it is not one that can be run as it is.
    """
    declared: dict[str, Declaration] = {}
    definitions: dict[str, GateDefinition] = {}
    body: list[Instruction] = []
    for instruction in parse(text):
        try:
            match instruction:
                case Instruction.Declaration(declaration):
                    declared[declaration.name] = _declaration(declaration)
                case Instruction.GateDefinition(definition):
                    definitions[definition.name] = read_definition(definition)
                case Instruction.Nop() | Instruction.Pragma():
                    pass
                case _:
                    body.append(instruction)
        except JobRefused as refusal:
            raise _named(refusal, instruction) from None
    _check_sizes(declared.values(), body)
    reader = Reader(declared, definitions, _qubits(body, max_qubits), _labels(body))
    steps = tuple(_steps(body, reader))
    written = regions_written(steps)
    return Program(
        declarations=tuple(declared[name] for name in sorted(declared)),
        readouts=reader.readouts,
        qubits=tuple(reader.positions),
        definitions=tuple(definitions.values()),
        steps=steps,
        is_sampled=is_sampled(steps, written),
        written=written,
    )


def check_shots(program: Program, shots: int) -> None:
    """See that the outcomes of so many shots can be kept.

    Raises:
        JobRefused: when they are too many.
    """
    if len(program.readouts) * shots > MAX_OUTCOMES:
        raise JobRefused(
            f"{len(program.readouts)} readouts of {shots} shots are more than {MAX_OUTCOMES} outcomes"
        )


def _named(refusal: JobRefused, instruction: Instruction) -> JobRefused:
    """The same refusal, saying in which instruction the fault is."""
    words = " ".join(instruction.to_quil_or_debug().split())
    words = words if len(words) <= 80 else f"{words[:80]}…"  # noqa: PLR2004 a readable length
    return JobRefused(f"{words}: {refusal}")


def _declaration(declaration: ParsedDeclaration) -> Declaration:
    if declaration.sharing is not None:
        raise JobRefused("SHARING is not supported")
    if not declaration.size.length:
        raise JobRefused("a region without cells")
    return Declaration(declaration.name, _TYPES[declaration.size.data_type], declaration.size.length)


def _check_sizes(declarations: Iterable[Declaration], body: Sequence[Instruction]) -> None:
    if sum(declaration.length for declaration in declarations) > MAX_CELLS:
        raise JobRefused(f"the programme declares more than {MAX_CELLS} cells of memory")
    if len(body) > MAX_STEPS:
        raise JobRefused(f"the programme has more than {MAX_STEPS} instructions")


def _qubits(body: Sequence[Instruction], max_qubits: int) -> dict[int, int]:
    """The position of each qubit's number, in order of number."""
    numbers: set[int] = set()
    for instruction in body:
        match instruction:
            case Instruction.Gate(gate):
                used: Sequence[Qubit] = gate.qubits
            case Instruction.Measurement(measurement):
                used = (measurement.qubit,)
            case Instruction.Reset(reset) if reset.qubit is not None:
                used = (reset.qubit,)
            case _:
                continue
        try:
            numbers.update(map(read_qubit, used))
        except JobRefused as refusal:
            raise _named(refusal, instruction) from None
    if len(numbers) > max_qubits:
        raise JobRefused(f"the programme uses {len(numbers)} qubits; at most {max_qubits} are offered")
    return {number: position for position, number in enumerate(sorted(numbers))}


def _labels(body: Sequence[Instruction]) -> dict[str, int]:
    """The step at which each label stands."""
    labels: dict[str, int] = {}
    steps = 0
    for instruction in body:
        match instruction:
            case Instruction.Label(label):
                name = label.target.to_quil_or_debug().removeprefix("@")
                if name in labels:
                    raise JobRefused(f"label @{name} stands twice")
                labels[name] = steps
            case _:
                steps += 1
    return labels


def _steps(body: Sequence[Instruction], reader: Reader) -> Iterator[Step]:
    for instruction in body:
        if not isinstance(instruction, Instruction.Label):
            try:
                yield reader.read(instruction)
            except JobRefused as refusal:
                raise _named(refusal, instruction) from None
