"""What makes a process the agent of its host: the lock, the socket, the bell, and the background.

1. The lock is held as long as the process lives, by nobody else, and not by what it starts.
2. Whoever started the agent learns by the exit of the process that he started that the agent listens.
3. What the agent starts has default signals, no descriptors of the agent's, and a session of its own.
"""

import contextlib
import errno
import fcntl
import json
import os
import resource
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from actors.effects.engines.process.layout import HostFiles, private_directory, socket_path, write_whole

_BACKLOG = 8
_LISTENS = b"1"


class Seat:
    """The one place of a host's agent."""

    def __init__(self, files: HostFiles) -> None:
        self._files = files
        self._lock = -1
        self._parent = -1
        self._socket = Path()
        self._device = -1
        self.is_announced = False

    def take(self) -> bool:
        """Take the place; False when another process has it."""
        self._files.agents.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self._files.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise
            return False
        return True

    def go_to_background(self) -> bool:
        """Go on in a child. Returns in the parent too, with False, once the child listens or is gone."""
        reading, writing = os.pipe()
        if os.fork():
            os.close(writing)
            self.is_announced = os.read(reading, 1) == _LISTENS
            return False
        os.close(reading)
        self._parent = writing
        self._device = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.umask(0o077)
        os.chdir("/")
        # It ends by its own rules alone; what it starts gets the defaults back.
        for number in (signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        return True

    def listen(self) -> socket.socket:
        """Listen on a fresh socket in the private directory."""
        self._socket = socket_path(private_directory(self._files))
        self._socket.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self._socket))
        listener.listen(_BACKLOG)
        listener.settimeout(0)
        return listener

    def is_reachable(self) -> bool:
        """True while the socket is where it was announced."""
        return self._socket.exists()

    def announce(self) -> None:
        """Note where the socket is, and tell whoever waits for it."""
        note = {"socket": str(self._socket), "pid": os.getpid(), "host": self._files.host}
        write_whole(self._files.note, json.dumps(note).encode())
        if self._parent >= 0:
            os.write(self._parent, _LISTENS)
            os.close(self._parent)
            self._parent = -1

    def bell(self) -> int:
        """The descriptor on which wrappers say that there is something new in their record."""
        with contextlib.suppress(FileExistsError):  # wrappers of before ring it
            os.mkfifo(self._files.bell, 0o600)
        # Open for writing too: else it would be at its end whenever no wrapper has it open.
        return os.open(self._files.bell, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def leave(self) -> None:
        """Take away what pointed here."""
        self._files.note.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)
        try:
            self._socket.parent.rmdir()
        except OSError:
            return  # something else is in it: not ours to remove

    def raise_open_files(self) -> tuple[int, int]:
        """Allow this process all descriptors it may have; returns the limits from before."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return soft, hard

    def spawn(self, words: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start a program in a session of its own; returns its process id."""
        return os.posix_spawn(
            words[0],
            list(words),
            environment,
            setsid=True,
            setsigmask=(),
            # All of them: whoever started the server may have had some ignored, as a shell's `&` has.
            setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            file_actions=((os.POSIX_SPAWN_DUP2, self._device, 0), (os.POSIX_SPAWN_DUP2, self._device, 1)),
        )
