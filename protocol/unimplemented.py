"""Mounts the five APIs on a gRPC server: built methods as they are, the others as UNIMPLEMENTED.

1. Every method of every service below answers. What a servicer does not define itself, and what it
   inherits from generated code, is not built and says so in one sentence.
2. Bytes that are no message of the method's type, or one that lacks required fields, end as
   INVALID_ARGUMENT; a servicer never sees them. A servicer that takes a stream of requests has to
   iterate over them: `context.read()` would give it the unchecked form.
3. A servicer may answer `bytes` instead of a message: they are sent as they are. So one change is
   serialized once, however many watchers it goes to.
4. A stream of responses is closed when the call ends, whatever ended it.
5. All methods are found by one look into one dict, those of health, reflection and channelz too.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, NoReturn, Protocol, Self, TypeAlias, cast

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from protocol.pb.backend.api.v1beta1 import (
    auth_pb2,
    experiment_pb2,
    filter_pb2,
    healthz_pb2,
    job_pb2,
    pipeline_pb2,
    report_pb2,
    run_pb2,
    task_pb2,
    visualization_pb2,
)
from protocol.pb.fn import runner_pb2
from protocol.pb.peloton.api.v1alpha.admin.svc import admin_svc_pb2
from protocol.pb.peloton.api.v1alpha.host.svc import host_svc_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless.svc import stateless_svc_pb2
from protocol.pb.peloton.api.v1alpha.pod.svc import pod_svc_pb2
from protocol.pb.peloton.api.v1alpha.respool.svc import respool_svc_pb2
from protocol.pb.peloton.api.v1alpha.volume.svc import volume_svc_pb2
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2
from protocol.pb.ray import ray_pb2
from protocol.pb.rigetti.controller import service_pb2

SERVICES: tuple[ServiceDescriptor, ...] = (
    stateless_svc_pb2.DESCRIPTOR.services_by_name["JobService"],
    pod_svc_pb2.DESCRIPTOR.services_by_name["PodService"],
    watch_svc_pb2.DESCRIPTOR.services_by_name["WatchService"],
    host_svc_pb2.DESCRIPTOR.services_by_name["HostService"],
    respool_svc_pb2.DESCRIPTOR.services_by_name["ResourcePoolService"],
    volume_svc_pb2.DESCRIPTOR.services_by_name["VolumeService"],
    admin_svc_pb2.DESCRIPTOR.services_by_name["AdminService"],
    run_pb2.DESCRIPTOR.services_by_name["RunService"],
    experiment_pb2.DESCRIPTOR.services_by_name["ExperimentService"],
    pipeline_pb2.DESCRIPTOR.services_by_name["PipelineService"],
    job_pb2.DESCRIPTOR.services_by_name["JobService"],
    healthz_pb2.DESCRIPTOR.services_by_name["HealthzService"],
    auth_pb2.DESCRIPTOR.services_by_name["AuthService"],
    report_pb2.DESCRIPTOR.services_by_name["ReportService"],
    task_pb2.DESCRIPTOR.services_by_name["TaskService"],
    visualization_pb2.DESCRIPTOR.services_by_name["VisualizationService"],
    filter_pb2.DESCRIPTOR.services_by_name["DummyFilterService"],
    ray_pb2.DESCRIPTOR.services_by_name["Scheduler"],
    ray_pb2.DESCRIPTOR.services_by_name["ObjStore"],
    ray_pb2.DESCRIPTOR.services_by_name["WorkerService"],
    runner_pb2.DESCRIPTOR.services_by_name["RunnerProtocol"],
    service_pb2.DESCRIPTOR.services_by_name["Controller"],
)
"""The services of the five APIs, the most used ones of each API first."""


GENERATED = "_pb2_grpc"
"""How the names of the modules end whose servicers do nothing but refuse."""


class Context(Protocol):
    """What this module needs of gRPC's context of a call."""

    async def abort(self, code: grpc.StatusCode, details: str = "") -> NoReturn:
        """End the call with an error."""

    async def write(self, message: object) -> None:
        """Send one response of a stream."""


