"""Reads jobs: decrypts, parses and checks them when they are submitted, and again when they are run.

1. The engine's modules are an extra, and slow to import: nothing of them is touched before the first
   job comes, and then beside the loop.
2. A programme that was checked is remembered for a while: the same one often comes again.
3. What is long is read beside the loop.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from actors.effects.quantum import missing_extra
from actors.effects.quantum.memory import Declaration
from actors.effects.quantum.order import Order
from actors.effects.quantum.patches import check_patches
from actors.effects.quantum.payload import Payload, read_payload
from actors.effects.quantum.refusals import JobRefused
from actors.kernel.decider import Code, Rejection
from events.attachment import Attachment
from protocol.gateway import Refused
from protocol.pb.rigetti.controller import job_pb2
from protocol.rigetti.translate.refusal import invalid
from protocol.rigetti.translate.stored import read_stored
from protocol.rigetti.translate.values import read_patches

JOB = "encrypted.job"
LONG = 16_384
"""Bytes of a job that is read beside the loop."""
REMEMBERED = 256
"""Programmes that are remembered, each at most `LONG`."""


class Keys(Protocol):
    """The keys of encrypted jobs."""

    def decrypt(self, key_id: str, nonce: bytes, job: bytes) -> bytes:
        """Decrypt a job. Raises JobRefused."""

    def reload(self) -> None:
        """Read the keys again. Raises ValueError, and keeps the old ones."""


class NoKeys:
    """Keys where there are none."""

    def decrypt(self, key_id: str, nonce: bytes, job: bytes) -> bytes:
        """Refuse."""
        del key_id, nonce, job
        raise JobRefused("the job cannot be decrypted with the key it names")

    def reload(self) -> None:
        """Do nothing."""


class FileKeys:
    """Keys of a file. Raises ValueError when it cannot be used."""

    def __init__(self, path: Path) -> None:
        # Part of the extra, and needed only where there are keys.
        from actors.effects.quantum.keys import KeyFile, KeyFileFault  # noqa: PLC0415

        self._fault = KeyFileFault
        try:
            self._file = KeyFile(path)
        except KeyFileFault as error:
            raise ValueError(f"rigetti.keys_file: {error}") from None

    def decrypt(self, key_id: str, nonce: bytes, job: bytes) -> bytes:
        """Decrypt a job. Raises JobRefused."""
        return self._file.decrypt(key_id, nonce, job)

    def reload(self) -> None:
        """Read the file again. Raises ValueError, and keeps the old keys."""
        try:
            self._file.reload()
        except self._fault as error:
            raise ValueError(f"rigetti.keys_file: {error}") from None


def make_keys(path: Path | None) -> Keys:
    """Return the keys of a file, or none. Raises ValueError when the file cannot be used."""
    return NoKeys() if path is None or missing_extra() else FileKeys(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A job that may be run."""

    payload: Payload
    declarations: tuple[Declaration, ...]


class Reading(Protocol):
    """What is asked about jobs."""

    async def check(self, job: job_pb2.EncryptedControllerJob, max_qubits: int) -> Checked:
        """Decrypt, parse and check a job. Refuses one that cannot be run."""

    def check_patches(self, checked: Checked, configuration: job_pb2.JobExecutionConfiguration) -> None:
        """Refuse values that do not fit what the programme declares."""

    def open(self, program: Attachment, arguments: Attachment | None, execution: str) -> bytes:
        """Return what a worker is given for an execution. Raises ValueError."""


class Programs:
    """Reads jobs.

    Args:
        keys: Of encrypted jobs.
        takes_plaintext: Whether jobs may come unencrypted.
    """

    def __init__(self, keys: Keys, *, takes_plaintext: bool) -> None:
        self._keys = keys
        self._takes_plaintext = takes_plaintext
        self._missing = missing_extra()
        self._is_imported = False
        self._checked: OrderedDict[tuple[bytes, int], Checked] = OrderedDict()

    async def check(self, job: job_pb2.EncryptedControllerJob, max_qubits: int) -> Checked:
        """Decrypt, parse and check a job. Refuses one that cannot be run."""
        if self._missing:
            raise Refused(Rejection(Code.WRONG_STATE, self._missing))
        if self._is_imported and len(job.job) <= LONG:
            return self._read(job, max_qubits)
        checked = await asyncio.to_thread(self._read, job, max_qubits)
        self._is_imported = True
        return checked

    def check_patches(self, checked: Checked, configuration: job_pb2.JobExecutionConfiguration) -> None:
        """Refuse values that do not fit what the programme declares."""
        if configuration.memory_values:
            try:
                check_patches(checked.declarations, read_patches(configuration))
            except JobRefused as refused:
                raise invalid("memory_values", str(refused)) from None

    def open(self, program: Attachment, arguments: Attachment | None, execution: str) -> bytes:
        """Return what a worker is given for an execution. Raises ValueError."""
        from actors.effects.quantum.run import seed_of  # noqa: PLC0415 - part of the extra

        stored = read_stored(program, arguments)
        try:
            payload = read_payload(self._plaintext(stored.job))
        except JobRefused as refused:
            raise ValueError(f"the job can no longer be read: {refused}") from None
        patches = read_patches(stored.configuration)
        return Order(
            quil=payload.quil,
            shots=payload.shots,
            patches=tuple(sorted(patches.items(), key=lambda entry: entry[0])),
            seed=seed_of(payload.seed, stored.place, execution),
            hold_us=payload.hold_us,
            max_qubits=stored.max_qubits,
        ).to_bytes()

    def _read(self, job: job_pb2.EncryptedControllerJob, max_qubits: int) -> Checked:
        if not job.encryption.key_id and not self._takes_plaintext:
            raise invalid("encrypted.encryption", "must be given: this server takes encrypted jobs only")
        try:
            plaintext = self._plaintext(job)
            return self._compiled(plaintext, max_qubits)
        except JobRefused as refused:
            raise invalid(JOB, str(refused)) from None

    def _plaintext(self, job: job_pb2.EncryptedControllerJob) -> bytes:
        encryption = job.encryption
        return (
            self._keys.decrypt(encryption.key_id, encryption.nonce, job.job) if encryption.key_id else job.job
        )

    def _compiled(self, plaintext: bytes, max_qubits: int) -> Checked:
        checked = self._checked.get((plaintext, max_qubits))
        if checked is not None:
            return checked
        from actors.effects.quantum.program import check_shots, compile_program  # noqa: PLC0415 - part of the extra

        payload = read_payload(plaintext)
        program = compile_program(payload.quil, max_qubits=max_qubits)
        check_shots(program, payload.shots)
        checked = Checked(payload=payload, declarations=program.declarations)
        if len(plaintext) <= LONG:
            self._checked[plaintext, max_qubits] = checked
            if len(self._checked) > REMEMBERED:
                self._checked.popitem(last=False)
        return checked
