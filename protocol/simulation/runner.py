"""The runner façade on a simulated server: its settings by chance, its functions those of simulated hosts."""

import io
from collections.abc import Callable, Mapping
from random import Random
from typing import BinaryIO

from google.protobuf.descriptor import ServiceDescriptor

from protocol import fn
from protocol.calls import Calls
from protocol.plane import Plane
from protocol.settings import FnSettings

IMAGES = ("one", "two")
LIMIT = 20_000
"""Bytes of a response's body."""


def by_chance(chance: Random) -> FnSettings:
    """Return how functions are called."""
    return FnSettings(blocking=chance.random() < 0.7, idle_eviction=chance.random() < 0.8)  # noqa: PLR2004


class NoFiles:
    """Logs of pods: none."""

    def open_file(self, pod: str, run: int, path: str) -> BinaryIO:
        """Open an empty one."""
        del pod, run, path
        return io.BytesIO()


def make_runner(plane: Plane, now: Callable[[], int]) -> Mapping[ServiceDescriptor, object]:
    """Make what answers."""
    functions = {image: fn.Function(command=(image,)) for image in IMAGES}
    return fn.servicers(
        plane.work.slots,
        Calls(fn.ORIGIN, new_id=plane.gateway.new_id),
        functions=fn.Functions(functions, dict),
        gateway=plane.gateway,
        files=NoFiles(),
        rules=fn.Rules(response_limit=LIMIT),
        new_id=plane.gateway.new_id,
        now=now,
    )
