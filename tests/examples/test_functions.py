"""The functions of the examples are answered in all ways, and leave nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_function_of_the_kit(tmp_path: Path) -> None:
    pytest.importorskip("fdk", exc_type=ImportError)
    done = subprocess.run(
        [sys.executable, "examples/functions.py"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert done.stdout.count("Hello, Ada!") == 3
    assert [path for path in tmp_path.iterdir() if "functions" in path.name] == []
