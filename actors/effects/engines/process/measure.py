"""What this machine has, and how others on its network reach it."""

import os
import shutil
import socket
from pathlib import Path

from events.capacity import Resources

_MEBIBYTE = 1024 * 1024
_ELSEWHERE = ("192.0.2.1", 9)
"""An address that is nobody's (RFC 5737): no packet is sent, only the way there is looked up."""


def capacity_of_this_machine(directory: Path = Path("/")) -> Resources:
    """Processors that this process may use, memory, the disk that holds the directory, and GPUs."""
    existing = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    return Resources(
        cpu=float(len(os.sched_getaffinity(0))),
        memory_mb=float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MEBIBYTE),
        disk_mb=float(shutil.disk_usage(existing).total // _MEBIBYTE),
        gpu=float(sum(path.name[len("nvidia") :].isdigit() for path in Path("/dev").glob("nvidia*"))),
    )


def local_address() -> str:
    """This machine's IPv4 address on its network; the loopback address when it is on none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
            address: str = probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"
    return address
