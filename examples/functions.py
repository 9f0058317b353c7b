"""A function written with PyPI's `fdk`, called by gRPC from the terminal, by name and by trigger over HTTP.

1. Everything is done with what a user has; what is answered is printed.
2. It leaves nothing behind; the exit code is 0 only if all was as it should be.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

BIN = Path(sys.executable).parent
FOLDER = Path(__file__).with_name("fn")
LIMIT_S = 60.0


class Unexpected(Exception):  # noqa: N818 - said of what happened
    """Something was not as it should be."""


def main() -> int:
    """Greet three times."""
    with tempfile.TemporaryDirectory(prefix="polyplane-functions-") as folder:
        config = Path(folder) / "polyplane.toml"
        config.write_text(
            f'[fn.functions."shop/greet"]\ncommand = ["{sys.executable}", "greet.py"]\n'
            f'directory = "{FOLDER}"\n'
        )
        with serving(folder, config) as (grpc_address, http_address):
            command = [str(BIN / "polyplane"), "fn", "call", "shop/greet", "--server", grpc_address]
            body = json.dumps({"name": "Ada"})
            done = subprocess.run(  # noqa: S603 - ours
                command, input=body, capture_output=True, text=True, timeout=LIMIT_S, check=False
            )
            expect(done.returncode == 0, done.stderr)
            expect(json.loads(done.stdout)["message"] == "Hello, Ada!", done.stdout)
            print(done.stdout)
            for path, status in (("/invoke/shop/greet", 200), ("/t/shop/greet", 201)):
                code, answer = post(http_address, path, body)
                expect((code, answer["message"]) == (status, "Hello, Ada!"), f"{path}: {code} {answer}")
                print(path, code, answer)
    return 0


def expect(is_so: bool, told: str) -> None:  # noqa: FBT001 - it is what is expected
    """Stop unless it is so."""
    if not is_so:
        raise Unexpected(told)


def post(address: str, path: str, body: str) -> tuple[int, Mapping[str, str]]:
    """Send a request over HTTP."""
    connection = http.client.HTTPConnection(address, timeout=LIMIT_S)
    try:
        connection.request("POST", path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        answer: Mapping[str, str] = json.loads(response.read())
        return response.status, answer
    finally:
        connection.close()


@contextmanager
def serving(folder: str, config: Path) -> Iterator[tuple[str, str]]:
    """Run a server; answer where it is."""
    command = [str(BIN / "polyplane"), "serve", "--data", f"{folder}/data", "--config", str(config)]
    command += ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:  # noqa: S603 - ours
        try:
            line = server.stdout.readline() if server.stdout is not None else ""
            expect(bool(line), "the server ended without a word")
            ready = json.loads(line)
            yield ready["grpc"], ready["http"]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(LIMIT_S)


if __name__ == "__main__":
    os.environ.pop("POLYPLANE_SERVER", None)
    sys.exit(main())
