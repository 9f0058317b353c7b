"""The gRPC server itself: its address, its bounds, its certificates.

1. The address is this server's alone: sharing a port between processes is switched off.
2. Messages are bounded in both directions, and so are requests that are held and pings.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc

from protocol.settings import AuthSettings, Settings
from protocol.transport.held import Held
from protocol.transport.server import Server

MEBIBYTE = 2**20


class BadCertificates(Exception):  # noqa: N818 - said of the files
    """The certificate, its key or the authority cannot be used; the text is one line."""


@dataclass(slots=True)
class Wire:
    """A gRPC server that is bound and not yet started. Made by `bind`."""

    server: Server
    address: str
    """`HOST:PORT` with the real port."""
    certificates: "Certificates | None"

    @classmethod
    def bind(cls, settings: Settings) -> Self:
        """Make a server and bind it. Raises BadCertificates, or OSError for the address."""
        limits = settings.limits
        held = Held(limits.inflight_mb * MEBIBYTE)
        server = Server(options(limits.message_mb * MEBIBYTE), held=held)
        wanted = str(settings.listen)
        certificates = Certificates(settings.auth) if settings.auth.tls_cert is not None else None
        if certificates is None:
            port = server.add_insecure_port(wanted)
        else:
            port = server.add_secure_port(wanted, certificates.credentials())
        if port == 0:
            raise OSError("address is in use, or not of this machine")
        host, _, _ = wanted.rpartition(":")
        return cls(server, f"{host}:{port}", certificates)

    def reload(self) -> None:
        """Read the certificates again. Raises BadCertificates, and keeps the old ones."""
        if self.certificates is not None:
            self.certificates.reload()


class Certificates:
    """The certificates of the server; connections made after `reload` see the new ones."""

    def __init__(self, auth: AuthSettings) -> None:
        self._auth = auth
        self._current = self._read()

    def credentials(self) -> grpc.ServerCredentials:
        """What the server is bound with."""
        return grpc.dynamic_ssl_server_credentials(
            self._current,
            lambda: self._current,
            require_client_authentication=self._auth.client_ca is not None,
        )

    def reload(self) -> None:
        """Read the files again. Raises BadCertificates, and keeps the old ones."""
        self._current = self._read()

    def _read(self) -> grpc.ServerCertificateConfiguration:
        auth = self._auth
        try:
            # gRPC would say nothing of a key that does not fit.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(auth.tls_cert or "", auth.tls_key)
            if auth.client_ca is not None:
                context.load_verify_locations(auth.client_ca)
            pair = (content(auth.tls_key) or b"", content(auth.tls_cert) or b"")
            return grpc.ssl_server_certificate_configuration([pair], content(auth.client_ca))
        except OSError as error:
            raise BadCertificates(
                f"auth: the certificate or key cannot be used: {error.strerror or error}"
            ) from None


def content(path: Path | None) -> bytes | None:
    """What is in a file, None for none."""
    return None if path is None else path.read_bytes()


def options(largest: int) -> list[tuple[str, int]]:
    """Options of the channel arguments kind."""
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.enable_channelz", 1),
        ("grpc.max_receive_message_length", largest),
        ("grpc.max_send_message_length", largest),
        # Dead peers free what they hold within about a minute and a half.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # Clients may ping quiet watches every 10 s; who pings more often is sent away.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ]
