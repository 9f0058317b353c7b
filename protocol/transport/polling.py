"""Where grpcio's core reads sockets: where its events are asked for.

1. It has threads for that, which hand over each message; on one core, each of them takes the place of the
   thread that wants it (docs/decisions/0009-the-core-of-grpc.md tells what that costs).
2. grpcio reads its wishes when it is imported, so this is called before, and imports nothing of it.
3. Whoever sets GRPC_EXPERIMENTS decides.
"""

import os


def read_where_events_are_asked_for() -> None:
    """Wish that the core has no threads that read. To be called before grpcio is imported."""
    os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
