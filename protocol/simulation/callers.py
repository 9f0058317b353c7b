"""Callers of functions: they engage, wait, stall, leave in the middle, and hold answers to the journal.

1. An engagement that ends well ends with its last word, which is said once and is the last.
2. What is told of an end is stored; who is told to try elsewhere was seen by no function.
3. What a function answers well comes whole, and is what it was asked.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from grpc import StatusCode

from protocol.pb.fn import runner_pb2 as pb
from protocol.simulation.call_book import IDLE
from protocol.simulation.functions import EARLY
from protocol.simulation.network import CallFailed, Conversation
from protocol.simulation.person import Outside, Person
from protocol.simulation.runner import IMAGES
from protocol.simulation.story import LawBroken

PATH = "/RunnerProtocol/Engage"
WAYS = ("calls", "leaves", "stalls", "says nothing", "says too little", "repeats itself")
PATIENCE_S = 40.0
"""How long a caller waits at most."""
LATEST_S = 25.0
"""How long after its start a call without an end is none any more."""
PAUSE_S = 2.0
"""How long a caller at most pauses who was cut off."""
AT_ANY_TIME = (StatusCode.UNAVAILABLE, StatusCode.CANCELLED)
RETRY = 503
IMPOSSIBLE = 400
OURS = ("the journal", "the server", "mailbox")
"""What occurs in the texts of what is no fault of a function."""


@dataclass(slots=True)
class Attempt:
    """One engagement, and what was heard of it."""

    id: str
    model: dict[str, object]
    body: bytes
    way: str
    wait_s: float | None
    heard: list[pb.RunnerMsg] = field(default_factory=list)

    @property
    def is_detached(self) -> bool:
        """Whether nobody waits for an answer."""
        return self.model["type"] == "detached"

    @property
    def is_violation(self) -> bool:
        """Whether its messages come in an order that they may not."""
        return self.way in WAYS[3:]

    def messages(self) -> Iterator[pb.ClientMsg]:
        """Yield what it says, before what its way makes of it."""
        first = pb.ClientMsg()
        getattr(first, "try").models_call_json = json.dumps(self.model)
        yield first
        for place in range(0, len(self.body), 1_500):
            yield pb.ClientMsg(data=pb.DataFrame(data=self.body[place : place + 1_500]))
        yield pb.ClientMsg(data=pb.DataFrame(eof=True))


class Caller(Person):
    """One caller (see Person)."""

    def __init__(self, name: str, chance: Random, outside: Outside) -> None:
        super().__init__(name, chance, outside)
        self._count = 0

    async def run(self) -> None:
        """Call until it is over."""
        chance = self._chance
        while not self._is_over():
            if chance.random() < 0.2:  # noqa: PLR2004 - several at once
                await asyncio.gather(*(self._attempt(self._next()) for _ in range(3)))
            else:
                await self._attempt(self._next())
            if chance.random() < 0.5:  # noqa: PLR2004
                await asyncio.sleep(chance.random() ** 3 * 20)

    def _next(self) -> Attempt:
        self._count += 1
        chance, call = self._chance, f"{self._name}.{self._count}"
        kind = chance.choices(range(5), (6, 6, 6, 6, 1))[0]
        idle_s = (1, 4, 4, 300, 0)[kind]
        model: dict[str, object] = {
            "id": call,
            "fn_id": f"fn-{kind}",
            "image": IMAGES[kind % 2],
            "type": chance.choices(("sync", "detached"), (3, 1))[0],
            "timeout": (2, 6, 2, 6, 2)[kind],
            "idle_timeout": idle_s,
            "memory": (0, 50, 100, 250, 5_000)[kind],
            "cpus": "1500m" if kind == 2 else "",  # noqa: PLR2004 - one kind needs processors, too
            "config": {IDLE: str(idle_s)},
        }
        return Attempt(
            id=call,
            model=model,
            body=call.encode() * chance.choice((0, 1, 1, 600)),
            way=chance.choices(WAYS, (20, 4, 1, 1, 1, 1))[0],
            wait_s=chance.choice((None, None, None, 0.3, 4.0, 20.0)),
        )

    # ------------------------------------------------------------ one engagement

    async def _attempt(self, attempt: Attempt) -> None:
        until_s = PATIENCE_S
        if attempt.way == "leaves":
            until_s = self._chance.random() ** 3 * 6
        told = f"{attempt.id} {attempt.way} fn {attempt.model['fn_id']} {attempt.model['type']}"
        self._story.tell(self._name, f"{told} within {attempt.wait_s} s")
        conversation = self._network.converse(PATH, pb.RunnerMsg, timeout=attempt.wait_s)
        saying = asyncio.ensure_future(self._say(attempt, conversation))
        began_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(until_s):
                while (message := await conversation.hear()) is not None:
                    attempt.heard.append(message)
        except CallFailed as failed:
            self._story.tell(self._name, f"{attempt.id} fails: {failed}")
            self._check_failure(attempt, failed)
            await asyncio.sleep(PAUSE_S * self._chance.random())
        except TimeoutError:
            self._story.tell(self._name, f"{attempt.id} leaves")
            waited_s = asyncio.get_running_loop().time() - began_at
            if attempt.heard and waited_s > LATEST_S and not self._is_over():
                raise LawBroken("calls come to an end", f"{attempt.id} goes on after {waited_s} s") from None
        else:
            self._check(attempt)
        finally:
            saying.cancel()
            conversation.leave()

    async def _say(self, attempt: Attempt, conversation: Conversation[pb.RunnerMsg]) -> None:
        messages = list(attempt.messages())
        match attempt.way:
            case "stalls":
                del messages[-1]
            case "says nothing":
                messages = []
            case "says too little":
                del messages[-1]
            case "repeats itself":
                messages[1:1] = messages[:1]
            case _:
                pass
        for message in messages:
            conversation.say(message)
            if self._chance.random() < 0.1:  # noqa: PLR2004
                await asyncio.sleep(self._chance.random() ** 3 * 3)
        if attempt.is_violation:
            conversation.half_close()

    # ------------------------------------------------------------ laws

    def _check_failure(self, attempt: Attempt, failed: CallFailed) -> None:
        legal = [*AT_ANY_TIME, *([StatusCode.DEADLINE_EXCEEDED] if attempt.wait_s is not None else [])]
        if attempt.is_violation:
            legal.append(StatusCode.UNKNOWN)
        if failed.code not in legal:
            raise LawBroken("a refusal is a legal one", f"{attempt.id}: {failed}")
        if failed.code is StatusCode.UNKNOWN and any(each.HasField("finished") for each in attempt.heard):
            raise LawBroken("an engagement has one last word", f"{attempt.id}: {failed}")
        self._check_order(attempt)

    def _check_order(self, attempt: Attempt) -> None:
        kinds = [message.WhichOneof("body") for message in attempt.heard]
        is_in_order = "finished" not in kinds[:-1] and "result_start" not in kinds[1:]
        if not is_in_order or (kinds and kinds[0] == "data"):
            raise LawBroken("the last word is the last", f"{attempt.id}: {kinds}")

    def _check(self, attempt: Attempt) -> None:
        self._books.read_on()
        self._check_order(attempt)
        if not attempt.heard or not attempt.heard[-1].HasField("finished"):
            raise LawBroken("an engagement has one last word", f"{attempt.id}: {attempt.heard}")
        last = attempt.heard[-1].finished
        self._story.tell(self._name, f"{attempt.id} is told {last.success} {last.errorCode} {last.errorStr}")
        if attempt.is_violation and last.success and attempt.way != "says too little":
            raise LawBroken("what is out of order does not succeed", attempt.id)
        if last.details != ("" if last.errorCode == IMPOSSIBLE else attempt.id):
            raise LawBroken("an end is of its call", f"{attempt.id}: {last.details}")
        if last.errorUser and any(words in last.errorStr for words in OURS):
            raise LawBroken("a function is not to blame for its server", f"{attempt.id}: {last.errorStr}")
        was_started = bool(last.startedAt)
        self._books.calls.finish(
            attempt.id, self._books.states, is_success=last.success, was_started=was_started
        )
        if last.errorCode == RETRY:
            if was_started or len(attempt.heard) > 1:
                raise LawBroken("what was refused is seen by nobody", f"{attempt.id}: {attempt.heard}")
            self._books.calls.refuse(attempt.id)
        starts = [
            each.result_start.http.status_code for each in attempt.heard if each.HasField("result_start")
        ]
        body = b"".join(each.data.data for each in attempt.heard if each.HasField("data"))
        if last.success and starts != [202 if attempt.is_detached else 200]:
            raise LawBroken("an answer has a head", f"{attempt.id}: {starts}")
        if last.success and body not in ((b"",) if attempt.is_detached else (attempt.body, EARLY)):
            raise LawBroken("an answer is whole", f"{attempt.id}: {body!r}")
