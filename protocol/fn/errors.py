"""Refusals of settings, as statuses. Calls have outcomes of their own (translate/outcomes.py)."""

from collections.abc import Mapping
from types import MappingProxyType

import grpc

from actors.kernel.decider import Code
from protocol.statuses import USUAL

CODES: Mapping[Code, grpc.StatusCode] = MappingProxyType(
    {**USUAL, Code.EXHAUSTED: grpc.StatusCode.UNAVAILABLE}
)
