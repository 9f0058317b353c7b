"""Nothing that a client sends makes the server stumble: every method of every service, any message.

1. A failure prints the seed; `FUZZ_SEED=… pytest …` sends the same again.
2. INTERNAL is a bug of ours, UNKNOWN wherever the protocol does not demand it, and a traceback in the log;
   to be silent is one as well.
"""

import json
import os
import random
import secrets
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from protocol.unimplemented import SERVICES
from tests.conformance.fuzz.generator import Generator
from tests.conformance.peloton.client import Client, watch_jobs
from tests.conformance.peloton.server import QUICK, Server, host, hosts
from tests.protocol.peloton.messages import create, job

METHODS: tuple[MethodDescriptor, ...] = tuple(method for it in SERVICES for method in it.methods)
BUILT = tuple(method for method in METHODS if method.containing_service.full_name.startswith("peloton.api"))
SAMPLES: Mapping[str, Message] = MappingProxyType(
    {
        "peloton.api.v1alpha.job.stateless.svc.JobService.CreateJob": create(job()),
        "peloton.api.v1alpha.watch.svc.WatchService.Watch": watch_jobs(start=1),
    }
)
"""Requests from which variants are made, where chance alone would rarely make a good one."""
BUGS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS}
ENGAGE = "RunnerProtocol.Engage"
"""Its genuine server ends a stream that breaks the protocol as UNKNOWN, and so does ours."""
STREAMED = 5
"""Messages that are read of a stream before its client goes away."""
WAIT_S = 10.0
LOGS = "RunnerProtocol.StreamLogs"
LOGS_S = 0.2
"""A reader of logs who asked for lines waits until a function writes some: this one goes away before."""
GROWTH_MB = 200.0


class Fuzz:
    """A client that sends anything."""

    def __init__(self, channel: grpc.Channel, chance: random.Random) -> None:
        self._channel = channel
        self._chance = chance
        self._generator = Generator(chance)
        self.codes: Counter[str] = Counter()
        self.last = ""

    def send(self) -> None:
        """Send one request; whatever comes is counted, a bug of the server's is raised."""
        chance = self._chance
        method = chance.choice(BUILT if chance.random() < 0.6 else METHODS)
        bodies = [self._body(method) for _ in range(chance.randint(0, 3) if method.client_streaming else 1)]
        self.last = f"{method.full_name}: {bodies!r}"
        key = (("idempotency-key", chance.choice("abcdefgh") * chance.choice((1, 1, 300))),)
        code = self._call(method, bodies, key if chance.random() < 0.1 else ())
        self.codes[code.name] += 1
        is_demanded = method.full_name == ENGAGE and code is grpc.StatusCode.UNKNOWN
        assert code not in BUGS or is_demanded, f"{code.name}: {self.last}"

    def _body(self, method: MethodDescriptor) -> bytes:
        if self._chance.random() < 0.2:
            return self._generator.mangled(method.input_type)
        sample = SAMPLES.get(method.full_name)
        if sample is not None and self._chance.random() < 0.5:
            return self._generator.variant(sample).SerializePartialToString()
        return self._generator.message(method.input_type).SerializePartialToString()

    def _call(
        self, method: MethodDescriptor, bodies: list[bytes], metadata: tuple[tuple[str, str], ...]
    ) -> grpc.StatusCode:
        path = f"/{method.containing_service.full_name}/{method.name}"
        kind = f"{_kind(method.client_streaming)}_{_kind(method.server_streaming)}"
        call = getattr(self._channel, kind)(path, request_serializer=None, response_deserializer=None)
        request = iter(bodies) if method.client_streaming else bodies[0]
        may_wait = method.full_name == LOGS
        try:
            answers = call(request, timeout=LOGS_S if may_wait else WAIT_S, metadata=metadata)
            if not method.server_streaming:
                self._learn(method, answers)
                return grpc.StatusCode.OK
            for number, answer in enumerate(answers, 1):
                self._learn(method, answer)
                if number == STREAMED or method.name == "Watch":  # which may have nothing more to tell
                    answers.cancel()
                    break
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            assert may_wait or code is not grpc.StatusCode.DEADLINE_EXCEEDED, f"no answer: {self.last}"
            return code
        return grpc.StatusCode.OK

    def _learn(self, method: MethodDescriptor, answer: bytes) -> None:
        message: Message = GetMessageClass(method.output_type)()
        try:
            message.ParseFromString(answer)
        except DecodeError:
            raise AssertionError(f"an answer that cannot be read: {self.last}") from None
        self._generator.learn(message)


def _kind(is_stream: bool) -> str:  # noqa: FBT001 - a word for a flag
    return "stream" if is_stream else "unary"


def stand(directory: Path, count: int) -> None:
    """Send that many requests to a server, and see it well afterwards, and again after a restart."""
    seed = int(os.environ.get("FUZZ_SEED", "0")) or secrets.randbits(32)
    note = f"FUZZ_SEED={seed}"
    configuration = hosts(host("sim-1"), host("sim-2", cpu=4)) + QUICK
    server = Server(directory, configuration + "[limits]\ninstances_per_job = 50\n", keeps=True)
    server.start()
    try:
        client = Client(server.grpc)
        fuzz = Fuzz(client.channel, random.Random(seed))  # noqa: S311 - no secret is made of it
        client.run(job())
        settled = 0.0
        for number in range(count):
            try:
                fuzz.send()
            except AssertionError as error:
                raise AssertionError(f"{error}; {note}") from None
            assert server.is_alive, f"the server ended: {fuzz.last}; {note}"
            if number == count // 4:
                settled = server.memory_mb()
        grown = server.memory_mb() - settled
        assert grown < GROWTH_MB, f"{grown:.0f} MB more; {note}"
        for _ in range(2):
            client = Client(server.grpc)
            status, body = server.get("/healthz")
            assert (status, json.loads(body)["status"]) == (200, "ok"), note
            client.run(job(instance_count=1))
            client.channel.close()
            assert server.terminate() == (0, b""), note
            server.start()
        # Enough got through to mean something.
        assert fuzz.codes["OK"] > count // 50, fuzz.codes
        assert fuzz.codes["INVALID_ARGUMENT"] > count // 50, fuzz.codes
    finally:
        server.close()
    log = server.said()
    assert "Traceback" not in log, f"{note}\n{log}"
    wrong = [line for line in log.splitlines() if json.loads(line)["level"] in {"error", "critical"}]
    assert not wrong, f"{note}\n{wrong}"


def test_any_message_to_any_method(tmp_path: Path) -> None:
    assert len(METHODS) == 131
    stand(tmp_path, 2_000)


@pytest.mark.soak
def test_any_message_to_any_method_for_long(tmp_path: Path) -> None:
    stand(tmp_path, 10_000)
