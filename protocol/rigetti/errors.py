"""Refusals as this API spells them.

1. This is the only file that knows the codes.
2. The client sends a call again when it is answered UNAVAILABLE: that is said only when nothing was
   queued. A full queue is RESOURCE_EXHAUSTED; a journal with too much to write is UNAVAILABLE.
"""

import grpc

from actors.kernel.decider import Code, Rejection
from protocol.statuses import USUAL, Statuses
from protocol.task_gateway import CAPACITY

CODES = USUAL


class StillRunning(Exception):  # noqa: N818 - said of the job
    """The job has not ended, and its reader has waited long enough."""


def _code_of(rejection: Rejection) -> grpc.StatusCode:
    if rejection.code is Code.EXHAUSTED and CAPACITY not in dict(rejection.details):
        return grpc.StatusCode.UNAVAILABLE
    return CODES[rejection.code]


statuses = Statuses("rigetti", code_of=_code_of, others={StillRunning: grpc.StatusCode.DEADLINE_EXCEEDED})
unary = statuses.unary
