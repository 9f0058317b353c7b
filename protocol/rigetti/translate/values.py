"""Contents of memory regions: from and to the arms of `DataValue`."""

from typing import assert_never

from actors.effects.quantum.memory import Integers, MemoryValue, Octets, Patches, Reals
from protocol.pb.rigetti.controller import job_pb2
from protocol.rigetti.translate.refusal import invalid


def read_patches(configuration: job_pb2.JobExecutionConfiguration) -> Patches:
    """Return what regions are to begin with. Refuses a value without content."""
    return {name: _read(name, configuration.memory_values[name]) for name in configuration.memory_values}


def _read(name: str, value: job_pb2.DataValue) -> MemoryValue:
    match value.WhichOneof("value"):
        case "binary":
            return Octets(value.binary.data)
        case "integer":
            return Integers(tuple(value.integer.data))
        case "real":
            return Reals(tuple(value.real.data))
        case _:
            raise invalid(f"memory_values[{name[:64]!r}]", "must have a value")


def spell_value(value: MemoryValue) -> job_pb2.DataValue:
    """Spell what a region holds."""
    match value:
        case Octets(values):
            return job_pb2.DataValue(binary=job_pb2.BinaryDataValue(data=values))
        case Integers(integers):
            return job_pb2.DataValue(integer=job_pb2.IntegerDataValue(data=integers))
        case Reals(reals):
            return job_pb2.DataValue(real=job_pb2.RealDataValue(data=reals))
        case _:
            assert_never(value)
