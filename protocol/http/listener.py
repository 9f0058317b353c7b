"""Serves an application by uvicorn on the loop that is already running.

1. Signals belong to the server as a whole; uvicorn gets none.
2. The socket is bound before anything is started, so that an address in use is told at once.
3. Requests are read by h11, also where uvicorn would find a quicker parser: that one bounds no header.
   Those that do not come end their connection.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from protocol.addresses import SocketAddress
from protocol.http.patience import PatientProtocol
from protocol.settings import AuthSettings

BACKLOG = 512


def bind(address: SocketAddress) -> socket.socket:
    """Bind and listen. Raises OSError."""
    family, kind, number, _, where = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, number)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        bound.listen(BACKLOG)
    except BaseException:
        bound.close()
        raise
    bound.settimeout(0)
    return bound


class QuietServer(uvicorn.Server):
    """Uvicorn without hands on signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class Listener:
    """An application at an address. Made with a socket that is bound."""

    def __init__(self, app: ASGIApp, bound: socket.socket, auth: AuthSettings) -> None:
        self._socket = bound
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            ssl_certfile=auth.tls_cert,
            ssl_keyfile=auth.tls_key,
            ssl_ca_certs=None if auth.client_ca is None else str(auth.client_ca),
            ssl_cert_reqs=ssl.CERT_NONE if auth.client_ca is None else ssl.CERT_REQUIRED,
        )
        config.load()
        self._client_ca = auth.client_ca
        self._renewed: ssl.SSLContext | None = None
        if config.ssl is not None:
            config.ssl.sni_callback = self._renew
        self._server = QuietServer(config)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve."""
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="http")

    def reload(self, certificate: Path, key: Path) -> None:
        """Use other certificates for connections from now on. Raises OSError, and keeps the old ones."""
        # A new context: one that is refused a key has lost the old one, too, and none forgets an authority.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if self._client_ca is not None:
            context.load_verify_locations(self._client_ca)
        self._renewed = context

    def _renew(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Have a connection that begins see the newest certificates; it is asked of all, named or not."""
        if self._renewed is not None:
            connection.context = self._renewed

    async def stop(self) -> None:
        """Finish what is being answered, for a short time, and end."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()
