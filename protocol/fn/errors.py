"""Refusals of settings, as statuses. Calls have outcomes of their own (translate/outcomes.py)."""

from collections.abc import Mapping
from types import MappingProxyType

import grpc

from actors.kernel.decider import Code

CODES: Mapping[Code, grpc.StatusCode] = MappingProxyType(
    {
        Code.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
        Code.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
        Code.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
        Code.STALE_VERSION: grpc.StatusCode.ABORTED,
        Code.WRONG_STATE: grpc.StatusCode.FAILED_PRECONDITION,
        Code.BEING_DELETED: grpc.StatusCode.FAILED_PRECONDITION,
        Code.EXHAUSTED: grpc.StatusCode.UNAVAILABLE,
        Code.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
        Code.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
        Code.UNSUPPORTED: grpc.StatusCode.UNIMPLEMENTED,
        Code.OUT_OF_RANGE: grpc.StatusCode.OUT_OF_RANGE,
    }
)
