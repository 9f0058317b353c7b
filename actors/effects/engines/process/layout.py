"""Where an agent keeps what, on disk.

1. All that must outlast the agent is in the data directory: `pods/<pod>/<run>/` for each run, and
   `agents/` for the host's lock, its note of where the socket is, its bell and its wrappers.
2. A Unix socket's path has at most 107 bytes, a data directory's path has no bound: the socket stands in
   a short private directory instead, which belongs to this user alone.
3. A name from outside is never a path: hosts and containers are quoted, a pod's id must be safe as it is.

    pods/<pod>/<run>/sandbox/                 working directory of every container
    pods/<pod>/<run>/logs/<container>/stdout  and stderr
    pods/<pod>/<run>/record/                  see record.py
    pods/<pod>/floor                          the highest run whose directory was removed
    pods/<pod>/forgotten                      the pod is gone
"""

import hashlib
import os
import re
import stat
from pathlib import Path
from urllib.parse import quote

MAX_SOCKET_PATH = 107
"""Bytes that a Unix socket's path may have on Linux, without its final zero."""
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")


def is_safe(pod: str) -> bool:
    """True when the id may be a file name."""
    return _SAFE.fullmatch(pod) is not None


def file_name(name: str) -> str:
    """A file name for any name, another one for another name."""
    quoted = quote(name, safe="")
    if not quoted or quoted.startswith("."):
        quoted = "%" + quoted.replace(".", "%2E")
    return quoted if len(quoted) <= 200 else hashlib.sha256(name.encode()).hexdigest()  # noqa: PLR2004 of 255


class HostFiles:
    """The files of one host in the data directory."""

    def __init__(self, data: Path, host: str) -> None:
        self.data = data
        self.host = host
        self.agents = data / "agents"
        name = file_name(host)
        self.lock = self.agents / f"{name}.lock"
        self.note = self.agents / f"{name}.json"
        self.bell = self.agents / f"{name}.bell"
        self.log = self.agents / f"{name}.log"
        self.pods = data / "pods"

    def pod(self, pod: str) -> Path:
        """The directory of a pod."""
        return self.pods / pod

    def run(self, pod: str, run: int) -> Path:
        """The directory of a run."""
        return self.pods / pod / str(run)


def private_directory(files: HostFiles) -> Path:
    """Make sure of the short directory for the host's socket, and that it is ours alone.

    Raises:
        OSError: when it cannot be made, or belongs to somebody else.
    """
    identity = hashlib.sha256(f"{files.data.resolve()}\0{files.host}".encode()).hexdigest()[:16]
    name = f"polyplane-{os.getuid()}-{identity}"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    last: OSError | None = None
    for parent in filter(None, (runtime, "/tmp")):  # noqa: S108 checked to be ours alone before use
        directory = Path(parent) / name
        if len(os.fsencode(socket_path(directory))) > MAX_SOCKET_PATH:
            continue
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
            found = directory.lstat()
        except OSError as error:
            last = error
            continue
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
            return directory
        last = PermissionError(f"{directory} is not a directory of this user alone")
    raise last or OSError("no directory is short enough for a socket")


def socket_path(directory: Path) -> Path:
    """The socket in the private directory."""
    return directory / "agent.sock"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is seen whole or not at all."""
    beside = path.with_name(path.name + "~")
    beside.write_bytes(content)
    beside.replace(path)


def sync_directory(path: Path) -> None:
    """See to it that the names in a directory are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
