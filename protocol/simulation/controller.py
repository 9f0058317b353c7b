"""The Controller façade on a simulated server: everything but the quantum engine's parser.

1. Jobs are read as they are, and not compiled: what they compute is no matter of the simulation.
"""

from collections.abc import Callable, Mapping
from random import Random

from google.protobuf.descriptor import ServiceDescriptor

from actors.effects.quantum.payload import read_payload
from actors.effects.quantum.refusals import JobRefused
from events.attachment import Attachment
from protocol import rigetti
from protocol.calls import Calls
from protocol.pb.rigetti.controller import job_pb2
from protocol.rigetti.programs import Checked
from protocol.rigetti.translate.refusal import invalid
from protocol.settings import ProcessorSettings
from protocol.task_gateway import TaskGateway

SECOND = 1_000_000
PROCESSORS: Mapping[str, ProcessorSettings] = {
    "q1": ProcessorSettings(endpoints=("e1",)),
    "q2": ProcessorSettings(endpoints=("e2",)),
}
LIMIT_US = 20 * SECOND


class PlainPrograms:
    """Jobs that are never compiled."""

    async def check(self, job: job_pb2.EncryptedControllerJob, max_qubits: int) -> Checked:
        """Read a job."""
        del max_qubits
        try:
            return Checked(payload=read_payload(job.job), declarations=())
        except JobRefused as refused:
            raise invalid("encrypted.job", str(refused)) from None

    def check_patches(self, checked: Checked, configuration: job_pb2.JobExecutionConfiguration) -> None:
        """Take whatever there is."""

    def open(self, program: Attachment, arguments: Attachment | None, execution: str) -> bytes:
        """Return nothing: nobody runs it."""
        del program, arguments, execution
        return b""


def make_servicers(
    tasks: TaskGateway, new_id: Callable[[], str], chance: Random, now: Callable[[], int], keep_us: int
) -> Mapping[ServiceDescriptor, object]:
    """Make what answers."""
    rules = rigetti.Rules(
        processors={
            name: rigetti.Processor(endpoints=each.endpoints, max_qubits=each.max_qubits)
            for name, each in PROCESSORS.items()
        },
        limits=rigetti.Limits(default_us=10 * SECOND, maximum_us=LIMIT_US),
        retention_us=keep_us,
        queue_capacity=chance.choice((3, 12, 1_000)),
        managed_settings=frozenset(),
        result_wait_s=chance.choice((3, 600)),
    )
    return rigetti.servicers(
        tasks,
        Calls(rigetti.ORIGIN, new_id=new_id),
        rules=rules,
        programs=PlainPrograms(),
        random_id=lambda: _uuid(chance),
        now=now,
    )


def _uuid(chance: Random) -> str:
    bits = f"{chance.getrandbits(128):032x}"
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}"
