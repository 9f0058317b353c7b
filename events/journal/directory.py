"""The data directory: where everything of one server stands, and the lock that keeps it to one.

1. One process holds a directory: the lock ends with the process, however that ends.
2. The lock file's text names its holder; it is read to say who it is, and believed only of a process
   that has the file open.
3. With `:memory:` journal and views are in memory; what must be files is in a directory that is
   removed at the end. Its path is short, because sockets stand in it (107 bytes).
"""

import fcntl
import json
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from events.codec import Codec
from events.journal.journal import Journal

MEMORY = ":memory:"
"""Name of the directory that keeps nothing."""


class Locked(Exception):  # noqa: N818 - a refusal is named for what is wrong
    """Another process holds the directory; the text, one line, says which."""


class UnusableDirectory(Exception):  # noqa: N818 - as Locked
    """The directory cannot be made or written; the text, one line, says why."""


class DataDirectory:
    """A directory that this process holds. Made by `open`.

    Args:
        path: The directory.
        lock: Descriptor that holds the lock.
        is_memory: True when all of it ends with the process.
    """

    def __init__(self, path: Path, lock: int, *, is_memory: bool) -> None:
        self.path = path
        self.is_memory = is_memory
        self._lock: int | None = lock

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Make the directory when missing, and hold it. Raises Locked or UnusableDirectory."""
        is_memory = str(path) == MEMORY
        try:
            place = Path(tempfile.mkdtemp(prefix="polyplane-")) if is_memory else Path(path).absolute()
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _hold(place)
            opened = cls(place, lock, is_memory=is_memory)
            for part in (opened.pods, opened.agents):
                part.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UnusableDirectory(f"data directory {path}: {error.strerror or error}") from error
        return opened

    @property
    def journal(self) -> Path:
        """File of the journal; not there in memory."""
        return self.path / "journal.sqlite"

    @property
    def views(self) -> Path:
        """File of the tables; not there in memory."""
        return self.path / "views.sqlite"

    @property
    def blobs(self) -> Path:
        """Directory of blobs; not there in memory."""
        return self.path / "blobs"

    @property
    def pods(self) -> Path:
        """Directory of the pods' sandboxes."""
        return self.path / "pods"

    @property
    def agents(self) -> Path:
        """Directory of what agents note."""
        return self.path / "agents"

    def open_journal(self, codec: Codec) -> Journal:
        """Open the journal of this directory. Raises UnreadableJournal."""
        return Journal.in_memory(codec) if self.is_memory else Journal.open(self.journal, codec)

    def close(self) -> None:
        """Let go of the directory; one in memory is removed. Does nothing the second time."""
        if self._lock is None:
            return
        if self.is_memory:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)
        self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Holder(NamedTuple):
    """The process that holds a directory."""

    id: int
    descriptor: int
    """Of the process itself (pidfd), to be closed: its number may become another's."""


def open_holder(path: Path) -> Holder | None:
    """Return the process that holds a directory; None when it is not known which.

    Raises PermissionError when that is a process of somebody else.
    """
    lock = path / "lock"
    try:
        process = int(json.loads(lock.read_bytes())["pid"])
        descriptor = os.pidfd_open(process)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None  # the note is not whole, or its process has ended
    try:
        # The number may be another's by now: it is this one's that has the lock's file open.
        if any(_is_same(each, lock) for each in Path(f"/proc/{process}/fd").iterdir()):
            return Holder(process, descriptor)
    except PermissionError:
        os.close(descriptor)
        raise
    except FileNotFoundError:
        os.close(descriptor)
        return None  # it has ended meanwhile
    os.close(descriptor)
    return None


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _hold(path: Path) -> int:
    # The file is never removed: a process that had opened the removed one would hold a lock on nothing.
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(descriptor)
        os.close(descriptor)
        raise Locked(f"data directory {path} is in use by {holder}") from None
    except OSError:
        os.close(descriptor)
        raise
    note = {
        "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join([Path(sys.executable).name, *sys.argv]),
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(note).encode(), 0)
    return descriptor


def _holder(descriptor: int) -> str:
    try:
        note = json.loads(os.pread(descriptor, 65536, 0))
        return f"process {note['pid']} since {note['since']} ({note['command']})"
    except (ValueError, KeyError, TypeError):
        return "another process"  # which has the lock but has not yet said who it is
