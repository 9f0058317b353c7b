"""Requests to processes of ours over their Unix sockets: HTTP/1.1, both bodies streamed."""

from actors.effects.exchange.answer import Broken, Head, Trouble
from actors.effects.exchange.client import Exchange
from actors.effects.exchange.socket import BadSocket, find_socket

__all__ = ["BadSocket", "Broken", "Exchange", "Head", "Trouble", "find_socket"]
