"""Limits memory and processor time of a run by a control group, where this user may make one.

1. Only version 2 of control groups, and only below the group that the agent itself is in.
2. Where there is none, runs go on without these limits: that is said once, in the agent's log.
"""

from pathlib import Path

_PERIOD_US = 100_000
_MEBIBYTE = 1024 * 1024


class Groups:
    """Makes and removes one group for each run."""

    def __init__(self, parent: Path | None) -> None:
        self._parent = parent

    def open(self, name: str, *, cpu: float, memory_mb: float) -> str:
        """The directory of a new group with these limits (0 for none); empty when there can be none."""
        if self._parent is None or not (cpu or memory_mb):
            return ""
        group = self._parent / name
        try:
            group.mkdir(exist_ok=True)
            if cpu:
                (group / "cpu.max").write_text(f"{max(1000, round(cpu * _PERIOD_US))} {_PERIOD_US}\n")
            if memory_mb:
                (group / "memory.max").write_text(f"{round(memory_mb * _MEBIBYTE)}\n")
        except OSError:
            return ""
        return str(group)


def kill(group: str) -> None:
    """End by SIGKILL whatever is in a group, also what left its process group."""
    _attempt(Path(group) / "cgroup.kill")


def remove(group: str) -> None:
    """Remove a group that is empty."""
    try:
        Path(group).rmdir()
    except OSError:
        return  # not empty, or gone: an empty group costs next to nothing


def find_parent(
    root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> Path | None:
    """A group below our own in which groups with limits can be made; None when there is none."""
    try:
        own = next(line[3:] for line in membership.read_text().splitlines() if line.startswith("0::"))
        current = root / own.lstrip("/")
        if not {"cpu", "memory"} <= set((current / "cgroup.controllers").read_text().split()):
            return None
        (current / "cgroup.subtree_control").write_text("+cpu +memory\n")
        parent = current / "polyplane"
        parent.mkdir(exist_ok=True)
        (parent / "cgroup.subtree_control").write_text("+cpu +memory\n")
    except (OSError, StopIteration):
        return None
    return parent


def _attempt(control: Path) -> None:
    try:
        control.write_text("1\n")
    except OSError:
        return  # an older kernel: the process groups are signalled all the same
