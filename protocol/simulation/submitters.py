"""Clients of the Controller API: they submit, repeat, cancel, wait, and hold answers to the journal.

1. All answers under one key are one answer, as long as anything of it is kept; and its tasks were
   made by one append, whatever was repeated, refused, lost or crashed.
2. What was acknowledged is there, until its time is over; what came of it is told alike each time.
3. A delay is never told longer than before: nothing that comes later delays what waits already.
"""

import asyncio
import json
from dataclasses import dataclass, field
from random import Random

from google.protobuf.message import Message
from grpc import StatusCode

from actors.task.state import TaskState
from events.task import TaskPhase
from protocol.pb.rigetti.controller import job_pb2
from protocol.pb.rigetti.controller import service_pb2 as pb
from protocol.rigetti.translate.spelling import STATUSES
from protocol.simulation.network import CallFailed
from protocol.simulation.person import Outside, Person
from protocol.simulation.story import LawBroken
from protocol.simulation.wishes import AT_ANY_TIME

PATH = "/services.controller.Controller/"
BIG = 70_000
"""Bytes that make a job too long for a row of the journal."""

Submission = pb.ExecuteControllerJobRequest | pb.BatchExecuteControllerJobsRequest


@dataclass(slots=True)
class Errand:
    """One submission, with everything that was tried and answered for it."""

    name: str
    request: Submission
    is_keyed: bool
    requests: list[str] = field(default_factory=list)
    """Ids of the attempts."""
    answers: list[list[str]] = field(default_factory=list)


class Ids:
    """What all submitters know."""

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.results: dict[str, bytes] = {}
        self.delays: dict[str, tuple[int, int, int]] = {}
        """Last told, by task: when, minimum, maximum."""


