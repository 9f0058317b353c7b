"""What `make demo` runs keeps its promises, leaves nothing, and prints what the README says."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHANGING = re.compile(r"(?<=polyplane-demo-)\w+|…[0-9a-f]+|[0-9a-f]*\d[0-9a-f.]*")
"""Numbers, ids and names of directories."""


def constant(text: str) -> list[str]:
    """The lines without what is another in each demonstration."""
    return [" ".join(CHANGING.sub("#", line).split()) for line in text.splitlines()]


def test_the_demonstration(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "examples/demo.py"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
    readme = (ROOT / "README.md").read_text().split("What `make demo` prints:")[1].split("```")[1]
    printed = constant(done.stdout)
    for line in constant(readme.replace("/tmp", str(tmp_path))):
        # Who of several pods is first is another each time, and so is how many of them are.
        assert line == "..." or line.startswith("# pod ") or line in printed, line