class Mountable(Protocol):
    """What this module needs of a server."""

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Ask these for the method of a call."""


Endpoint: TypeAlias = "grpc.RpcMethodHandler[Message | Malformed, Message | bytes]"
Before: TypeAlias = "Callable[[str, grpc.RpcMethodHandler[Any, Any]], grpc.RpcMethodHandler[Any, Any]]"
"""Puts something before the method of a path."""
Answer: TypeAlias = Message | bytes
Whole: TypeAlias = Callable[[object, Context], Awaitable[Answer]]
Pieces: TypeAlias = Callable[[object, Context], AsyncGenerator[Answer, None]]
Written: TypeAlias = Callable[[object, Context], Awaitable[Answer | None]]


def as_it_is(path: str, endpoint: Endpoint) -> Endpoint:
    """Put nothing before a method."""
    del path
    return endpoint


def mount(
    server: Mountable, servicers: Mapping[ServiceDescriptor, object], before: Before = as_it_is
) -> None:
    """Let `server` answer every method of `SERVICES`, and of any other service in `servicers`.

    A servicer has a coroutine function by the name of each method that it builds, or, where the
    responses are a stream, an asynchronous generator function. It may subclass the generated class
    and need not. What `before` returns is mounted in a method's place. Raises ValueError for a method
    that the service does not have or that is not asynchronous. Call it once, before the server starts.
    """
    services = (*SERVICES, *(service for service in servicers if service not in SERVICES))
    by_path = {
        path: before(path, endpoint)
        for service in services
        for path, endpoint in endpoints(service, servicers.get(service))
    }
    server.add_generic_rpc_handlers((Endpoints(by_path),))


def endpoints(service: ServiceDescriptor, servicer: object | None) -> Iterator[tuple[str, Endpoint]]:
    """Every method of a service by its path, whether the servicer builds it or not."""
    public = {name for name in dir(servicer) if name[0].isupper()}
    if unknown := public.difference(service.methods_by_name):
        raise ValueError(f"{type(servicer).__name__} has {min(unknown)}, {service.full_name} has not")
    for method in service.methods:
        call = getattr(servicer, method.name, None)
        if call is None or call.__module__.endswith(GENERATED):
            endpoint = make_endpoint(method, refuse(method))
        elif method.server_streaming:
            endpoint = make_endpoint(method, answer_in_pieces(method, call))
        else:
            endpoint = make_endpoint(method, answer_whole(method, call))
        yield f"/{service.full_name}/{method.name}", endpoint


class Endpoints(grpc.GenericRpcHandler):  # type: ignore[type-arg, unused-ignore]  # stubs disagree
    """Finds methods by their path."""

    def __init__(self, by_path: Mapping[str, Endpoint]) -> None:
        self._by_path = by_path

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Endpoint | None":
        """Find the method of a call. None lets gRPC say that there is no such method."""
        return self._by_path.get(handler_call_details.method)


def make_endpoint(method: MethodDescriptor, call: Whole | Written) -> Endpoint:
    """Wrap a call in what gRPC wants to know of it."""
    factories = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    factory = factories[method.client_streaming, method.server_streaming]
    return factory(call, reader(method.input_type), writer(method.output_type))


def refuse(method: MethodDescriptor) -> Written:
    """Answer that a method is not built."""
    sentence = f"{method.name} of {method.containing_service.full_name} is not built yet"

    async def refuse_call(_: object, context: Context) -> None:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, sentence)

    return refuse_call


def answer_whole(method: MethodDescriptor, call: Whole) -> Whole:
    """Answer by one message."""
    if not iscoroutinefunction(call):
        raise ValueError(f"{method.full_name} has to be a coroutine function")
    if method.client_streaming:

        async def answer_stream(requests: object, context: Context) -> Answer:
            return await call(Requests(cast("AsyncIterator[object]", requests), context), context)

        return answer_stream

    async def answer_request(request: object, context: Context) -> Answer:
        if isinstance(request, Malformed):
            await request.refuse(context)
        return await call(request, context)

    return answer_request


def answer_in_pieces(method: MethodDescriptor, call: Pieces | Written) -> Written:
    """Answer by a stream of messages, which the call yields or writes to its context.

    One that writes may return its last message.
    """
    if not isasyncgenfunction(call) and not iscoroutinefunction(call):
        raise ValueError(f"{method.full_name} has to be an asynchronous generator function")
    client_streaming, yields = method.client_streaming, isasyncgenfunction(call)

    async def answer(request: object, context: Context) -> Answer | None:
        if client_streaming:
            request = Requests(cast("AsyncIterator[object]", request), context)
        elif isinstance(request, Malformed):
            await request.refuse(context)
        if yields:
            # gRPC would leave the generator to the garbage collector when the client goes away.
            async with aclosing(cast("Pieces", call)(request, context)) as responses:
                async for response in responses:
                    await context.write(response)
            return None
        return await cast("Written", call)(request, context)

    return answer


@dataclass(frozen=True, slots=True)
class Malformed:
    """Stands for bytes that are no message of the wanted type."""

    reason: str
    """A sentence for the client."""

    async def refuse(self, context: Context) -> NoReturn:
        """End the call, saying why."""
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, self.reason)


class Requests(AsyncIterator[object]):
    """The requests of a stream; a malformed one ends the call."""

    def __init__(self, source: AsyncIterator[object], context: Context) -> None:
        self._source = aiter(source)  # gRPC's has another one inside, which is asked with less ado
        self._context = context

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> object:
        request = await anext(self._source)
        if isinstance(request, Malformed):
            await request.refuse(self._context)
        return request


def reader(message_type: Descriptor) -> Callable[[bytes], Message | Malformed]:
    """Read requests. gRPC would call an exception from here our own fault, hence the stand-in."""
    parse = GetMessageClass(message_type).FromString
    malformed = Malformed(f"the request is not a valid {message_type.full_name}")
    # Not which: naming them would take time and memory that the sender chooses.
    incomplete = Malformed(f"{malformed.reason}: it lacks required fields")

    def read(request: bytes) -> Message | Malformed:
        try:
            return parse(request)
        except DecodeError:
            return malformed

    def read_whole(request: bytes) -> Message | Malformed:
        # Parsing lets a message pass that lacks required fields; sending it on later would raise.
        message = read(request)
        return message if isinstance(message, Malformed) or message.IsInitialized() else incomplete

    return read_whole if requires_fields(message_type) else read


def requires_fields(message_type: Descriptor) -> bool:
    """Whether a message of this type, or one inside it, has required fields (proto2 alone)."""
    reached = {message_type.full_name}
    queue = [message_type]
    while queue:
        for field in queue.pop().fields:
            if field.is_required:
                return True
            if field.message_type is not None and field.message_type.full_name not in reached:
                reached.add(field.message_type.full_name)
                queue.append(field.message_type)
    return False


def writer(message_type: Descriptor) -> Callable[[Answer], bytes]:
    """Write responses, unless they are written already."""
    serialize = GetMessageClass(message_type).SerializeToString

    def write(response: Answer) -> bytes:
        return response if isinstance(response, bytes) else serialize(response)

    return write
