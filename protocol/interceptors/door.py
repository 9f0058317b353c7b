"""The door of gRPC: who comes in, and how long each call takes.

1. A method is wrapped once, when it is mounted. gRPC's own interceptors would be asked at every call,
   and cost a tenth of it.
2. Nobody is known here but by the authenticator; a refusal is UNAUTHENTICATED.
3. Health is open to all: those who ask it have no tokens.
4. A call is counted when it ends, however it ends; its code is what the client is told.
"""

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any, TypeAlias, cast

import grpc
from google.rpc import code_pb2

from protocol.auth import Authenticator, Unauthenticated, enter
from protocol.metrics import Calls

Endpoint: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[object, object]"
Behaviour: TypeAlias = Callable[[object, Context], Awaitable[object]]

NAMES: Mapping[int, str] = {number: name for name, number in code_pb2.Code.items()}

OPEN = "/grpc.health.v1.Health/"
"""How the paths begin that need no token."""


class Door:
    """Lets callers in, and counts."""

    def __init__(self, authenticator: Authenticator, calls: Calls) -> None:
        self._authenticator = authenticator
        self._calls = calls

    def before(self, path: str, endpoint: Endpoint) -> Endpoint:
        """Return a method with the door before it."""
        kinds: tuple[tuple[object, Callable[..., Endpoint]], ...] = (
            (endpoint.unary_unary, grpc.unary_unary_rpc_method_handler),
            (endpoint.unary_stream, grpc.unary_stream_rpc_method_handler),
            (endpoint.stream_unary, grpc.stream_unary_rpc_method_handler),
            (endpoint.stream_stream, grpc.stream_stream_rpc_method_handler),
        )
        behaviour, make = next((behaviour, make) for behaviour, make in kinds if behaviour is not None)
        stand = self._stand(path, cast("Behaviour", behaviour))
        return make(stand, endpoint.request_deserializer, endpoint.response_serializer)

    def _stand(self, path: str, behaviour: Behaviour) -> Behaviour:
        authenticate = self._authenticator.authenticate
        # Where nobody has to show a token, metadata are not even looked at: `caller` answers `LOCAL`.
        is_open = path.startswith(OPEN) or not self._authenticator.asks_for_tokens
        tally = self._calls.method(path)

        async def stand(request: object, context: Context) -> object:
            began = perf_counter()
            ended_by: BaseException | None = None
            try:
                if not is_open:
                    match authenticate(context.invocation_metadata() or ()):
                        case Unauthenticated(reason):
                            await context.abort(grpc.StatusCode.UNAUTHENTICATED, reason)
                        case principal:
                            enter(principal)
                return await behaviour(request, context)
            except BaseException as error:
                ended_by = error
                raise
            finally:
                tally(code_name(context, ended_by), perf_counter() - began)

        return stand


def code_name(context: Context, ended_by: BaseException | None) -> str:
    """What the client is told, as the name of a code."""
    code = context.code()
    number = code.value[0] if isinstance(code, grpc.StatusCode) else int(code or 0)
    if number == 0 and ended_by is not None:
        # The code of an exception is decided on after this; whoever goes away cancels the task.
        number = code_pb2.INTERNAL if isinstance(ended_by, Exception) else code_pb2.CANCELLED
    return NAMES[number]
