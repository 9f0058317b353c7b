"""The few parts of grpcio's core that the server is built on, with their types.

1. grpcio's own synchronous server is built on the same parts; they are not in its documentation. So its
   series is pinned, and no other module of the server names them (docs/decisions/0009-the-core-of-grpc.md).
2. An operation is used once. Of each kind one may be under way in a call; started operations always
   complete, and what was handed over with them, the tag, comes back with their event.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from grpc._cython import cygrpc  # type: ignore[attr-defined]

Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]

SUCCEEDED = 0
"""What starting operations answers when they have been started."""

NO_FLAGS = 0
MORE_FOLLOWS: int = cygrpc.WriteFlag.buffer_hint
"""Of a message that need not go before the next one."""


class Operation(Protocol):
    """Something to do in a call."""


class Receipt(Operation, Protocol):
    """Waits for the next message of the client."""

    def message(self) -> bytes | None:
        """Return it; None when there is none any more."""


class Farewell(Operation, Protocol):
    """Waits until nothing more is to come from the client, nor to go to it."""

    def cancelled(self) -> bool:
        """Tell whether that was before the status was sent."""


class Details(Protocol):
    """Which method is called, and until when."""

    method: bytes
    deadline: float
    """As `time.time`; beyond every time for none."""


class CoreCall(Protocol):
    """A call, as the core knows it."""

    def start_server_batch(self, operations: Sequence[Operation], tag: "Tag") -> int:
        """Start operations; `SUCCEEDED`, or else nothing was started and no event will come."""

    def peer(self) -> bytes:
        """Return the address of the client."""


class Event(Protocol):
    """Something has completed."""

    tag: "Tag | None"
    """None when nothing has: the time is over, or the queue was shut down."""
    completion_type: int
    success: bool
    batch_operations: Sequence[Operation]
    """Of operations of a call: they themselves."""
    call: CoreCall
    """Of a new call, as what follows."""
    call_details: Details
    invocation_metadata: Metadata


Tag: TypeAlias = Callable[[Event], None]
"""Is called with the event of what it was handed over with."""


class Queue(Protocol):
    """Where events come from."""

    def poll(self, deadline: float | None = None) -> Event:
        """Return the next event, waiting until a time of `time.time` at most. Lets other threads run."""

    def shutdown(self) -> None:
        """Let the last event be that there are none any more."""


class CoreServer(Protocol):
    """A server, as the core knows it."""

    def register_completion_queue(self, queue: Queue) -> None:
        """Name the queue of its events, before it starts."""

    def add_http2_port(self, address: bytes, credentials: object = None) -> int:
        """Listen, and return the port; 0 when that is not possible."""

    def start(self) -> None:
        """Take connections."""

    def request_call(self, calls: Queue, server: Queue, tag: Tag) -> int:
        """Ask for one new call."""

    def shutdown(self, queue: Queue, tag: Tag) -> None:
        """Take no more calls; the event comes when the last connection has ended."""

    def cancel_all_calls(self) -> None:
        """End those that are there, once it is shut down."""

    def destroy(self) -> None:
        """Let go of it."""


new_queue: Callable[[], Queue] = cygrpc.CompletionQueue
new_server: Callable[[Sequence[tuple[str, int]], bool], CoreServer] = cygrpc.Server
"""Takes options, and whether it is configured from without (xDS)."""

receive_message: Callable[[int], Receipt] = cygrpc.ReceiveMessageOperation
receive_close: Callable[[int], Farewell] = cygrpc.ReceiveCloseOnServerOperation
send_metadata: Callable[[Metadata | None, int], Operation] = cygrpc.SendInitialMetadataOperation
send_message: Callable[[bytes, int], Operation] = cygrpc.SendMessageOperation
send_status: Callable[[Metadata | None, int, bytes, int], Operation] = cygrpc.SendStatusFromServerOperation

authentication: Callable[[CoreCall], "dict[bytes, Sequence[bytes]] | None"] = cygrpc.auth_context
"""What is known of the client by its certificate."""

IS_SHUT_DOWN: int = cygrpc.CompletionType.queue_shutdown
"""The type of the last event of a queue."""
