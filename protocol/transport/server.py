"""The gRPC server: listens, finds the method of each call, and ends.

1. It takes what `grpc.aio.server` takes: options, handlers of methods, ports, credentials. Methods have to be
   coroutine functions; those that answer by a stream write to their context.
2. `AHEAD` new calls are asked for at a time, so that a burst does not wait for the loop to ask again.
3. The end: no more calls are taken, those that are there have a time to finish, then they are cancelled.
   `stop` returns when every connection has ended.
"""

import asyncio
from collections.abc import Iterable, Sequence
from inspect import iscoroutinefunction
from typing import Any, NamedTuple, cast

import grpc

from protocol.transport import core
from protocol.transport.call import Behaviour, Call, Endpoint
from protocol.transport.completions import Completions
from protocol.transport.held import Held

AHEAD = 32
NO_METHOD = "Method not found!"


class Asked(NamedTuple):
    """What handlers are asked for."""

    method: str
    invocation_metadata: core.Metadata


class Server:
    """A server, on the loop that runs where it is made; `held` bounds what requests it holds."""

    def __init__(self, options: Sequence[tuple[str, int]] = (), *, held: Held | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._completions = Completions()
        self._server = core.new_server(tuple(options), False)  # noqa: FBT003 - the core's own order
        self._server.register_completion_queue(self._completions.queue)
        self._handlers: list[grpc.GenericRpcHandler] = []
        self._found: dict[bytes, tuple[Endpoint, Behaviour]] = {}
        self._calls: set[Call] = set()
        self._held = held if held is not None else Held()
        self._has_started = False
        self._ending: asyncio.Task[None] | None = None
        self._is_empty = asyncio.Event()

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Ask these, in their order, for the method of a call."""
        self._handlers.extend(handlers)

    def add_insecure_port(self, address: str) -> int:
        """Listen at `HOST:PORT`, and return the port; 0 when that is not possible."""
        return self._server.add_http2_port(address.encode())

    def add_secure_port(self, address: str, credentials: grpc.ServerCredentials) -> int:
        """Listen at `HOST:PORT` with a certificate, and return the port; 0 when that is not possible."""
        return self._server.add_http2_port(address.encode(), cast("Any", credentials)._credentials)  # noqa: SLF001

    async def start(self) -> None:
        """Take calls."""
        self._has_started = True
        self._server.start()
        self._completions.start()
        for _ in range(AHEAD):
            self._ask()

    async def stop(self, grace: float | None) -> None:
        """Take no more calls, and return when those that are there have ended.

        They are cancelled after `grace` seconds, at once for None; the shortest of several calls counts.
        """
        if not self._has_started:
            return
        if self._ending is None:
            self._server.shutdown(self._completions.queue, self._ended)
            self._ending = self._loop.create_task(self._end())
        if grace:
            await asyncio.wait((self._ending,), timeout=grace)
        if not self._is_empty.is_set():
            self._server.cancel_all_calls()
        await asyncio.shield(self._ending)

    async def wait_for_termination(self) -> None:
        """Return when it has ended."""
        await self._is_empty.wait()

    async def _end(self) -> None:
        await self._is_empty.wait()
        for call in tuple(self._calls):
            call.cancel()
        if tasks := [call.task for call in self._calls if call.task is not None]:
            await asyncio.wait(tasks)
        await self._completions.close()
        self._server.destroy()

    def _ended(self, _: core.Event) -> None:
        self._is_empty.set()

    def _ask(self) -> None:
        if self._ending is None:
            self._server.request_call(self._completions.queue, self._completions.queue, self._called)

    def _called(self, event: core.Event) -> None:
        if not event.success:  # the server ends
            return
        self._ask()
        path = event.call_details.method
        endpoint = self._found.get(path) or self._find(path, event.invocation_metadata)
        if endpoint is None:
            call = Call(event, NOTHING, nothing, self._loop, self._calls.discard, held=self._held)
            call.refuse(grpc.StatusCode.UNIMPLEMENTED, NO_METHOD)
        else:
            call = Call(event, *endpoint, self._loop, self._calls.discard, held=self._held)
            self._calls.add(call)
            call.start()

    def _find(self, path: bytes, metadata: core.Metadata) -> tuple[Endpoint, Behaviour] | None:
        """Find a method. What is found is kept; what is not could be any number of names, and is not."""
        asked = Asked(path.decode(errors="replace"), metadata)
        for handler in self._handlers:
            endpoint = handler.service(cast("grpc.HandlerCallDetails", asked))
            if endpoint is not None:
                found = self._found[path] = (endpoint, behaviour(endpoint))
                return found
        return None


def behaviour(endpoint: Endpoint) -> Behaviour:
    """Return what answers calls of a method. Raises ValueError when it is no coroutine function."""
    kinds = (endpoint.unary_unary, endpoint.unary_stream, endpoint.stream_unary, endpoint.stream_stream)
    found = next(kind for kind in kinds if kind is not None)
    if not iscoroutinefunction(found):
        raise ValueError("a method has to be a coroutine function")
    return cast("Behaviour", found)


async def nothing(_: object, context: Call) -> None:
    """Stand for the method that there is none of."""


NOTHING: Endpoint = grpc.unary_unary_rpc_method_handler(cast("Any", nothing))
