"""Amounts of what a host has and a pod needs.

1. Amounts are finite and not negative; the façade that reads them from a client has checked that.
2. `cpu` and `gpu` are in cores and devices, fractions allowed; `_mb` are mebibytes (2**20 bytes).
"""

from events.frozen import frozen


@frozen
class Resources:
    """A vector of amounts, as needed or as available."""

    cpu: float = 0.0
    memory_mb: float = 0.0
    disk_mb: float = 0.0
    gpu: float = 0.0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            cpu=self.cpu + other.cpu,
            memory_mb=self.memory_mb + other.memory_mb,
            disk_mb=self.disk_mb + other.disk_mb,
            gpu=self.gpu + other.gpu,
        )

    def __sub__(self, other: "Resources") -> "Resources":
        return Resources(
            cpu=self.cpu - other.cpu,
            memory_mb=self.memory_mb - other.memory_mb,
            disk_mb=self.disk_mb - other.disk_mb,
            gpu=self.gpu - other.gpu,
        )
