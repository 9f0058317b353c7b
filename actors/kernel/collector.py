"""Python's collector of cyclic garbage, kept away from what is there to stay.

1. It looks through everything that is new, again and again; while memory is filled from the journal all
   of it is new, none of it is garbage, and the looking would take half of the time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Collect nothing inside. What was made inside is looked through once afterwards, unless it is frozen."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
