"""How long a job may hold its processor.

1. A limit that is asked for is taken as it is, or refused; one that follows from the job's estimate
   is cut to what is allowed.
"""

from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration

from protocol.pb.rigetti.controller import service_pb2 as pb
from protocol.rigetti.translate.refusal import invalid

MICROSECONDS = 1_000_000
_NANOS = 1_000_000_000
_FIELD = "options.timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the settings say of limits, in microseconds."""

    default_us: int
    maximum_us: int

    def asked(self, options: pb.ExecutionOptions) -> int:
        """Return the limit that is asked for, 0 for none. Refuses a bad one."""
        if not options.HasField("timeout"):
            return 0
        nanoseconds = _nanoseconds(options.timeout)
        if nanoseconds > self.maximum_us * 1_000:
            raise invalid(_FIELD, f"must be at most {self.maximum_us / MICROSECONDS:g} s")
        return max(1, nanoseconds // 1_000)

    def derived(self, estimate_us: int) -> int:
        """Return the limit of a job that asks for none; the estimate is 0 for not told."""
        return max(1, min(estimate_us or self.default_us, self.maximum_us))


def _nanoseconds(duration: Duration) -> int:
    seconds, nanos = duration.seconds, duration.nanos
    if not -_NANOS < nanos < _NANOS or (seconds > 0 > nanos) or (seconds < 0 < nanos):
        raise invalid(_FIELD, "is malformed: nanos must be within a second, and of the sign of seconds")
    total = seconds * _NANOS + nanos
    if total <= 0:
        raise invalid(_FIELD, "must be more than zero")
    return total
