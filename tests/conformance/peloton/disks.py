"""Disks of our own to break: small ones, and ones that fail when told to.

1. Where such a disk cannot be had, a test that needs it is skipped with the reason; nothing is faked.
2. A disk is gone after the test, whatever holds it.
"""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import pytest

PAGE = 4096
SHIM = Path(__file__).with_name("broken_disk.c")


@contextmanager
def small_disk(place: Path, *, mb: int) -> Iterator[Path]:
    """A file system of its own in memory, which has so much space; only root may mount one."""
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={mb}m", "tmpfs", str(place)]
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    if (done := subprocess.run(words, capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def remount(disk: Path, option: str) -> None:
    """Mount it anew as `ro` or `rw`. The system refuses `ro` while a file is open for writing."""
    subprocess.run(["mount", "-o", f"remount,{option}", str(disk)], check=True, capture_output=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave not a page free as long as the block lasts."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        while has_room(file):
            pass
    try:
        yield
    finally:
        ballast.unlink()


def has_room(file: FileIO) -> bool:
    """Write a page; false when there is no space for one."""
    try:
        return file.write(bytes(PAGE)) == PAGE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


@dataclass(frozen=True, slots=True)
class BrokenDisk:
    """What makes the calls of a server fail."""

    note: Path

    @contextmanager
    def failing(self, call: str, number: int) -> Iterator[None]:
        """Have each `write` or `sync` below the data directory fail with an error's number."""
        beside = self.note.with_suffix(".new")
        beside.write_text(f"{call} {number}\n")
        beside.replace(self.note)
        try:
            yield
        finally:
            self.note.unlink()


def breakable(directory: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> BrokenDisk:
    """Have the servers that are started from now on stand on a disk that can be told to fail."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no compiler makes what stands between a server and its disk")
    library = directory / "broken_disk.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(SHIM), "-ldl"], check=True)
    note = directory / "broken"
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("BROKEN_DISK", str(note))
    monkeypatch.setenv("BROKEN_BELOW", str(data))
    return BrokenDisk(note)
