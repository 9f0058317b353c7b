"""What functions write can be read along, call by call."""

import queue

import grpc
import pytest

from protocol.pb.fn import runner_pb2 as pb
from tests.conformance.fn.client import WAIT_S, Client

START = pb.LogRequestMsg(start=pb.LogRequestMsg.Start())
READY = pb.LogRequestMsg(ready=pb.LogRequestMsg.Ready())
ACK = pb.LogRequestMsg(ack=pb.LogRequestMsg.Ack())
Line = pb.LogResponseMsg.Container.Request.Line


def method(client: Client) -> "grpc.StreamStreamMultiCallable[pb.LogRequestMsg, pb.LogResponseMsg]":
    return client.channel.stream_stream(
        "/RunnerProtocol/StreamLogs",
        request_serializer=pb.LogRequestMsg.SerializeToString,
        response_deserializer=pb.LogResponseMsg.FromString,
    )


def test_lines_come_with_their_call(client: Client) -> None:
    client.call(b"says\nbefore anybody listens")
    said: queue.SimpleQueue[pb.LogRequestMsg | None] = queue.SimpleQueue()
    stream = method(client)(iter(said.get, None), timeout=WAIT_S)
    said.put(START)
    said.put(READY)
    # The reader is heard of before later streams of its connection: these calls come after it.
    for n in range(3):
        client.call(f"says\nhello {n}\nagain".encode(), id=f"call-{n}", fn_id="writes")
    (container,) = next(stream).data
    assert (container.applicationId, container.functionId) == ("app-1", "writes")
    assert container.containerId
    (request,) = container.data
    number = request.requestId.removeprefix("call-")
    assert [(line.source, line.data) for line in request.data] == [
        (Line.Source.STDERR, f"hello {number}".encode()),
        (Line.Source.STDERR, b"again"),
    ]
    assert all(line.timestamp > 1_600_000_000_000 for line in request.data)
    said.put(ACK)
    client.call(b"says\nlast", id="call-9", fn_id="writes")
    assert next(stream).data
    said.put(None)
    assert list(stream) == []


@pytest.mark.parametrize("messages", [(READY,), (ACK,), (pb.LogRequestMsg(),), (START, START)])
def test_a_reader_begins_with_start(client: Client, messages: tuple[pb.LogRequestMsg, ...]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(method(client)(iter(messages), timeout=WAIT_S))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
