"""A clean virtual environment, and a server that is started and stopped in it.

1. The dependencies are those of the environment that runs the tests, found by a `.pth` file: the test
   is about our wheel, and downloads nothing but what it names.
"""

import json
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "POLYPLANE_"))}


def build_wheel(directory: Path) -> Path:
    """Build the wheel of this checkout."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
            *("--wheel-dir", str(directory), str(copy_of_sources(directory / "sources"))),
        ],
        check=True,
        env=PLAIN,
        timeout=110,
    )
    (wheel,) = directory.glob("*.whl")
    return wheel


def copy_of_sources(target: Path) -> Path:
    """What belongs to the wheel, away from what other builds have left here."""
    target.mkdir()
    names = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=REPOSITORY, text=True
    )
    wanted = ("actors/", "events/", "projections/", "protocol/", "pyproject.toml", "README.md", "LICENSE")
    for name in filter(None, names.split("\0")):
        source = REPOSITORY / name
        if name.startswith(wanted) and source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(source.read_bytes())
    return target


class Environment:
    """A virtual environment of its own."""

    def __init__(self, directory: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True, env=PLAIN)
        self.python = directory / "bin" / "python"
        self.program = directory / "bin" / "polyplane"
        (self.packages,) = directory.glob("lib/python*/site-packages")

    def borrow(self) -> None:
        """Find the dependencies where the tests find them, without what is installed there of ours."""
        # No .pth file of that directory is read this way, so that its editable install is not seen.
        (self.packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def install(self, *what: str) -> None:
        """Install into this environment alone."""
        self._pip("install", "--quiet", "--disable-pip-version-check", *what)

    def uninstall(self, name: str) -> None:
        """Remove from this environment."""
        self._pip("uninstall", "--quiet", "--yes", name)

    def run(self, code: str) -> str:
        """Run a piece of Python, away from this checkout."""
        return subprocess.check_output(
            [str(self.python), "-c", code], text=True, env=PLAIN, cwd="/", timeout=60
        )

    def start_and_stop(self) -> None:
        """Start the server, ask it, stop it."""
        server = subprocess.Popen(
            [
                *(str(self.program), "serve", "--data", ":memory:"),
                *("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=PLAIN,
            cwd="/",
        )
        try:
            assert server.stdout is not None
            ready = json.loads(server.stdout.readline())
            listed = self._output(str(self.program), "jobs", "--server", ready["grpc"])
            assert listed.startswith("JOB")
            server.send_signal(signal.SIGTERM)
            assert server.wait(15) == 0
            assert server.stdout.read() == ""
        finally:
            if server.poll() is None:
                server.kill()
            server.wait(15)
            if server.stdout is not None:
                server.stdout.close()

    def _output(self, *command: str) -> str:
        return subprocess.check_output(command, text=True, env=PLAIN, cwd="/", timeout=60)

    def _pip(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(self.python), *arguments], check=True, env=PLAIN
        )
