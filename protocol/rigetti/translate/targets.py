"""Which quantum processor a request is for.

1. Processors and endpoints are two name spaces; a processor may have several endpoints.
2. Without a target a submission goes to the only processor that there is. A read needs none: the id
   alone finds the job.
"""

from collections.abc import Mapping
from typing import Protocol, cast

from protocol.rigetti.translate.refusal import invalid, unknown


class Targeted(Protocol):
    """A message with the `target` oneof."""

    quantum_processor_id: str
    endpoint_id: str

    def WhichOneof(self, oneof_group: str, /) -> str | None:  # noqa: N802 - the library's name
        """Return which arm is set."""


class Targets:
    """The names of all processors.

    Args:
        endpoints: Endpoints by processor.
    """

    def __init__(self, endpoints: Mapping[str, tuple[str, ...]]) -> None:
        self._names = tuple(endpoints)
        self._by_endpoint: dict[str, str] = {}
        for name, each in endpoints.items():
            for endpoint in each:
                self._by_endpoint.setdefault(endpoint, name)

    def chosen(self, request: object) -> str:
        """Return the processor that a submission is for. Refuses one that is not there."""
        name = self._named(request)
        if name is not None:
            if name not in self._names:
                raise unknown("quantum processor or endpoint")
            return name
        if len(self._names) != 1:
            raise invalid("target", "must be given: there are several quantum processors")
        return self._names[0]

    def is_of(self, request: object, worker: str) -> bool:
        """Return whether what is read is of the target that a request names, if any. Refuses an empty one."""
        name = self._named(request)
        return name is None or f"worker/{name}" == worker

    def _named(self, request: object) -> str | None:
        """Return the processor that is named, None for none, and empty for one that is not there."""
        targeted = cast("Targeted", request)
        match targeted.WhichOneof("target"):
            case "quantum_processor_id":
                if not targeted.quantum_processor_id:
                    raise invalid("quantum_processor_id", "must not be empty")
                name: str = targeted.quantum_processor_id
                return name if name in self._names else ""
            case "endpoint_id":
                if not targeted.endpoint_id:
                    raise invalid("endpoint_id", "must not be empty")
                return self._by_endpoint.get(targeted.endpoint_id, "")
            case _:
                return None
