"""A Bell pair, from a keys file to a histogram: encrypted, queued, run by a worker in a pod.

1. Everything is done with the commands that a user has; their output is printed.
2. Another submission is made twice under one key: it is one job, and both tell its outcomes.
3. It leaves nothing behind; the exit code is 0 only if all was as it should be.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("polyplane"))
BELL = Path(__file__).with_name("bell.quil")
LIMIT_S = 60.0
SHOTS = 500


class Unexpected(Exception):  # noqa: N818 - said of what happened
    """Something was not as it should be."""


def main() -> int:
    """Run a Bell pair."""
    with tempfile.TemporaryDirectory(prefix="polyplane-quantum-") as folder:
        keys, config = Path(folder) / "keys.toml", Path(folder) / "polyplane.toml"
        keys.write_text(f'[keys.mine]\nkey = "{base64.b64encode(os.urandom(32)).decode()}"\n')
        config.write_text(f'[rigetti]\nkeys_file = "{keys}"\n')
        with serving(folder, config) as address:
            common = ["quantum", "submit", str(BELL), "--shots", str(SHOTS), "--watch", "--server", address]
            encrypted = ["--key-id", "mine", "--keys-file", str(keys)]
            run(*common, *encrypted)
            # A repeat has to be the same request, and no two encryptions are alike: in clear, then.
            key = ["--key", str(uuid.uuid4())]
            first, again = (json.loads(run(*common, *key, "-o", "json")) for _ in range(2))
    if first != again:
        raise Unexpected("the key made a second job")
    counts = first["counts"]
    if set(counts) != {"00", "11"} or sum(counts.values()) != SHOTS:
        raise Unexpected(f"the qubits do not agree: {counts}")
    return 0


@contextmanager
def serving(folder: str, config: Path) -> Iterator[str]:
    """Run a server; answer where it is."""
    command = [PROGRAM, "serve", "--data", f"{folder}/data", "--config", str(config)]
    command += ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:  # noqa: S603 - ours
        try:
            line = server.stdout.readline() if server.stdout is not None else ""
            if not line:
                raise Unexpected("the server ended without a word")
            yield json.loads(line)["grpc"]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(LIMIT_S)
    subprocess.run([PROGRAM, "stop", "--all", "--data", f"{folder}/data"], check=False, timeout=LIMIT_S)  # noqa: S603 - ours


def run(*arguments: str) -> str:
    """Run a command, and print what it says."""
    print("$ polyplane", *arguments)
    done = subprocess.run(  # noqa: S603 - ours
        [PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    print(done.stdout, end="")
    if done.returncode:
        raise Unexpected(f"it ended with {done.returncode}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
