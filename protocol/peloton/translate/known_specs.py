"""Specs that were read before: an equal one is not read again, and is the same object.

1. Reading is a pure function of the spec and the server's rules, so equal bytes have one answer.
2. Least recently used ones go out first, beyond a number of bytes. Refused specs are not kept.
3. Jobs with equal specs share one, which also is stored and sent in the same bytes.
"""

from collections import OrderedDict

from events.job import JobSpec
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.peloton.translate.job_spec import read_job_spec
from protocol.peloton.translate.rules import Rules

KEPT_BYTES = 16 * 2**20
"""Of specs as clients sent them."""


class KnownSpecs:
    """Reads specs by rules that stay the same."""

    def __init__(self, rules: Rules, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._rules = rules
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._specs: OrderedDict[bytes, JobSpec] = OrderedDict()

    def read(self, spec: stateless_pb2.JobSpec) -> JobSpec:
        """Return a job's spec; refuse what breaks a rule."""
        body = spec.SerializeToString(deterministic=True)
        known = self._specs.get(body)
        if known is not None:
            self._specs.move_to_end(body)
            return known
        converted = self._specs[body] = read_job_spec(spec, self._rules)
        self._bytes += len(body)
        while self._bytes > self._kept_bytes and len(self._specs) > 1:
            dropped, _ = self._specs.popitem(last=False)
            self._bytes -= len(dropped)
        return converted
