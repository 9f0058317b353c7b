"""What clients are told by methods that are not built, and by built ones that get nonsense.

1. A real server on a real port, spoken to in raw bytes: what is tested is what a client sees.
2. The servicers here are the least that shows each kind of method.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from protocol.pb.fn import runner_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2, stateless_svc_pb2_grpc
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2
from protocol.pb.ray import ray_pb2
from protocol.transport.server import Server
from protocol.unimplemented import SERVICES, Context, mount

JOBS = stateless_svc_pb2.DESCRIPTOR.services_by_name["JobService"]
WATCHES = watch_svc_pb2.DESCRIPTOR.services_by_name["WatchService"]
RUNNER = runner_pb2.DESCRIPTOR.services_by_name["RunnerProtocol"]
STORE = ray_pb2.DESCRIPTOR.services_by_name["ObjStore"]
GARBAGE = b"\xff\xff\xff"

Outcome = tuple[grpc.StatusCode, str, list[bytes]]


@asynccontextmanager
async def serving(servicers: Mapping[ServiceDescriptor, object]) -> AsyncIterator[grpc.aio.Channel]:
    server = Server()
    mount(server, servicers)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)


async def call(channel: grpc.aio.Channel, method: MethodDescriptor, *requests: bytes) -> Outcome:
    """Call a method in raw bytes, with as many requests as given."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    responses: list[bytes] = []
    try:
        if method.client_streaming:
            stream = channel.stream_stream(path, bytes, bytes)(iter(requests))
            responses.extend([response async for response in stream])
        elif method.server_streaming:
            responses.extend(
                [response async for response in channel.unary_stream(path, bytes, bytes)(requests[0])]
            )
        else:
            responses.append(await channel.unary_unary(path, bytes, bytes)(requests[0]))
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or "", responses
    return grpc.StatusCode.OK, "", responses


class Jobs(stateless_svc_pb2_grpc.JobServiceServicer):
    """Builds two methods and inherits the rest from the generated class."""

    async def GetJob(  # noqa: N802  # the wire's name
        self, request: stateless_svc_pb2.GetJobRequest, context: object
    ) -> stateless_svc_pb2.GetJobResponse:
        del context
        response = stateless_svc_pb2.GetJobResponse()
        response.summary.name = request.job_id.value
        return response

    async def ListJobs(  # noqa: N802  # the wire's name
        self, request: stateless_svc_pb2.ListJobsRequest, context: object
    ) -> AsyncIterator[stateless_svc_pb2.ListJobsResponse]:
        del request, context
        yield stateless_svc_pb2.ListJobsResponse()
        yield stateless_svc_pb2.ListJobsResponse()


