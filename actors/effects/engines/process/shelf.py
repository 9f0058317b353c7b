"""The sandboxes of one host's runs, and how long they are kept.

1. Of a pod's runs that the server forgot, the newest KEPT_RUNS keep their directory.
2. A run number at or below the pod's floor was there and is gone; it is never launched again.
3. A pod that was forgotten loses its directory once none of its runs is left, whichever host had them.
4. A directory is moved out of the way at once and emptied in the background.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from actors.effects.engines.process.layout import HostFiles, is_safe, write_whole
from actors.effects.engines.process.record import Order, Record

KEPT_RUNS = 5
"""Sandboxes kept of each pod after its runs ended."""

RunName = tuple[str, int]


class Shelf:
    """Finds, keeps and removes the directories of runs."""

    def __init__(self, files: HostFiles, remove: Callable[[Path], None]) -> None:
        self._files = files
        self._remove = remove
        self._trash = files.agents / f"{files.lock.stem}.trash"
        self._removed = 0

    def sweep(self) -> None:
        """Remove what an earlier agent had moved out of the way, or was about to."""
        for left in self._trash.glob("*"):
            self._remove(left)
        for pod in self._files.pods.glob("*/forgotten"):
            self.remove_if_forgotten(pod.parent.name, lambda _: False)

    def unforgotten(self) -> Iterator[tuple[RunName, Path, Order]]:
        """All runs of this host whose end the server has not acknowledged."""
        if not self._files.pods.exists():
            return
        for pod in sorted(self._files.pods.iterdir()):
            for number in _numbers(pod):
                record = Record(pod / str(number) / "record")
                order = None if record.has("forgotten") else record.order()
                if order is not None and order["host"] == self._files.host:
                    yield (pod.name, number), pod / str(number), order

    def at_rest(self) -> Iterator[RunName]:
        """The newest run of each pod whose newest run was this host's and has ended."""
        for pod in sorted(self._files.pods.iterdir()) if self._files.pods.exists() else ():
            if numbers := _numbers(pod):
                record = Record(pod / str(numbers[-1]) / "record")
                order = record.order() if record.has("ended") else None
                if order is not None and order["host"] == self._files.host:
                    yield pod.name, numbers[-1]

    def why_never(self, name: RunName) -> str | None:
        """Why a run that is not at work may not be launched any more; None when it may."""
        pod, number = name
        if not is_safe(pod) or number < 1:
            return "the pod's id or the run's number is not one"
        if number <= self._floor(pod):
            return "the run was there and its sandbox is gone"
        if Record(self._files.run(pod, number) / "record").has("claim"):
            return "the run was launched or stopped before"
        return None

    def forget(self, name: RunName, is_running: Callable[[RunName], bool]) -> None:
        """The run's end is known: keep its sandbox while it is among the newest."""
        pod, number = name
        directory = self._files.pod(pod)
        record = Record(directory / str(number) / "record")
        if not record.directory.exists():
            return  # removed with its pod, perhaps by another host's agent
        record.write("forgotten", "forgotten")
        forgotten = [n for n in _numbers(directory) if Record(directory / str(n) / "record").has("forgotten")]
        old = forgotten[:-KEPT_RUNS]
        if old:
            write_whole(directory / "floor", f"{max(old[-1], self._floor(pod))}\n".encode())
        for number in old:
            self._discard(directory / str(number))
        self.remove_if_forgotten(pod, is_running)

    def forget_pod(self, pod: str, is_running: Callable[[RunName], bool]) -> None:
        """The pod is gone: remove its directory, at once or when its last run has ended."""
        if is_safe(pod) and self._files.pod(pod).exists():
            (self._files.pod(pod) / "forgotten").touch()
            self.remove_if_forgotten(pod, is_running)

    def remove_if_forgotten(self, pod: str, is_running: Callable[[RunName], bool]) -> None:
        """Remove the directory of a pod that is gone, unless a run of it is left."""
        directory = self._files.pod(pod)
        if not (directory / "forgotten").exists():
            return
        for number in _numbers(directory):
            record = Record(directory / str(number) / "record")
            if is_running((pod, number)) or (record.has("order") and not record.has("ended")):
                return
        self._discard(directory)

    def _floor(self, pod: str) -> int:
        try:
            return int((self._files.pod(pod) / "floor").read_text("ascii"))
        except FileNotFoundError:
            return 0
        except ValueError:  # empty after a loss of power: what is kept is newer than what is gone
            return min(_numbers(self._files.pod(pod)), default=1) - 1

    def _discard(self, directory: Path) -> None:
        self._trash.mkdir(exist_ok=True)
        self._removed += 1
        try:
            place = self._trash / f"{self._removed}-{directory.stat().st_ino}"
            directory.rename(place)
        except FileNotFoundError:
            return  # another host's agent was first
        self._remove(place)


def _numbers(pod: Path) -> list[int]:
    """The runs of a pod that have a directory, ascending."""
    try:
        return sorted(int(path.name) for path in pod.iterdir() if path.name.isdigit())
    except (FileNotFoundError, NotADirectoryError):
        return []
