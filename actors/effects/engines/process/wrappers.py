"""Puts the wrapper of runs where it can be started: compiled from C, or as the shell script that it is.

1. A wrapper's file is named by its content and never changed: what runs keeps what it was started with,
   also when this package is replaced.
2. The C form is taken where a compiler makes one that runs here; else the shell form.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from actors.effects.engines.process.layout import write_whole

_COMPILE_S = 30
_USAGE = 2
"""Exit code of a wrapper that is called without arguments."""


def install(directory: Path, form: str = "auto") -> Path:
    """The wrapper's file in the directory, made if need be; `form` is `c`, `sh` or `auto`.

    Raises:
        OSError: when the form was asked for and cannot be had.
    """
    if form != "sh":
        compiled = _compiled(directory)
        if compiled is not None:
            return compiled
        if form == "c":
            raise OSError("no C compiler makes a wrapper that runs here")
    source = Path(__file__).with_name("wrapper.sh").read_bytes()
    script = directory / f"wrapper-{_digest(source)}.sh"
    if not script.exists():
        write_whole(script, source)
    return script


def command_of(wrapper: str) -> list[str]:
    """How to start a wrapper: a script by the shell, since the data directory may forbid execution."""
    return ["/bin/sh", wrapper] if wrapper.endswith(".sh") else [wrapper]


def _compiled(directory: Path) -> Path | None:
    source = Path(__file__).with_name("wrapper.c")
    program = directory / f"wrapper-{_digest(source.read_bytes())}"
    if program.exists():
        return program
    # Another host's agent may compile the same at the same time.
    beside = program.with_name(f"{program.name}.{os.getpid()}~")
    try:
        subprocess.run(  # noqa: S603 fixed words
            ["cc", "-O2", "-o", str(beside), str(source)],  # noqa: S607 the compiler of this machine
            check=True,
            capture_output=True,
            timeout=_COMPILE_S,
        )
        tried = subprocess.run([str(beside)], check=False, capture_output=True, timeout=_COMPILE_S)  # noqa: S603
        if tried.returncode != _USAGE:
            return None
        beside.replace(program)
    except (OSError, subprocess.SubprocessError):
        return None
    finally:
        beside.unlink(missing_ok=True)
    return program


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
