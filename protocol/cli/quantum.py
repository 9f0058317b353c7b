"""Quantum jobs from the terminal: encrypt, submit once, watch the queue, show the outcomes.

1. The key of a submission is made here and sent along however often it is sent: never a second job.
2. To wait is one call that the server answers at the end; how it stands is asked beside it, for the
   bar alone, and only where somebody looks.
3. Histograms are on stdout, bars on stderr.
"""

import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from protocol.cli.connection import Connection, Failed, read
from protocol.cli.exits import Exit
from protocol.cli.output import Output
from protocol.cli.printing import print_line, printed_at_the_end
from protocol.pb.rigetti.controller import job_pb2
from protocol.pb.rigetti.controller import service_pb2 as pb
from protocol.pb.rigetti.controller.service_pb2_grpc import ControllerStub

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PLACE = "queue-place"
"""Trailing metadata in which the server says how many jobs wait before one that waits."""
WIDTH = 40
LOOK_S = 0.3
ROWS = 32
"""Outcomes that are shown; the others are counted."""

Outcome = job_pb2.ControllerJobExecutionResult
Status = pb.GetControllerJobStatusResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for."""

    file: Path
    shots: int
    seed: int | None
    target: str
    limit_s: float | None
    parameters: tuple[str, ...]
    """Each `REGION=NUMBER,NUMBER…`."""
    key_id: str
    keys_file: Path | None
    key: str
    """A UUID, empty for a new one."""


async def submit(
    connection: Connection, wish: Wish, output: Output, *, watch: bool, timeout_s: float
) -> Exit:
    """Submit a programme, and wait for its outcomes."""
    stub = ControllerStub(connection.channel)
    request = request_of(wish)
    connection.timeout_s = timeout_s
    try:
        answer = await connection.write(stub.ExecuteControllerJob, request)
    except Failed as failed:
        raise failed if wish.key_id else in_clear(failed) from None
    (id,) = answer.job_execution_ids  # noqa: A001 - the name of the thing
    document: dict[str, object] = {"job": id}
    if output is Output.TEXT:
        print_line(id)
    with printed_at_the_end(document, output):
        if not watch:
            return Exit.OK
        result = await _result(connection, stub, id, timeout_s)
        counts = outcomes(result)
        document |= {
            "status": Outcome.Status.Name(result.status),
            "message": result.status_message,
            "execution_microseconds": result.execution_duration_microseconds,
            "counts": dict(counts.most_common()),
        }
    if output is Output.TEXT and result.status == Outcome.SUCCESS:
        for line in histogram(counts):
            print_line(line)
    if result.status != Outcome.SUCCESS:
        sys.stderr.write(f"polyplane: {Outcome.Status.Name(result.status)}: {result.status_message}\n")
        return Exit.FAILED
    return Exit.OK


def in_clear(failed: Failed) -> Failed:
    """Say a refusal of what was not encrypted without the name of the field that it travelled in."""
    return Failed(failed.code, str(failed).removeprefix("encrypted.job: "), refusal=failed.refusal)


def request_of(wish: Wish) -> pb.ExecuteControllerJobRequest:
    """Make the request of a wish."""
    configuration = job_pb2.JobExecutionConfiguration()
    for name, values in parameters_of(wish.parameters).items():
        configuration.memory_values[name].real.data.extend(values)
    request = pb.ExecuteControllerJobRequest(execution_configurations=[configuration], encrypted=job_of(wish))
    key = key_of(wish.key)
    request.idempotency_key.CopyFrom(pb.Uuid(high=key.int >> 64, low=key.int & (2**64 - 1)))
    if wish.target:
        request.quantum_processor_id = wish.target
    if wish.limit_s is not None:
        request.options.timeout.FromNanoseconds(round(wish.limit_s * 1e9))
    return request


def job_of(wish: Wish) -> job_pb2.EncryptedControllerJob:
    """Make the job, encrypted where a key is named."""
    members: dict[str, object] = {"format": "local-quil/1", "shots": wish.shots}
    try:
        members["quil"] = read(wish.file).decode()
    except UnicodeDecodeError:
        raise Failed(Exit.USAGE, f"{wish.file}: is not text") from None
    if wish.seed is not None:
        members["seed"] = wish.seed
    plaintext = json.dumps(members).encode()
    if not wish.key_id:
        if wish.keys_file is not None:
            raise Failed(Exit.USAGE, "--key-id must be given with --keys-file")
        return job_pb2.EncryptedControllerJob(job=plaintext)
    if wish.keys_file is None:
        raise Failed(Exit.USAGE, "--keys-file must be given with --key-id")
    from actors.effects.quantum import missing_extra  # noqa: PLC0415 - wanted seldom

    if missing := missing_extra():
        raise Failed(Exit.USAGE, missing)
    from actors.effects.quantum.keys import KeyFile, KeyFileFault  # noqa: PLC0415 - part of the extra

    try:
        sealed = KeyFile(wish.keys_file).encrypt(wish.key_id, plaintext)
    except KeyFileFault as fault:
        raise Failed(Exit.USAGE, str(fault)) from None
    except KeyError:
        raise Failed(Exit.USAGE, f"{wish.keys_file}: has no key {wish.key_id!r}") from None
    encryption = job_pb2.JobEncryption(key_id=wish.key_id, nonce=sealed.nonce)
    return job_pb2.EncryptedControllerJob(job=sealed.job, encryption=encryption)


def key_of(text: str) -> uuid.UUID:
    """Read an idempotency key, or make one."""
    if not text:
        return uuid.uuid4()
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Failed(Exit.USAGE, f"--key: must be a UUID (got {text!r})") from None


def parameters_of(texts: Iterable[str]) -> Mapping[str, tuple[float, ...]]:
    """Read `REGION=NUMBER,NUMBER…`."""
    read_of: dict[str, tuple[float, ...]] = {}
    for text in texts:
        name, found, values = text.partition("=")
        try:
            read_of[name] = tuple(float(value) for value in values.split(","))
        except ValueError:
            found = ""
        if not found or not name:
            raise Failed(Exit.USAGE, f"--parameter: must be REGION=NUMBER,NUMBER… (got {text!r})")
    return read_of


async def _result(connection: Connection, stub: ControllerStub, id: str, timeout_s: float) -> Outcome:  # noqa: A002
    due = time.monotonic() + timeout_s
    async with Place(connection, stub, id):
        while True:
            connection.timeout_s = max(due - time.monotonic(), 0.001)
            try:
                answer = await connection.read(
                    stub.GetControllerJobResults, pb.GetControllerJobResultsRequest(job_execution_id=id)
                )
            except Failed as failed:
                if failed.code is Exit.UNAVAILABLE and time.monotonic() < due:
                    continue  # the server lets nobody wait for ever
                raise
            return answer.result


class Place:
    """Shows on a terminal how a job stands, as long as it is waited for."""

    def __init__(self, connection: Connection, stub: ControllerStub, id: str) -> None:  # noqa: A002
        self._connection = connection
        self._stub = stub
        self._id = id
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        if sys.stderr.isatty():
            self._looking = asyncio.ensure_future(self._look())

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    async def _look(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - slow to load, wanted seldom
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as Bar  # noqa: PLC0415

        with Bar(
            BarColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True),
            transient=True,
        ) as bar:
            await self._show(bar)

    async def _show(self, bar: "Bar") -> None:
        row, longest = bar.add_task(""), 0.001
        while True:
            call = self._stub.GetControllerJobStatus(
                pb.GetControllerJobStatusRequest(job_id=self._id),
                metadata=self._connection.metadata,
                timeout=self._connection.timeout_s,
            )
            try:
                told = await call
                place = dict(await call.trailing_metadata() or ()).get(PLACE, "")
            except grpc.aio.AioRpcError:
                return  # whoever waits for the result says what is wrong
            delay = told.estimated_job_completion_delay
            least, most = delay.minimum.ToMicroseconds() / 1e6, delay.maximum.ToMicroseconds() / 1e6
            longest = max(longest, most)
            text = standing(Status.Status.Name(told.status), str(place), least, most)
            bar.update(row, total=longest, completed=longest - most, description=text)
            await asyncio.sleep(LOOK_S)


def standing(status: str, place: str, least: float, most: float) -> str:
    """Say in one line how a job stands."""
    before = f", {place} before it" if place else ""
    return f"{status.lower().replace('_', '-')}{before}, done in {least:.1f} to {most:.1f} s"


def outcomes(result: Outcome) -> Counter[str]:
    """Count the outcomes of all shots, as bits in order of their references."""
    streams = [
        result.readout_values[name].integer_values.values
        for name in sorted(result.readout_values, key=_order)
    ]
    return Counter("".join(map(str, shot)) for shot in zip(*streams, strict=True))


def _order(reference: str) -> tuple[str, int]:
    name, _, index = reference.removesuffix("]").partition("[")
    return name, int(index) if index.isdigit() else 0


def histogram(counts: Counter[str]) -> Iterable[str]:
    """Draw counts, the most frequent outcomes first."""
    if not counts:
        yield "nothing was measured"
        return
    total, most = counts.total(), max(counts.values())
    for outcome, count in sorted(counts.most_common(ROWS)):
        bar = "█" * max(1, round(WIDTH * count / most))
        yield f"{outcome}  {bar:<{WIDTH}}  {count:>6}  {count / total:6.1%}"
    if len(counts) > ROWS:
        rest = total - sum(count for _, count in counts.most_common(ROWS))
        yield f"and {len(counts) - ROWS} other outcomes, {rest} times"
