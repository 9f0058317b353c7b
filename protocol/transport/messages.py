"""The requests of a call whose client sends a stream."""

from collections.abc import AsyncIterator, Awaitable
from typing import Protocol, Self


class Source(Protocol):
    """Who has the messages: a call."""

    def next_message(self) -> Awaitable[object]:
        """Return the next one, or raise StopAsyncIteration."""


class Messages(AsyncIterator[object]):
    """The requests, one after the other."""

    __slots__ = ("_call",)

    def __init__(self, call: Source) -> None:
        self._call = call

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[object]:
        return self._call.next_message()
