"""Signals that come before the server is there to take them.

1. SIGTERM ends it as it would end it later, with nothing to drain; SIGHUP finds nothing to read again yet.
2. The server takes over by handlers of its own.
"""

import signal
import sys
from types import FrameType

from protocol.cli.exits import Exit


def heed_signals() -> None:
    """Take SIGTERM and SIGHUP from now on."""
    signal.signal(signal.SIGTERM, _end)
    # Not ignored, which whatever is started meanwhile would inherit.
    signal.signal(signal.SIGHUP, _go_on)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(Exit.OK)


def _go_on(_number: int, _frame: FrameType | None) -> None:
    pass
