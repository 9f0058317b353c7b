"""Refusals and ends as statuses of gRPC: a code, a sentence, and google.rpc details.

1. Which code a refusal has, and which words clients look for, is each façade's own to say (its errors.py).
2. A method raises; `unary` and `stream` say it to the client. They end a call once and hide nothing
   else: cancellation passes through.
3. Whatever nobody foresaw is INTERNAL with a neutral sentence; what it was stands in the log only.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from functools import wraps
from types import MappingProxyType
from typing import NoReturn, TypeVar

import grpc
import structlog
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from actors.kernel.decider import Code, Rejection
from projections.watch.subscription import EndOfWatch, WatchEnded
from protocol.calls import CallContext
from protocol.gateway import Refused
from protocol.sentences import bounded

DOMAIN = "polyplane"
RETRY_S = 1

USUAL: Mapping[Code, grpc.StatusCode] = MappingProxyType(
    {
        Code.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
        Code.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
        Code.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
        Code.STALE_VERSION: grpc.StatusCode.ABORTED,
        Code.WRONG_STATE: grpc.StatusCode.FAILED_PRECONDITION,
        Code.BEING_DELETED: grpc.StatusCode.FAILED_PRECONDITION,
        Code.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
        Code.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
        Code.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
        Code.UNSUPPORTED: grpc.StatusCode.UNIMPLEMENTED,
        Code.OUT_OF_RANGE: grpc.StatusCode.OUT_OF_RANGE,
    }
)
"""The codes of an API that says nothing else."""

ENDS: Mapping[EndOfWatch, tuple[grpc.StatusCode, str]] = MappingProxyType(
    {
        EndOfWatch.CANCELLED: (grpc.StatusCode.CANCELLED, "the watch was cancelled"),
        EndOfWatch.OVERFLOW: (
            grpc.StatusCode.ABORTED,
            "the watch fell too far behind; watch again from resume_revision",
        ),
        EndOfWatch.SHUTDOWN: (
            grpc.StatusCode.UNAVAILABLE,
            "the server is going down; watch again from resume_revision",
        ),
    }
)

_RETRIED = frozenset({Code.EXHAUSTED, Code.UNAVAILABLE})
_log = structlog.get_logger()

S = TypeVar("S")
Q = TypeVar("Q", bound=Message)
A = TypeVar("A")
X = TypeVar("X", bound=CallContext)


class Statuses:
    """How one API spells what its methods raise.

    Args:
        api: Its name, for the log.
        code_of: The code of a refusal.
        sentence_of: Its sentence.
        others: Codes of exceptions of the façade's own; their text is the sentence.
    """

    def __init__(
        self,
        api: str,
        *,
        code_of: Callable[[Rejection], grpc.StatusCode],
        sentence_of: Callable[[Rejection], str] = lambda rejection: rejection.reason,
        others: Mapping[type[Exception], grpc.StatusCode] = MappingProxyType({}),
    ) -> None:
        self._api = api
        self._code_of = code_of
        self._sentence_of = sentence_of
        self._others = others

    def unary(
        self, method: Callable[[S, Q, X], Coroutine[object, object, A]]
    ) -> Callable[[S, Q, X], Coroutine[object, object, A]]:
        """Let a method with one answer raise what it has to say."""

        @wraps(method)
        async def answer(servicer: S, request: Q, context: X) -> A:
            try:
                return await method(servicer, request, context)
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a status
                await self._end(context, error, method.__name__)

        return answer

    def stream(
        self, method: Callable[[S, Q, CallContext], AsyncGenerator[A, None]]
    ) -> Callable[[S, Q, CallContext], AsyncGenerator[A, None]]:
        """Let a method with a stream of answers raise what it has to say."""

        @wraps(method)
        async def answer(servicer: S, request: Q, context: CallContext) -> AsyncGenerator[A, None]:
            try:
                async with aclosing(method(servicer, request, context)) as answers:
                    async for one in answers:
                        yield one
            except Exception as error:  # noqa: BLE001 - as above
                await self._end(context, error, method.__name__)

        return answer

    def of(self, rejection: Rejection) -> Status:
        """Spell a refusal."""
        details: list[Message] = []
        if rejection.field:
            violation = BadRequest.FieldViolation(
                field=rejection.field, description=bounded(rejection.reason)
            )
            details.append(BadRequest(field_violations=[violation]))
        facts = dict(rejection.details)
        details.append(ErrorInfo(reason=rejection.code.name, domain=DOMAIN, metadata=facts))
        if rejection.code in _RETRIED:
            details.append(RetryInfo(retry_delay=Duration(seconds=RETRY_S)))
        return _status(self._code_of(rejection), self._sentence_of(rejection), details)

    async def _end(self, context: CallContext, error: Exception, method: str) -> NoReturn:
        """End a call with the status that an exception stands for."""
        match error:
            case Refused():
                status = self.of(error.rejection)
            case WatchEnded():
                status = _status_of_end(error)
            case _ if (code := self._others.get(type(error))) is not None:
                status = _status(code, str(error), ())
            case _:
                _log.error("call.failed", api=self._api, method=method, exc_info=error)
                status = _status(grpc.StatusCode.INTERNAL, "the server made a mistake; it is in its log", ())
        rich = rpc_status.to_status(status)
        await context.abort(rich.code, rich.details, rich.trailing_metadata)


def _status_of_end(ended: WatchEnded) -> Status:
    """Spell the end of a watch, with the revision to go on from."""
    code, sentence = ENDS[ended.reason]
    facts = {"resume_revision": str(ended.resume_revision)}
    return _status(
        code, sentence, [ErrorInfo(reason=f"WATCH_{ended.reason.name}", domain=DOMAIN, metadata=facts)]
    )


def _status(code: grpc.StatusCode, sentence: str, details: Sequence[Message]) -> Status:
    status = Status(code=code.value[0], message=bounded(sentence))
    for detail in details:
        packed = Packed()
        packed.Pack(detail)
        status.details.append(packed)
    return status
