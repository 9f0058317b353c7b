"""gRPC's health service: one answer for the whole server and for each of its services.

1. All services stand on one kernel, so they are healthy together.
2. A watch tells the state at once and at each change, and ends UNAVAILABLE with the server.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TypeAlias

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

SHOWN = 256
"""Characters of an unknown name that are said again: they travel in a header."""

Context: TypeAlias = "grpc.aio.ServicerContext[HealthCheckRequest, HealthCheckResponse]"


class Health:
    """Answers and tells whether the server serves."""

    def __init__(self, services: Iterable[str], is_serving: Callable[[], bool]) -> None:
        self._services = frozenset({"", *services})
        self._is_serving = is_serving
        self._is_closed = False
        self._changed = asyncio.Event()

    async def Check(  # noqa: N802 - the wire's name
        self, request: HealthCheckRequest, context: Context
    ) -> HealthCheckResponse:
        """Answer how a service is."""
        if request.service not in self._services:
            name = request.service[:SHOWN]
            await context.abort(grpc.StatusCode.NOT_FOUND, f"service: {name!r} is not served here")
        return HealthCheckResponse(status=self._status(request.service))

    async def Watch(  # noqa: N802 - the wire's name
        self, request: HealthCheckRequest, context: Context
    ) -> AsyncGenerator[HealthCheckResponse, None]:
        """Tell how a service is, now and whenever it changes."""
        told: int | None = None
        while True:
            status = self._status(request.service)
            if status != told:
                told = status
                yield HealthCheckResponse(status=status)
            if self._is_closed:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the server is going down")
            await self._changed.wait()

    def look(self) -> None:
        """Look again, and tell watchers when something changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """Say that nothing is served any more, and end all watches."""
        self._is_closed = True
        self.look()

    def _status(self, service: str) -> int:
        if service not in self._services:
            return HealthCheckResponse.SERVICE_UNKNOWN
        return HealthCheckResponse.SERVING if self._is_serving() else HealthCheckResponse.NOT_SERVING
