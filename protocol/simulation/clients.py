"""Clients: each makes one wish after another, repeats under a key what may have failed, and goes away.

1. What was answered is compared at once with what is committed: an answer is never ahead of it.
2. All answers under one key are one answer, and what they are about happened once.
3. What anybody was told of a job before a call was made, that call does not see older again.
"""

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from google.protobuf.message import Message
from grpc import StatusCode

from events.goal import Goal
from events.job import JobPhase
from protocol.calls import KEY
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2 as jobs_pb2
from protocol.peloton.errors import STALE_VERSION
from protocol.simulation.books import Noted
from protocol.simulation.network import CallFailed
from protocol.simulation.person import Outside, Person
from protocol.simulation.story import LawBroken
from protocol.simulation.wishes import AT_ANY_TIME, JOBS, PODS, Known, Wish, Wishes

BEING_DELETED = "going to be deleted"
OF_JOB = ("GetJob", "StartJob", "StopJob", "DeleteJob", "QueryPods")


@dataclass(slots=True)
class Operation:
    """One wish, with everything that was tried and answered for it."""

    name: str
    wish: Wish
    key: str
    requests: list[str] = field(default_factory=list)
    """Ids of the attempts."""
    answers: list[Message] = field(default_factory=list)


class Before(NamedTuple):
    """What was so when a call was made."""

    is_made: bool
    """Somebody had been told that the job exists."""
    is_done: bool
    """What is asked for was done already, under the same key."""
    seen: tuple[int, ...]
    """The newest version of the job that anybody had been told."""


