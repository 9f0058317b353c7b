"""`polyplane serve`: from flags to the exit code of the server.

1. What is wrong with the configuration, the data directory or an address is said in clear lines on
   stderr and ends in exit code 2, before anything else is done.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping

import uvloop

from protocol.cli.exits import Exit
from protocol.configuration import Misconfigured, load
from protocol.logs import configure
from protocol.server import Facades, Served, Unservable, run
from protocol.settings import Settings


def serve(
    flags: Mapping[str, object],
    open_plane: Callable[[Settings], Served],
    facades: Facades,
    unusable: type[Exception],
) -> int:
    """Run a server until it ends, and answer its exit code.

    Args:
        flags: What the command line says; None where it says nothing.
        open_plane: Opens what stands behind the server.
        facades: Makes the servicers.
        unusable: What the plane raises when it cannot work with what it finds, one line.
    """
    try:
        settings = load(flags).settings
        configure()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(settings, open_plane, facades))
    except Misconfigured as error:
        return complain("configuration: ", str(error))
    except (unusable, Unservable) as error:
        return complain("", str(error))


def complain(prefix: str, text: str) -> int:
    """Say what is wrong, a line for each."""
    for line in text.splitlines():
        sys.stderr.write(f"polyplane: {prefix}{line}\n")
    return Exit.USAGE