class Watches:
    """Sends bytes that are serialized already, and tells when its stream is closed."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def Watch(self, request: object, context: object) -> AsyncIterator[bytes]:  # noqa: N802  # the wire's name
        del request, context
        try:
            for revision in range(1, 1000):
                yield watch_svc_pb2.WatchResponse(revision=revision).SerializeToString()
        finally:
            self.closed.set()


class Runner:
    """Answers each frame by itself."""

    async def Engage(  # noqa: N802  # the wire's name
        self, requests: AsyncIterator[runner_pb2.ClientMsg], context: object
    ) -> AsyncIterator[runner_pb2.RunnerMsg]:
        del context
        async for request in requests:
            yield runner_pb2.RunnerMsg(data=request.data)


class Store:
    """Writes its stream to the context instead of yielding it."""

    async def StreamObjTo(self, request: ray_pb2.StreamObjToRequest, context: Context) -> None:  # noqa: N802  # the wire's name
        await context.write(ray_pb2.ObjChunk(total_size=request.objectid))


@pytest.mark.asyncio
async def test_every_method_says_that_it_is_not_built() -> None:
    methods = [method for service in SERVICES for method in service.methods]
    assert len(methods) == 131
    async with serving({}) as channel:
        for method in methods:
            sentence = f"{method.name} of {method.containing_service.full_name} is not built yet"
            assert await call(channel, method, b"") == (grpc.StatusCode.UNIMPLEMENTED, sentence, [])


@pytest.mark.asyncio
async def test_a_servicer_answers_what_it_builds_and_no_more() -> None:
    request = stateless_svc_pb2.GetJobRequest()
    request.job_id.value = "one"
    async with serving({JOBS: Jobs()}) as channel:
        code, _, (answer,) = await call(channel, JOBS.methods_by_name["GetJob"], request.SerializeToString())
        assert code is grpc.StatusCode.OK
        assert stateless_svc_pb2.GetJobResponse.FromString(answer).summary.name == "one"
        assert await call(channel, JOBS.methods_by_name["ListJobs"], b"") == (
            grpc.StatusCode.OK,
            "",
            [b"", b""],
        )
        code, details, _ = await call(channel, JOBS.methods_by_name["StopJob"], b"")
        assert code is grpc.StatusCode.UNIMPLEMENTED
        assert details == "StopJob of peloton.api.v1alpha.job.stateless.svc.JobService is not built yet"
        code, details, _ = await call(channel, JOBS.methods_by_name["ListPods"], b"")
        assert code is grpc.StatusCode.UNIMPLEMENTED
        assert details == "ListPods of peloton.api.v1alpha.job.stateless.svc.JobService is not built yet"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        (JOBS.methods_by_name["GetJob"], "peloton.api.v1alpha.job.stateless.svc.GetJobRequest"),
        (JOBS.methods_by_name["ListJobs"], "peloton.api.v1alpha.job.stateless.svc.ListJobsRequest"),
        (STORE.methods_by_name["StreamObjTo"], "StreamObjToRequest"),
        (RUNNER.methods_by_name["Engage"], "ClientMsg"),
    ],
    ids=lambda value: value.name if isinstance(value, MethodDescriptor) else "",
)
async def test_garbage_is_an_invalid_argument(method: MethodDescriptor, wanted: str) -> None:
    async with serving({JOBS: Jobs(), STORE: Store(), RUNNER: Runner()}) as channel:
        outcome = await call(channel, method, GARBAGE)
    assert outcome == (grpc.StatusCode.INVALID_ARGUMENT, f"the request is not a valid {wanted}", [])


@pytest.mark.asyncio
async def test_a_request_that_lacks_a_required_field_is_an_invalid_argument() -> None:
    """A volume without a mode, deep inside: proto2 messages of old clients have such fields."""

    class CreatesJobs:
        async def CreateJob(self, request: object, context: object) -> bytes:  # noqa: N802  # the wire's name
            del request, context
            return b""

    request = stateless_svc_pb2.CreateJobRequest()
    container = request.spec.default_spec.containers.add().container
    container.type = container.DOCKER
    async with serving({JOBS: CreatesJobs()}) as channel:
        create = JOBS.methods_by_name["CreateJob"]
        assert await call(channel, create, request.SerializeToString()) == (grpc.StatusCode.OK, "", [b""])
        container.volumes.add(container_path="/tmp")
        code, details, _ = await call(channel, create, request.SerializePartialToString())
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert details == (
        "the request is not a valid peloton.api.v1alpha.job.stateless.svc.CreateJobRequest: "
        "it lacks required fields"
    )


@pytest.mark.asyncio
async def test_garbage_in_the_middle_of_a_stream_ends_it() -> None:
    good = runner_pb2.ClientMsg(data=runner_pb2.DataFrame(data=b"x")).SerializeToString()
    answer = runner_pb2.RunnerMsg(data=runner_pb2.DataFrame(data=b"x")).SerializeToString()
    answered = asyncio.Event()

    async def requests() -> AsyncIterator[bytes]:
        yield good
        await answered.wait()
        yield GARBAGE

    async with serving({RUNNER: Runner()}) as channel:
        stream = channel.stream_stream("/RunnerProtocol/Engage", bytes, bytes)(requests())
        assert await stream.read() == answer
        answered.set()
        assert await stream.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.asyncio
async def test_a_stream_may_be_written_to_the_context() -> None:
    request = ray_pb2.StreamObjToRequest(objectid=7).SerializeToString()
    async with serving({STORE: Store()}) as channel:
        outcome = await call(channel, STORE.methods_by_name["StreamObjTo"], request)
    assert outcome == (grpc.StatusCode.OK, "", [ray_pb2.ObjChunk(total_size=7).SerializeToString()])


@pytest.mark.asyncio
async def test_bytes_are_sent_as_they_are() -> None:
    async with serving({WATCHES: Watches()}) as channel:
        _, _, responses = await call(channel, WATCHES.methods_by_name["Watch"], b"")
    revisions = [watch_svc_pb2.WatchResponse.FromString(response).revision for response in responses]
    assert revisions == list(range(1, 1000))


@pytest.mark.asyncio
async def test_a_stream_is_closed_when_its_reader_goes_away() -> None:
    watches = Watches()
    async with serving({WATCHES: watches}) as channel:
        stream = channel.unary_stream(f"/{WATCHES.full_name}/Watch", bytes, bytes)(b"")
        assert await stream.read()
        stream.cancel()
        await watches.closed.wait()


@pytest.mark.asyncio
async def test_a_servicer_with_a_method_that_nobody_can_call_is_refused() -> None:
    class Misspelt:
        async def GetJobs(self) -> None:  # noqa: N802  # the point of the test
            """Not a method of the service."""

    class Blocking:
        def GetJob(self) -> None:  # noqa: N802  # the wire's name
            """Not a coroutine function."""

    with pytest.raises(ValueError, match=r"^Misspelt has GetJobs, .*JobService has not$"):
        mount(Server(), {JOBS: Misspelt()})
    with pytest.raises(ValueError, match="GetJob has to be a coroutine function"):
        mount(Server(), {JOBS: Blocking()})