class Client(Person):
    """One client (see Person).

    Args:
        wishes: What it asks for.
        known: What all clients know.
    """

    def __init__(self, name: str, chance: Random, outside: Outside, *, wishes: Wishes, known: Known) -> None:
        super().__init__(name, chance, outside)
        self._wishes = wishes
        self._known = known
        self.operations: list[Operation] = []

    async def run(self) -> None:
        """Make wishes until it is over."""
        while not self._is_over():
            wish = self._wishes.next()
            if wish.is_change and wish.job and self._chance.random() < 0.7:  # noqa: PLR2004
                await self._attempt(Operation(f"{self._name}.look", self._wishes.get(wish.job), ""))
                _give_version(wish, self._known.versions.get(wish.job, ""))
            is_keyed = wish.is_change and self._chance.random() < 0.7  # noqa: PLR2004
            number = len(self.operations) + 1
            operation = Operation(
                f"{self._name}.{number}", wish, f"key-{self._name}-{number}" if is_keyed else ""
            )
            self.operations.append(operation)
            await self._carry_through(operation)
            if self._chance.random() < 0.3:  # noqa: PLR2004
                await asyncio.sleep(self._chance.random() ** 3 * 20)

    async def _carry_through(self, operation: Operation) -> None:
        if operation.key and self._chance.random() < 0.2:  # noqa: PLR2004 - twice at a time
            await asyncio.gather(self._persist(operation), self._persist(operation))
        elif self._chance.random() < 0.1:  # noqa: PLR2004 - and gone
            await self._go_away(self._attempt(operation))
            if operation.key and self._chance.random() < 0.7:  # noqa: PLR2004
                await self._persist(operation)
        else:
            await self._persist(operation)
            if operation.key and self._chance.random() < 0.2:  # noqa: PLR2004 - once more, later
                await self._persist(operation)

    async def _persist(self, operation: Operation) -> None:
        is_repeatable = bool(operation.key) or not operation.wish.is_change
        await self._try(lambda: self._attempt(operation), is_repeatable=is_repeatable)

    async def _attempt(self, operation: Operation) -> StatusCode:
        wish = operation.wish
        request_id = f"{operation.name}-{len(operation.requests)}"
        operation.requests.append(request_id)
        metadata = [("x-request-id", request_id)]
        if operation.key:
            metadata.append((KEY, operation.key))
        wait_s = self._chance.choice((0.2, 30, 30)) if self._chance.random() < 0.3 else None  # noqa: PLR2004
        self._story.tell(self._name, f"{request_id} asks {wish.name} {_short(wish.request)}")
        before = self._before(operation)
        try:
            answer = await self._network.unary(
                wish.path, wish.request, wish.answer, metadata=metadata, timeout=wait_s
            )
        except CallFailed as failed:
            self._story.tell(self._name, f"{request_id} is refused: {failed}")
            self._refused(operation, failed, before)
            return failed.code
        except asyncio.CancelledError:
            self._story.tell(self._name, f"{request_id} goes away")
            raise
        self._story.tell(self._name, f"{request_id} is answered {_short(answer)}")
        operation.answers.append(answer)
        self._answered(operation, answer, request_id, before)
        return StatusCode.OK

    # ------------------------------------------------------------ laws

    def _before(self, operation: Operation) -> Before:
        job = operation.wish.job
        self._books.read_on()
        is_done = bool(operation.key and self._appends(operation))
        return Before(job in self._known.instances, is_done, self._known.seen.get(job, ()))

    def _refused(self, operation: Operation, failed: CallFailed, before: Before) -> None:
        wish = operation.wish
        if failed.code in AT_ANY_TIME:
            return
        if failed.code not in wish.legal:
            raise LawBroken("a refusal is a legal one", f"{operation.name} {wish.name}: {failed}")
        if before.is_done:
            raise LawBroken("what was done under a key is not refused", f"{operation.name}: {failed}")
        self._books.read_on()
        job = self._books.states.get(f"job/{wish.job}")
        is_missed = failed.code is StatusCode.NOT_FOUND and wish.name in OF_JOB and before.is_made
        if is_missed and (job is None or job.phase is not JobPhase.DELETED):
            raise LawBroken("nothing acknowledged is lost", f"job {wish.job} is not found")
        if not self._is_justified(wish, failed):
            raise LawBroken("a refusal rests on what is stored", f"{operation.name} {wish.name}: {failed}")

    def _is_justified(self, wish: Wish, failed: CallFailed) -> bool:
        """Tell whether a refusal follows from what is committed, as far as it says what from."""
        states, request = self._books.states, wish.request
        job = states.get(f"job/{wish.job}")
        pod = states.get(f"pod/{request.pod_name.value}") if wish.path.startswith(PODS) else None  # type: ignore[attr-defined]
        match failed.code:
            case StatusCode.ALREADY_EXISTS if isinstance(request, jobs_pb2.CreateJobRequest):
                return f"job/{request.job_id.value}" in states
            case StatusCode.ABORTED if STALE_VERSION in failed.details and job is not None:
                named: str = request.version.value  # type: ignore[attr-defined]  # else it would not be stale
                return bool(named != job.version)
            case StatusCode.INVALID_ARGUMENT if BEING_DELETED in failed.details and job is not None:
                return Goal.DELETED in (job.goal, None if pod is None else pod.goal)
            case _:
                return True

    def _answered(self, operation: Operation, answer: Message, request_id: str, before: Before) -> None:
        wish, books = operation.wish, self._books
        books.read_on()
        first = operation.answers[0]
        if operation.key and wish.is_change and answer != first:
            raise LawBroken("a key has one answer", f"{operation.name}: {_short(first)} and {_short(answer)}")
        match answer:
            case jobs_pb2.CreateJobResponse():
                self._made(operation, answer)
            case jobs_pb2.GetJobResponse():
                self._looked(wish.job, answer, before)
            case jobs_pb2.StartJobResponse() | jobs_pb2.StopJobResponse():
                self._changed(operation, wish.job, answer.version.value)
            case _:
                pass
        if wish.is_change and operation.key and len(self._appends(operation)) != 1:
            raise LawBroken("a key has one effect", f"{operation.name}: {self._appends(operation)}")
        if not wish.is_change and books.by_request.get(request_id):
            raise LawBroken("a read changes nothing", f"{operation.name} {wish.name}")

    def _appends(self, operation: Operation) -> list[Noted]:
        by_request = self._books.by_request
        return [noted for request in operation.requests for noted in by_request.get(request, ())]

    def _made(self, operation: Operation, answer: jobs_pb2.CreateJobResponse) -> None:
        id, request = answer.job_id.value, operation.wish.request  # noqa: A001
        assert isinstance(request, jobs_pb2.CreateJobRequest)  # noqa: S101 - for the type alone
        if self._books.jobs_named.get(request.spec.name) != [id]:
            made = self._books.jobs_named.get(request.spec.name)
            raise LawBroken("an acknowledged job exists, once", f"{operation.name}: {id}, stored are {made}")
        if id not in self._known.instances:
            self._known.jobs.append(id)
            self._known.instances[id] = request.spec.instance_count
            self._known.versions[id] = answer.version.value
        self._changed(operation, id, answer.version.value)

    def _changed(self, operation: Operation, job: str, version: str) -> None:
        """Hold an answered version to the append that made it."""
        told = [noted.versions.get(f"job/{job}") for noted in self._appends(operation)]
        if told != [version]:
            raise LawBroken("a version is that of the change", f"{operation.name}: {version}, stored {told}")
        self._known.seen[job] = max(_numbers(version), self._known.seen.get(job, ()))

    def _looked(self, job: str, answer: jobs_pb2.GetJobResponse, before: Before) -> None:
        version = answer.job_info.status.version.value
        self._known.versions[job] = version
        if _numbers(version) < before.seen:
            raise LawBroken("reads see what was answered before", f"{job}: {version} after {before.seen}")
        self._known.seen[job] = max(_numbers(version), self._known.seen.get(job, ()))
        if _numbers(version) > _numbers(self._books.states[f"job/{job}"].version):
            raise LawBroken("nothing is seen before it is stored", job)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-"))


def _give_version(wish: Wish, version: str) -> None:
    request = wish.request
    field_of = request.DESCRIPTOR.fields_by_name.get("version")
    if version and field_of is not None and wish.path.startswith(JOBS):
        request.version.value = version  # type: ignore[attr-defined]


def _short(message: Message) -> str:
    text = " ".join(str(message).split())
    return text if len(text) <= 200 else f"{text[:200]}…"  # noqa: PLR2004
