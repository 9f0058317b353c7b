"""What a method may ask of its call, and say of its end.

1. It has the names of `grpc.aio.ServicerContext`, as far as servicers use them.
"""

import time

import grpc

from protocol.transport import core

FAR_S = 10 * 365 * 86_400.0
"""A deadline further away is none."""


class Context:
    """What is known of a call."""

    __slots__ = ("_code", "_core", "_details", "_metadata", "_status", "_trailing")

    def __init__(self, event: core.Event) -> None:
        self._core = event.call
        self._details = event.call_details
        self._metadata = event.invocation_metadata
        self._code: grpc.StatusCode | None = None
        self._status = ""
        self._trailing: core.Metadata | None = None

    def invocation_metadata(self) -> core.Metadata:
        """Return what came with the call; names are in lower case."""
        return self._metadata

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline, None without one."""
        remaining = self._details.deadline - time.time()
        return None if remaining > FAR_S else max(remaining, 0.0)

    def peer(self) -> str:
        """Return the address of the client."""
        return self._core.peer().decode()

    def auth_context(self) -> dict[str, list[bytes]]:
        """Return what is known of the client by its certificate."""
        return {
            name.decode(): list(values) for name, values in (core.authentication(self._core) or {}).items()
        }

    def code(self) -> grpc.StatusCode | None:
        """Return the code of the status, None when none is set."""
        return self._code

    def set_code(self, code: grpc.StatusCode) -> None:
        """Choose the code that the call ends with when its method returns."""
        self._code = code

    def set_details(self, details: str) -> None:
        """Choose its sentence."""
        self._status = details

    def set_trailing_metadata(self, metadata: core.Metadata) -> None:
        """Choose what is sent with the status."""
        self._trailing = metadata
