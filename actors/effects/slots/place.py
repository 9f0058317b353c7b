"""Where the sockets of slots are: directories of this user's, with paths that are short enough.

1. Their names say whose they are: a server finds what an earlier one over the same data left, also when
   that came to no commit.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from actors.effects.slots.seat import SOCKET

PREFIX = "polyplane-slots-"
MAX_PATH = 107
"""Longest path of a socket on Linux."""


class Places(Protocol):
    """Makes and finds directories for sockets."""

    def make(self) -> Path:
        """Make one, in which each slot has one of its own."""

    def left(self) -> Iterable[Path]:
        """Return those that earlier servers left."""


class MachinePlaces:
    """Directories of this machine, for the server that holds a data directory."""

    def __init__(self, data: Path) -> None:
        self._prefix = f"{PREFIX}{hashlib.sha256(os.fsencode(data.absolute())).hexdigest()[:8]}-"
        self._parent = _parent()

    def make(self) -> Path:
        """Make one."""
        return Path(tempfile.mkdtemp(prefix=self._prefix, dir=self._parent))

    def left(self) -> Iterable[Path]:
        """Return those that earlier servers left; others' are not touched, whatever they are called."""
        found = self._parent.glob(f"{self._prefix}*")
        return [each for each in found if each.lstat().st_uid == os.geteuid()]


def _parent() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    longest = len(f"/{PREFIX}12345678-12345678/123456789012/{SOCKET}")
    is_short = bool(runtime) and len(os.fsencode(runtime)) + longest <= MAX_PATH
    return Path(runtime if is_short and os.access(runtime, os.W_OK) else "/tmp")  # noqa: S108 - as above
