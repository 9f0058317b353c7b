"""What a load balancer has: stubs, the messages it sends, and nothing of ours."""

import json
import queue
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc

from protocol.pb.fn import runner_pb2 as pb

FRAME = 10_240
WAIT_S = 20.0


@dataclass(slots=True)
class Answer:
    """Everything that a runner said on one engagement, in order."""

    messages: list[pb.RunnerMsg] = field(default_factory=list)
    code: grpc.StatusCode = grpc.StatusCode.OK
    text: str = ""

    @property
    def starts(self) -> list[pb.HttpRespMeta]:
        return [each.result_start.http for each in self.messages if each.HasField("result_start")]

    @property
    def body(self) -> bytes:
        return b"".join(each.data.data for each in self.messages if each.HasField("data"))

    @property
    def finished(self) -> pb.CallFinished:
        (last,) = [each.finished for each in self.messages if each.HasField("finished")]
        assert self.messages[-1].HasField("finished")
        return last

    @property
    def verdict(self) -> tuple[int, str, bool]:
        return self.finished.errorCode, self.finished.errorStr, self.finished.errorUser

    def headers(self, name: str) -> list[str]:
        return [each.value for each in self.starts[0].headers if each.key.lower() == name]


def try_call(slot_hash_id: str = "", **keys: object) -> pb.ClientMsg:
    """The first message. Keys that are not given are those of a small call."""
    model: dict[str, Any] = {
        "id": "call-1", "fn_id": "fn-1", "app_id": "app-1", "image": "echo", "timeout": 10,
        "idle_timeout": 30, "config": {},
    }  # fmt: skip
    return raw(json.dumps(model | keys), slot_hash_id)


def raw(text: str, slot_hash_id: str = "") -> pb.ClientMsg:
    message = pb.ClientMsg()
    getattr(message, "try").CopyFrom(pb.TryCall(models_call_json=text, slot_hash_id=slot_hash_id))
    return message


def frame(body: bytes = b"", *, eof: bool = False) -> pb.ClientMsg:
    return pb.ClientMsg(data=pb.DataFrame(data=body, eof=eof))


def frames(body: bytes) -> Iterator[pb.ClientMsg]:
    """A body as the genuine client cuts it: the last frame is empty."""
    for start in range(0, len(body), FRAME):
        yield frame(body[start : start + FRAME])
    yield frame(eof=True)


class Engagement:
    """One stream, on which is said what the test says; it is never half-closed unless the test does so."""

    def __init__(self, method: Any, timeout: float | None) -> None:
        self._said: queue.SimpleQueue[pb.ClientMsg | None] = queue.SimpleQueue()
        self.call = method(iter(self._said.get, None), timeout=timeout)

    def say(self, *messages: pb.ClientMsg) -> "Engagement":
        for message in messages:
            self._said.put(message)
        return self

    def half_close(self) -> None:
        self._said.put(None)

    def next(self) -> pb.RunnerMsg:
        message = next(self.call)
        assert isinstance(message, pb.RunnerMsg)
        return message

    def rest(self, answer: Answer | None = None) -> Answer:
        """Hear everything until the stream ends."""
        answer = answer or Answer()
        try:
            answer.messages += list(self.call)
        except grpc.RpcError:
            pass
        finally:
            self.half_close()
        answer.code, answer.text = self.call.code(), self.call.details()
        return answer


class Client:
    """A load balancer's connection to its runner."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address)
        self._engage = self.channel.stream_stream(
            "/RunnerProtocol/Engage",
            request_serializer=pb.ClientMsg.SerializeToString,
            response_deserializer=pb.RunnerMsg.FromString,
        )

    def engage(self, *messages: pb.ClientMsg, timeout: float | None = WAIT_S) -> Engagement:
        return Engagement(self._engage, timeout).say(*messages)

    def tell(self, messages: Iterable[pb.ClientMsg], timeout: float | None = WAIT_S) -> Answer:
        return self.engage(*messages, timeout=timeout).rest()

    def call(self, body: bytes = b"", *, timeout_s: float | None = WAIT_S, **keys: object) -> Answer:
        """Make a call as the genuine client does."""
        return self.tell((try_call(**keys), *frames(body)), timeout_s)  # type: ignore[arg-type]

    def status(self) -> pb.RunnerStatus:
        ask = self.channel.unary_unary(
            "/RunnerProtocol/Status",
            request_serializer=bytes,
            response_deserializer=pb.RunnerStatus.FromString,
        )
        answer = ask(b"", timeout=WAIT_S)
        assert isinstance(answer, pb.RunnerStatus)
        return answer
