"""Functions that bring bodies of old topics to the current form, one table per entity."""

from collections.abc import Mapping

from events.codec.upcasters import host, job, pod, receipt, task, worker
from events.codec.upcasters.chain import Upcast

UPCASTERS: tuple[Mapping[str, Upcast], ...] = (
    job.UPCASTERS,
    pod.UPCASTERS,
    host.UPCASTERS,
    receipt.UPCASTERS,
    task.UPCASTERS,
    worker.UPCASTERS,
)
"""All tables, for the constructor of a codec."""