class Submitter(Person):
    """One client (see Person).

    Args:
        ids: What all submitters know.
    """

    def __init__(self, name: str, chance: Random, outside: Outside, *, ids: Ids) -> None:
        super().__init__(name, chance, outside)
        self._ids = ids
        self._count = 0

    async def run(self) -> None:
        """Submit, ask and cancel until it is over."""
        while not self._is_over():
            chance = self._chance
            kinds = ("submit", "status", "result", "cancel")
            kind = chance.choices(kinds, (5, 3, 3, 2))[0] if self._ids.tasks else "submit"
            match kind:
                case "submit":
                    await self._submit()
                case "status":
                    await self._ask_status(self._some())
                case "result":
                    await self._ask_result(self._some())
                case _:
                    request = pb.CancelControllerJobsRequest(job_ids=[self._some(), self._some(), "none"])
                    await self._call(
                        "CancelControllerJobs", request, pb.CancelControllerJobsResponse, legal=()
                    )
            if chance.random() < 0.4:  # noqa: PLR2004
                await asyncio.sleep(chance.random() ** 3 * 15)

    def _some(self) -> str:
        return self._chance.choice(self._ids.tasks[-12:])

    # ------------------------------------------------------------ submissions

    async def _submit(self) -> None:
        self._count += 1
        request = self._request()
        errand = Errand(f"{self._name}.{self._count}", request, request.HasField("idempotency_key"))
        chance = self._chance
        if errand.is_keyed and chance.random() < 0.3:  # noqa: PLR2004 - twice at a time
            await asyncio.gather(self._persist(errand), self._persist(errand))
        elif chance.random() < 0.15:  # noqa: PLR2004 - and gone
            await self._go_away(self._attempt(errand))
        if errand.is_keyed or not errand.requests:
            await self._persist(errand)
        if errand.is_keyed and chance.random() < 0.3:  # noqa: PLR2004 - once more, later
            await asyncio.sleep(chance.random() * 10)
            await self._persist(errand)

    def _request(self) -> Submission:
        chance = self._chance
        made: Submission = self._one()
        if chance.random() < 0.3:  # noqa: PLR2004
            members = [self._one() for _ in range(chance.randint(1, 3))]
            made = pb.BatchExecuteControllerJobsRequest(requests=members)
        if chance.random() < 0.8:  # noqa: PLR2004
            high = chance.getrandbits(64) & ~0xF000 | 0x4000
            low = chance.getrandbits(62) | 2 << 62
            made.idempotency_key.CopyFrom(pb.Uuid(high=high, low=low))
        return made

    def _one(self) -> pb.ExecuteControllerJobRequest:
        chance = self._chance
        job: dict[str, object] = {"format": "local-quil/1", "quil": "H 0"}
        if chance.random() < 0.5:  # noqa: PLR2004
            job["estimated_duration_us"] = chance.choice((1, 1_000_000, 40_000_000))
        if chance.random() < 0.05:  # noqa: PLR2004 - a body for a blob
            job["quil"] = "H 0\n" * (BIG // 4)
        made = pb.ExecuteControllerJobRequest(
            execution_configurations=[job_pb2.JobExecutionConfiguration()] * chance.randint(1, 3),
            encrypted=job_pb2.EncryptedControllerJob(job=json.dumps(job).encode()),
            quantum_processor_id=chance.choice(("q1", "q1", "q2")),
        )
        if chance.random() < 0.3:  # noqa: PLR2004
            made.options.timeout.seconds = chance.choice((1, 5, 20))
        return made

    async def _persist(self, errand: Errand) -> None:
        await self._try(lambda: self._attempt(errand), is_repeatable=errand.is_keyed)

    async def _attempt(self, errand: Errand) -> StatusCode:
        number = f"{errand.name}-{len(errand.requests)}"
        errand.requests.append(number)
        is_batch = isinstance(errand.request, pb.BatchExecuteControllerJobsRequest)
        method = "BatchExecuteControllerJobs" if is_batch else "ExecuteControllerJob"
        answer_of = pb.BatchExecuteControllerJobsResponse if is_batch else pb.ExecuteControllerJobResponse
        answer = await self._call(method, errand.request, answer_of, legal=(), request_id=number)
        if isinstance(answer, StatusCode):
            return answer
        self._accepted(errand, answer)
        return StatusCode.OK

    def _accepted(self, errand: Errand, answer: Message) -> None:
        if isinstance(answer, pb.BatchExecuteControllerJobsResponse):
            nested = [list(each.job_execution_ids) for each in answer.responses]
        else:
            assert isinstance(answer, pb.ExecuteControllerJobResponse)  # noqa: S101 - for the type alone
            nested = [list(answer.job_execution_ids)]
        members = (
            list(errand.request.requests)
            if isinstance(errand.request, pb.BatchExecuteControllerJobsRequest)
            else [errand.request]
        )
        if [len(each) for each in nested] != [len(each.execution_configurations) for each in members]:
            raise LawBroken("an id for each configuration", f"{errand.name}: {nested}")
        ids = [id for each in nested for id in each]  # noqa: A001 - the name of the thing
        self._books.read_on()
        for id in ids:  # noqa: A001
            if f"task/{id}" not in self._books.states:
                raise LawBroken("an acknowledged task exists", f"{errand.name}: {id}")
            if id not in self._ids.tasks:
                self._ids.tasks.append(id)
        errand.answers.append(ids)
        self._check_key(errand)

    def _check_key(self, errand: Errand) -> None:
        first, last = errand.answers[0], errand.answers[-1]
        was_kept = not all(self._is_gone(id) for id in first)  # noqa: A001
        if errand.is_keyed and was_kept and last != first:
            raise LawBroken("a key has one answer", f"{errand.name}: {first} and {last}")
        made = [noted for number in errand.requests for noted in self._books.by_request.get(number, ())]
        if errand.is_keyed and was_kept and len(made) != 1:
            raise LawBroken("a key has one set of tasks", f"{errand.name}: {made}")

    def _is_gone(self, id: str) -> bool:  # noqa: A002 - the name of the thing
        state = self._books.states.get(f"task/{id}")
        return isinstance(state, TaskState) and state.phase is TaskPhase.DELETED

    # ------------------------------------------------------------ reads

    async def _ask_status(self, id: str) -> None:  # noqa: A002
        request = pb.GetControllerJobStatusRequest(job_id=id)
        legal = (StatusCode.NOT_FOUND,)
        answer = await self._call(
            "GetControllerJobStatus", request, pb.GetControllerJobStatusResponse, legal=legal
        )
        if isinstance(answer, StatusCode):
            self._check_missing(id, answer)
            return
        assert isinstance(answer, pb.GetControllerJobStatusResponse)  # noqa: S101 - for the type alone
        told = answer.estimated_job_completion_delay
        now = told.now.ToMicroseconds()
        least, most = told.minimum.ToMicroseconds(), told.maximum.ToMicroseconds()
        if not 0 <= least <= most:
            raise LawBroken("minimum ≤ maximum", f"{id}: {least} and {most}")
        before = self._ids.delays.get(id)
        if before is not None and before[0] < now and (least > before[1] or most > before[2]):
            raise LawBroken("delays shrink", f"{id}: {before}, then {(now, least, most)}")
        if before is None or before[0] < now:
            self._ids.delays[id] = (now, least, most)

    async def _ask_result(self, id: str) -> None:  # noqa: A002
        request = pb.GetControllerJobResultsRequest(job_execution_id=id)
        wait_s = self._chance.choice((0.2, 30, None))
        legal = (StatusCode.NOT_FOUND,)
        answer = await self._call(
            "GetControllerJobResults",
            request,
            pb.GetControllerJobResultsResponse,
            legal=legal,
            wait_s=wait_s,
        )
        if isinstance(answer, StatusCode):
            self._check_missing(id, answer)
            return
        body = answer.SerializeToString(deterministic=True)
        if self._ids.results.setdefault(id, body) != body:
            raise LawBroken("a result is told alike each time", id)
        self._books.read_on()
        state = self._books.states[f"task/{id}"]
        if not state.phase.is_terminal or state.phase not in (*STATUSES, TaskPhase.DELETED):
            raise LawBroken("a result is told at the end", f"{id}: {state}")

    def _check_missing(self, id: str, code: StatusCode) -> None:  # noqa: A002
        if code is StatusCode.NOT_FOUND:
            self._books.read_on()
            if not self._is_gone(id):
                raise LawBroken("nothing acknowledged is lost", f"task {id} is not found")

    # ------------------------------------------------------------ calls

    async def _call(
        self,
        method: str,
        request: Message,
        answer_of: type[Message],
        *,
        legal: tuple[StatusCode, ...],
        request_id: str = "",
        wait_s: float | None = None,
    ) -> Message | StatusCode:
        name = request_id or f"{self._name}.?"
        self._story.tell(self._name, f"{name} asks {method}")
        metadata = [("x-request-id", request_id)] if request_id else []
        try:
            answer = await self._network.unary(
                PATH + method, request, answer_of, metadata=metadata, timeout=wait_s
            )
        except CallFailed as failed:
            self._story.tell(self._name, f"{name} is refused: {failed}")
            if failed.code not in (*legal, *AT_ANY_TIME):
                raise LawBroken("a refusal is a legal one", f"{name} {method}: {failed}") from None
            return failed.code
        self._story.tell(self._name, f"{name} is answered")
        return answer
