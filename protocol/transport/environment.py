"""What the environment tells grpcio's core, which reads it when it is imported: so nothing of it is here.

1. Sockets are read where events are asked for. The core has threads for that, which hand over each
   message; on one core, each takes the place of the thread that wants it (decision record 9).
2. It logs nothing: its own lines tell nothing that it does not raise.
3. Whoever sets these variables decides.
"""

import os


def prepare() -> None:
    """Set what is not set. To be called before grpcio is imported."""
    os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
