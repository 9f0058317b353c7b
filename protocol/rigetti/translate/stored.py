"""What the journal keeps of a job: its ciphertext, and each configuration as it came.

1. What is stored is what was sent: never the plaintext of an encrypted job.
2. The most usual arguments, an empty first configuration, are no attachment at all.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgpack

from events.attachment import Attachment
from protocol.pb.rigetti.controller import job_pb2

PROGRAM = "rigetti.job"
ARGUMENTS = "rigetti.configuration"


class Stored(NamedTuple):
    """One execution, as it is kept."""

    job: job_pb2.EncryptedControllerJob
    max_qubits: int
    """Of the processor that it was accepted for."""
    place: int
    """Of its configuration within the request."""
    configuration: job_pb2.JobExecutionConfiguration


def store_program(job: job_pb2.EncryptedControllerJob, max_qubits: int) -> Attachment:
    """Return what executions of one job share."""
    return Attachment(PROGRAM, 1, msgpack.packb((max_qubits, job.SerializeToString())))


def store_arguments(place: int, configuration: job_pb2.JobExecutionConfiguration) -> Attachment | None:
    """Return what one execution has for itself, None for an empty first configuration."""
    body = configuration.SerializeToString(deterministic=True)
    return Attachment(ARGUMENTS, 1, msgpack.packb((place, body))) if place or body else None


def read_stored(program: Attachment, arguments: Attachment | None) -> Stored:
    """Return what was stored."""
    max_qubits, job = _pair(program.body)
    place, body = _pair(arguments.body) if arguments is not None else (0, b"")
    return Stored(
        job_pb2.EncryptedControllerJob.FromString(job),
        max_qubits,
        place,
        job_pb2.JobExecutionConfiguration.FromString(body),
    )


def _pair(body: bytes) -> tuple[int, bytes]:
    pair: Sequence[object] = msgpack.unpackb(body)
    number, content = pair
    if not isinstance(number, int) or not isinstance(content, bytes):
        raise TypeError("not what was stored")
    return number, content
