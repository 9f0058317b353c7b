"""Writes what a wrapper needs to start each container of a run.

1. A container's environment is what the order says, on top of the four variables in KEPT: nothing else
   of the agent's or the server's own gets through.
2. The environment never stands on a command line, which every user of the machine may read.
3. A limit of open files is capped at the agent's own hard limit. What a pod may have of memory and processor
   time is the control groups' alone: RLIMIT_DATA counts what a runtime reserves, not what it uses, and is set
   only where an order says so, with room for that. RLIMIT_NPROC counts all that a user runs, and is not set.
"""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

from actors.effects.engines.process.layout import file_name

KEPT = ("PATH", "HOME", "LANG", "TZ")
"""What a container inherits of the agent's environment."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = frozenset(
    {"BASHOPTS", "BASH_VERSINFO", "EUID", "IFS", "LINENO", "OPTIND", "PPID", "SHELLOPTS", "UID"}
)
"""Variables that a shell does not let be set to anything, or that it understands."""


class ContainerOrder(TypedDict):
    """One container, as the server describes it."""

    name: str
    command: Sequence[str]
    environment: Sequence[Sequence[str]]
    files: int
    data: int
    """Bytes; 0 for no limit."""
    is_init: bool


class Limits(NamedTuple):
    """Limits of a container's resources."""

    files: int
    most_files: int
    data: int
    """Bytes; 0 for none."""


class PodOrder(TypedDict):
    """One run, as the server describes it. Init containers come first."""

    pod: str
    run: int
    survives: bool
    cpu: float
    memory_mb: float
    containers: Sequence[ContainerOrder]


def kept_environment() -> dict[str, str]:
    """What containers inherit."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    kept.setdefault("PATH", _PATH)
    return kept


def fault_of(order: PodOrder) -> str:
    """A sentence that says why the order cannot be carried out, empty when it can."""
    for container in order["containers"]:
        name = container["name"]
        if not container["command"] or not container["command"][0]:
            return f"container {name!r} has no command"
        if any("\0" in argument for argument in container["command"]):
            return f"the command of container {name!r} has a zero byte"
        for variable, value in container["environment"]:
            if not variable or "=" in variable or "\0" in variable + value:
                return (
                    f"the environment of container {name!r} has a variable that none can have: {variable!r}"
                )
    return "" if order["containers"] else "the pod has no containers"


def write_container(
    directory: Path,
    index: int,
    container: ContainerOrder,
    *,
    kept: Mapping[str, str],
    files: tuple[int, int],
    group: str,
    is_shell: bool,
) -> None:
    """Write `<index>.order` in the form that the wrapper reads, and make the directory of the logs.

    `files` are the agent's own soft and hard limit of open files, `group` a control group or empty.
    """
    logs = f"../logs/{file_name(container['name'])}"
    (directory / logs).mkdir(parents=True, exist_ok=True)
    environment = dict(kept)
    environment.update((variable, value) for variable, value in container["environment"])
    soft, hard = files
    if container["files"]:
        soft = hard = min(container["files"], hard)
    form = _shell_form if is_shell else _plain_form
    limits = Limits(soft, hard, container.get("data", 0))  # servers of before do not say
    content = form(container["command"], environment, limits, group, logs)
    (directory / f"{index}.order").write_bytes(content.encode())


def _plain_form(
    command: Sequence[str], environment: Mapping[str, str], limits: Limits, group: str, logs: str
) -> str:
    fields = [*map(str, limits), group, logs, str(len(environment))]
    fields += [f"{name}={value}" for name, value in environment.items()]
    fields += [str(len(command)), *command]
    return "".join(f"{field}\0" for field in fields)


def _shell_form(
    command: Sequence[str], environment: Mapping[str, str], limits: Limits, group: str, logs: str
) -> str:
    quote = shlex.quote
    exported = {name for name in environment if _IDENTIFIER.fullmatch(name) and name not in _SPECIAL}
    words = [quote(word) for word in command]
    if others := [quote(f"{name}={value}") for name, value in environment.items() if name not in exported]:
        words = ["env", *others, *words]
    lines = [
        f"ulimit -S -n {limits.files}; ulimit -H -n {limits.most_files}",
        f"ulimit -d {limits.data // 1024}" if limits.data else ":",
        f"echo 0 >{quote(group)}/cgroup.procs" if group else ":",
        f"exec >>{quote(logs)}/stdout 2>>{quote(logs)}/stderr",
        "umask 022",
        "cd ../sandbox || exit 126",
        f"PATH={quote(environment['PATH'])}",
        f"command -v {quote(command[0])} >/dev/null || exit 127",
        "echo >../record/$i.started; ring",
        "unset PWD OLDPWD",
        *(f"export {name}={quote(environment[name])}" for name in environment if name in exported),
        f"exec {' '.join(words)}",
    ]
    return "\n".join(lines) + "\n"
