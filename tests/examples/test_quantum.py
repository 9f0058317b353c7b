"""The Bell pair of the examples comes out right, and leaves nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_bell_pair(tmp_path: Path) -> None:
    pytest.importorskip("quil")
    done = subprocess.run(
        [sys.executable, "examples/quantum.py"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert [path for path in tmp_path.iterdir() if "quantum" in path.name] == []
