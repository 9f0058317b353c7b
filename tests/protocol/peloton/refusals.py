"""What a client is told when it is refused."""

from collections.abc import Awaitable
from dataclasses import dataclass

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status


@dataclass(frozen=True)
class Told:
    """A status with its details."""

    code: grpc.StatusCode
    sentence: str
    fields: tuple[str, ...]
    reason: str
    facts: dict[str, str]
    is_retried: bool


async def refused(call: Awaitable[object]) -> Told:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return told(error.value)


def told(error: grpc.aio.AioRpcError) -> Told:
    trailing = dict(error.trailing_metadata() or ())
    body = trailing["grpc-status-details-bin"]
    assert isinstance(body, bytes)
    status = Status.FromString(body)
    bad, info, retry = BadRequest(), ErrorInfo(), RetryInfo()
    is_retried = False
    for detail in status.details:
        detail.Unpack(bad)
        detail.Unpack(info)
        is_retried = detail.Unpack(retry) or is_retried
    assert (status.code, status.message) == (error.code().value[0], error.details())
    return Told(
        code=error.code(),
        sentence=error.details() or "",
        fields=tuple(it.field for it in bad.field_violations),
        reason=info.reason,
        facts=dict(info.metadata),
        is_retried=is_retried,
    )
