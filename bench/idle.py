"""CPU of a server that does nothing, with a thousand watchers over none.

1. Time on a core is taken from the scheduler, to the nanosecond, over all threads of the server, in
   windows of some seconds with and without watchers in turn.
2. The watchers are a process of their own, on the other cores; nothing happens while it is measured.
"""

import time

from bench import servers
from bench.ratio import Measure, Result, side_by_side
from bench.scale import FULL, Scale

MEASURE = Measure(
    name="CPU of an idle server, with 1 000 idle watchers over none",
    at_least=1.5,
    goal=1.1,
    lower_is_better=True,
)
SETTLE_S = 1.0
"""Time that the server has to finish what opening and closing watches has left."""
ROUNDS = 5


def measure(scale: Scale = FULL) -> Result:
    """Measure seconds on a core by second."""
    with servers.serving(servers.NO_ROOM) as server:

        def cpu() -> float:
            time.sleep(SETTLE_S)
            begin, used = time.monotonic(), server.cpu_s()
            time.sleep(scale.idle_s)
            rate = (server.cpu_s() - used) / (time.monotonic() - begin)
            if rate <= 0:
                raise RuntimeError("the scheduler does not tell how long threads have been on a core")
            return rate

        def watched() -> float:
            with servers.watchers(server.address, scale.idle_watchers):
                return cpu()

        return side_by_side(MEASURE, watched, cpu, rounds=min(ROUNDS, scale.rounds))
