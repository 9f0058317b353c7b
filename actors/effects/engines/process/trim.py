"""Keeps each log of a container within a bound, by giving the disk back what its oldest part takes.

1. A log keeps its length and its offsets: who follows it is not disturbed, nothing is copied, and
   nothing that is newer gets lost. What was given back is a hole, which readers skip (`SEEK_DATA`).
2. Where the file system knows no holes the log is emptied and begins anew.
3. The bound is looked at now and then: between two looks a log may be longer.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

LOOK_S = 5.0
"""Between two looks at all logs."""
SLICE_S = 0.1
"""Between two parts of a look, so that nothing else waits long."""
SLICE = 128
"""Logs that are looked at in one part."""

_PUNCH_HOLE_KEEP_SIZE = 3
"""FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE of linux/falloc.h."""
_BLOCK = 4096
_UNIT = 512
"""Bytes of what `st_blocks` counts."""


class Trimmer:
    """Looks at all logs again and again.

    Args:
        call_after: Calls later.
        logs: Gives the logs that may grow.
        punch: Makes a hole in a file; a test passes its own.
    """

    def __init__(
        self,
        call_after: Callable[[float, Callable[[], None]], None],
        logs: Callable[[], Iterable[Path]],
        *,
        punch: Callable[[int, int], None] | None = None,
    ) -> None:
        self.bound = 0
        """Bytes that a log may take on disk; 0 for any number."""
        self._call_after = call_after
        self._logs = logs
        self._punch = punch_hole if punch is None else punch
        self._left: Iterator[Path] = iter(())

    def start(self) -> None:
        """Begin to look."""
        self._call_after(LOOK_S, self._look)

    def trim(self, log: Path) -> None:
        """See that a log is within the bound: halved when it is not, so that this is seldom."""
        if not self.bound:
            return
        with suppress(OSError):  # not there yet, or not any more
            found = log.stat(follow_symlinks=False)
            if found.st_blocks * _UNIT > self.bound and stat.S_ISREG(found.st_mode):
                self._halve(log, found.st_size)

    def _look(self) -> None:
        part = list(islice(self._left, SLICE))
        for log in part:
            self.trim(log)
        if len(part) == SLICE:
            self._call_after(SLICE_S, self._look)
        else:
            self._left = iter(list(self._logs()) if self.bound else ())
            self._call_after(LOOK_S, self._look)

    def _halve(self, log: Path, size: int) -> None:
        file = os.open(log, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self._punch(file, max(0, size - self.bound // 2) // _BLOCK * _BLOCK)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.ENOSYS}:
                raise
            os.ftruncate(file, 0)
        finally:
            os.close(file)


def punch_hole(file: int, end: int) -> None:
    """Give back what the beginning of a file takes, up to an offset. Raises OSError."""
    # Only now: most agents never need it, and it is a megabyte of each.
    import ctypes  # noqa: PLC0415

    libc = ctypes.CDLL(None, use_errno=True)
    offset, length = ctypes.c_int64(0), ctypes.c_int64(end)
    call = getattr(libc, "fallocate64", None) or libc.fallocate
    if end and call(ctypes.c_int(file), ctypes.c_int(_PUNCH_HOLE_KEEP_SIZE), offset, length) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
