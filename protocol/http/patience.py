"""Connections on which no request comes are ended, whether nothing is sent or its head a byte at a time.

1. A request has come once its head is whole. How long its body may take is for whoever reads it to say.
2. Between requests uvicorn's own limit counts as well; it ends with the first byte, ours does not.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 30.0
"""How long a request may be in coming, from the beginning of its connection or the end of the last answer."""


class PatientProtocol(H11Protocol):
    """One connection."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._rest()

    def data_received(self, data: bytes) -> None:
        """Take in what was sent."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless that has come already."""
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """Wait while no request is there."""
        is_asked = self.cycle is not None and not self.cycle.response_complete
        if is_asked or self.transport.is_closing():
            self._rest()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(REQUEST_S, self.transport.close)

    def _rest(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
