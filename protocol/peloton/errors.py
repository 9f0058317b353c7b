"""Refusals as this API spells them.

1. This is the only file that knows the codes. A stale version's sentence has the words that clients
   look for before they read again and retry; they are part of the API.
"""

from collections.abc import Mapping
from types import MappingProxyType

import grpc

from actors.kernel.decider import Code, Rejection
from protocol.statuses import USUAL, Statuses

STALE_VERSION = "unexpected entity version"

CODES: Mapping[Code, grpc.StatusCode] = MappingProxyType(
    {
        **USUAL,
        Code.WRONG_STATE: grpc.StatusCode.ABORTED,
        Code.BEING_DELETED: grpc.StatusCode.INVALID_ARGUMENT,
    }
)


def _sentence_of(rejection: Rejection) -> str:
    sentence = rejection.reason
    if rejection.code is Code.STALE_VERSION and STALE_VERSION not in sentence:
        return f"{STALE_VERSION}: {sentence}"
    return sentence


statuses = Statuses("peloton", code_of=lambda rejection: CODES[rejection.code], sentence_of=_sentence_of)
unary, stream = statuses.unary, statuses.stream
