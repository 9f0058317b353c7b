"""The files that runs of pods leave behind, as far as clients may see them.

1. A run's directory is `<root>/<pod>/<run>`; `logs` and `sandbox` in it are shown, nothing else.
2. No symbolic link is followed, in no part of a path, and only regular files are shown: what a pod
   links to outside its sandbox stays unseen. Every step is opened relative to the one before.
3. Paths are relative, with slashes, such as `logs/main/stdout`.
4. Lists are bounded; disk is read on a worker thread, never on the event loop.
"""

import asyncio
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

SHOWN = ("logs", "sandbox")
MAX_FILES = 10_000
"""Files that are listed of one run."""
MAX_DEPTH = 64
"""Directories below each other that are looked into."""
POD_FORM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}\Z")

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Sandboxes(Protocol):
    """Where a façade finds the files of runs."""

    async def files(self, pod: str, run: int) -> Sequence[str]:
        """Return the paths of a run's files, sorted; empty when there are none, or none any more."""


class SandboxDirectory:
    """The sandboxes below one directory of this machine."""

    def __init__(self, root: Path, *, max_files: int = MAX_FILES) -> None:
        self._root = root
        self._max_files = max_files

    async def files(self, pod: str, run: int) -> Sequence[str]:
        """Return the paths of a run's files, sorted; at most `max_files` of them."""
        return await asyncio.to_thread(self.list_files, pod, run)

    def list_files(self, pod: str, run: int) -> Sequence[str]:
        """Return the same as `files`, on the thread that calls."""
        paths: list[str] = []
        with ExitStack() as opened:
            try:
                directory = _descend(self._root, _steps_to(pod, run), opened)
            except OSError:
                return ()
            for name in SHOWN:
                for path in _walk(directory, name, name, depth=1):
                    if len(paths) == self._max_files:
                        return sorted(paths)
                    paths.append(path)
        return sorted(paths)

    def open_file(self, pod: str, run: int, path: str) -> BinaryIO:
        """Open one of a run's files for reading. Raises FileNotFoundError for whatever is not shown."""
        steps = path.split("/")
        if steps[0] not in SHOWN or len(steps) == 1 or any(step in {"", ".", ".."} for step in steps):
            raise FileNotFoundError(path)
        with ExitStack() as opened:
            try:
                directory = _descend(self._root, (*_steps_to(pod, run), *steps[:-1]), opened)
                file = os.open(steps[-1], _FILE, dir_fd=directory)
            except (OSError, ValueError):
                raise FileNotFoundError(path) from None
            if not stat.S_ISREG(os.fstat(file).st_mode):
                os.close(file)
                raise FileNotFoundError(path)
            return os.fdopen(file, "rb")


def _steps_to(pod: str, run: int) -> tuple[str, ...]:
    if not POD_FORM.match(pod):
        raise FileNotFoundError(pod)
    return pod, str(run)


def _descend(root: Path, steps: Sequence[str], opened: ExitStack) -> int:
    """Open a directory below the root, step by step; the root itself may be a link."""
    directory = os.open(root, _DIRECTORY & ~os.O_NOFOLLOW)
    opened.callback(os.close, directory)
    for step in steps:
        directory = os.open(step, _DIRECTORY, dir_fd=directory)
        opened.callback(os.close, directory)
    return directory


def _walk(parent: int, name: str, path: str, *, depth: int) -> Iterator[str]:
    """Yield the regular files below a directory; what vanishes meanwhile is left out."""
    try:
        directory = os.open(name, _DIRECTORY, dir_fd=parent)
    except OSError:
        return
    try:
        with os.scandir(directory) as entries:
            names = sorted(
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
            )
        for entry_name, is_directory in names:
            below = f"{path}/{entry_name}"
            if not is_directory:
                yield _readable(below)
            elif depth < MAX_DEPTH:
                yield from _walk(directory, entry_name, below, depth=depth + 1)
    finally:
        os.close(directory)


def _readable(path: str) -> str:
    """Return the path as text that can be sent: bytes that are no UTF-8 show as question marks."""
    return path.encode("utf-8", "replace").decode()
