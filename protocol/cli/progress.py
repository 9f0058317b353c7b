"""A bar that shows how far a job is, on a terminal; nothing elsewhere.

1. It is on stderr, so that stdout stays what a script reads.
"""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from protocol.cli.printing import counts
from protocol.pb.peloton.api.v1alpha.job.stateless.stateless_pb2 import JobSummary

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


class Progress:
    """Shows the pods that run, of those that shall."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 - slow to load, wanted seldom
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415
            from rich.progress import Progress as Bar  # noqa: PLC0415

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, summary: JobSummary) -> None:
        """Show how the job is."""
        if self._bar is not None and self._task is not None:
            running = summary.status.pod_stats.get("POD_STATE_RUNNING", 0)
            self._bar.update(
                self._task,
                total=summary.instance_count,
                completed=running,
                description=counts(summary.status.pod_stats),
            )
