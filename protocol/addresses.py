"""Addresses and ranges of ports, as they are written in settings.

1. Both are written and printed in one form only: `HOST:PORT`, `FIRST-LAST`.
"""

import ipaddress
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer
from pydantic_settings import NoDecode

MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """Where a server listens or is reached."""

    host: str
    """A name or an address, IPv6 without brackets."""
    port: int
    """0 to 65535; 0 picks a free one."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Ports:
    """A range of ports, both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def parse_address(text: object) -> SocketAddress:
    """Read `HOST:PORT`; raises ValueError that says what is wrong."""
    if isinstance(text, SocketAddress):
        return text
    host, colon, port = str(text).rpartition(":")
    if not colon or not host:
        raise ValueError("must be HOST:PORT")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("must be HOST:PORT, an IPv6 address in brackets")
    if not (port.isascii() and port.isdecimal() and int(port) <= MAX_PORT):
        raise ValueError(f"must have a port from 0 to {MAX_PORT}")
    return SocketAddress(host, int(port))


def parse_ports(text: object) -> Ports:
    """Read `FIRST-LAST`; raises ValueError that says what is wrong."""
    if isinstance(text, Ports):
        return text
    first, dash, last = str(text).partition("-")
    if not (dash and first.isascii() and first.isdecimal() and last.isascii() and last.isdecimal()):
        raise ValueError("must be FIRST-LAST")
    ports = Ports(int(first), int(last))
    if not 1 <= ports.first <= ports.last <= MAX_PORT:
        raise ValueError(f"must be a rising range within 1 and {MAX_PORT}")
    return ports


Address = Annotated[SocketAddress, NoDecode, BeforeValidator(parse_address), PlainSerializer(str)]
"""An address as a setting."""
PortRange = Annotated[Ports, NoDecode, BeforeValidator(parse_ports), PlainSerializer(str)]
"""A range of ports as a setting."""
