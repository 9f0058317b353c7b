"""Functions that are container images, run by podman: its command lines, and which images may be run.

1. A container has the name of its slot, and goes with it: asked to end, killed, or found left behind by
   the next server, which knows its own by a label.
2. It sees its socket's directory, what its call configures, and nothing else of this machine. Podman's
   own environment is never the caller's: that would say how podman works.
3. Only names of images are run. What podman would take for an option, or for a path, is none.
"""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import structlog

PODMAN = "podman"
LABEL = "polyplane"
SOCKETS = "/tmp/iofs"  # noqa: S108 - inside the container, where genuine functions have it
GRACE_S = 10
"""Time that podman has to end a container, before what runs podman is killed."""
MAX_IMAGE = 255
TRANSPORTS = frozenset(
    {"containers-storage", "dir", "docker", "docker-archive", "docker-daemon", "oci", "oci-archive", "ostree",
     "sif", "tarball"}
)  # fmt: skip
_CLEANUP_S = 20
_IMAGE = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?\Z"
)
_SCRIPT = (
    'name=$1; shift; clear() { podman rm --force --ignore --time 1 "$name" >/dev/null 2>&1; }; '
    'trap clear TERM; "$@" & child=$!; wait "$child"; code=$?; trap "" TERM; clear; exit "$code"'
)


def is_image(image: str) -> bool:
    """Return whether a text is the name of an image."""
    is_name = len(image) <= MAX_IMAGE and _IMAGE.match(image) is not None
    return is_name and image.partition(":")[0] not in TRANSPORTS


def name_of(directory: Path) -> str:
    """Return the name of the container whose socket is in a directory."""
    return f"polyplane-{directory.name}"


def command_of(
    image: str,
    *,
    owner: str,
    directory: Path,
    environment: Iterable[tuple[str, str]],
    memory_mb: int = 0,
    tmpfs_mb: int = 0,
    milli_cpus: int = 0,
) -> tuple[str, ...]:
    """Return the command that runs an image, and sees that nothing is left of it.

    Args:
        image: Its name.
        owner: Whose containers they are: what the next server knows them by.
        directory: Where the function has to make its socket.
        environment: What the function finds in its environment.
        memory_mb: What it may use, 0 for no limit.
        tmpfs_mb: Size of its directory for temporary files, 0 for none of its own.
        milli_cpus: What it may use, 0 for no limit.
    """
    name = name_of(directory)
    options = [
        "--rm",
        f"--name={name}",
        f"--label={LABEL}={owner}",
        "--log-driver=none",
        f"--volume={directory}:{SOCKETS}",
        *(f"--env={key}={value}" for key, value in environment),
    ]
    if memory_mb:
        options.append(f"--memory={memory_mb}m")
    if tmpfs_mb:
        options.append(f"--tmpfs=/tmp:size={tmpfs_mb}m")
    if milli_cpus:
        options.append(f"--cpus={milli_cpus / 1000:g}")
    return ("/bin/sh", "-c", _SCRIPT, "sh", name, PODMAN, "run", *options, image)


def remove_left(owner: str) -> None:
    """Remove the containers that an earlier server left. Raises OSError where there is no podman."""
    listed = (PODMAN, "ps", "--all", "--quiet", f"--filter=label={LABEL}={owner}")
    try:
        found = _run(listed).split()
        if found:
            _run((PODMAN, "rm", "--force", "--ignore", "--time", "1", *found))
    except subprocess.SubprocessError as error:
        structlog.get_logger().warning("containers_not_removed", error=str(error))


def _run(command: tuple[str, ...]) -> str:
    done = subprocess.run(  # noqa: S603 - no part of it is a caller's
        command, capture_output=True, text=True, timeout=_CLEANUP_S, check=True, stdin=subprocess.DEVNULL
    )
    return done.stdout
