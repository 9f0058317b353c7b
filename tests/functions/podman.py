"""A stand-in for podman: it records what it is told, and runs the test's function as what is in every image.

1. What runs goes on when who started it is killed, until it is removed by its name: as containers do.
2. Its first argument is a directory: `calls` has a line of JSON for each call, other files are what runs.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.functions import function

STATE = Path(__file__).parent


def options_of(arguments: Sequence[str], name: str) -> list[str]:
    return [each.partition("=")[2] for each in arguments if each.startswith(f"--{name}=")]


def run(state: Path, arguments: Sequence[str]) -> int:
    (name,), (volume,) = options_of(arguments, "name"), options_of(arguments, "volume")
    outside, _, inside = volume.partition(":")
    environment = dict(pair.split("=", 1) for pair in options_of(arguments, "env"))
    environment["FN_LISTENER"] = environment["FN_LISTENER"].replace(inside, outside)
    process = subprocess.Popen([sys.executable, function.__file__], env=environment, start_new_session=True)
    (state / name).write_text(f"{process.pid} {options_of(arguments, 'label')[0]}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: process.send_signal(number))
    code = process.wait()
    (state / name).unlink(missing_ok=True)
    return code


def remove(state: Path, names: Sequence[str]) -> int:
    for name in names:
        with suppress(OSError):
            pid = int((state / name).read_text().split()[0])
            os.killpg(pid, signal.SIGKILL)
        (state / name).unlink(missing_ok=True)
    return 0


def listed(state: Path, label: str) -> int:
    for path in sorted(state.glob("polyplane-*")):
        if path.read_text().split()[1] == label:
            sys.stdout.write(f"{path.name}\n")
    return 0


def main(state: Path, arguments: Sequence[str]) -> int:
    with (state / "calls").open("a") as calls:
        calls.write(json.dumps({"at": time.time(), "arguments": arguments}) + "\n")
    match arguments[0]:
        case "run":
            return run(state, arguments[1:])
        case "rm":
            return remove(state, [each for each in arguments[1:] if each.startswith("polyplane-")])
        case _:
            return listed(state, options_of(arguments, "filter")[0].partition("=")[2])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
