"""Servers of methods that a test writes: ours, and grpcio's own, which it has to behave like."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc

from protocol.transport.call import Endpoint
from protocol.transport.server import Server

Method: TypeAlias = Callable[[Any, Any], Awaitable[object]]
Make: TypeAlias = "Callable[[], Server | grpc.aio.Server]"

OPTIONS = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 100_000))


def ours() -> Server:
    return Server(OPTIONS)


def theirs() -> grpc.aio.Server:
    return grpc.aio.server(options=OPTIONS)


KINDS: Mapping[str, Callable[[Method], Endpoint]] = {
    "one": grpc.unary_unary_rpc_method_handler,
    "out": grpc.unary_stream_rpc_method_handler,
    "in": grpc.stream_unary_rpc_method_handler,
    "both": grpc.stream_stream_rpc_method_handler,
}
"""Kinds of methods by the first part of their names."""


class Methods(grpc.GenericRpcHandler):
    """Finds methods by their name, which says of what kind they are: `/both/anything`."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = {name: KINDS[name.split("/")[1]](method) for name, method in methods.items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Endpoint | None":
        return self._methods.get(handler_call_details.method)


@asynccontextmanager
async def served(
    methods: Mapping[str, Method], make: Make = ours
) -> "AsyncIterator[tuple[Server | grpc.aio.Server, Any]]":
    """Serve methods, and connect to them."""
    server = make()
    server.add_generic_rpc_handlers((Methods(methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    options = [("grpc.use_local_subchannel_pool", 1)]
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            yield server, channel
    finally:
        await server.stop(None)
