"""What is written of metrics agrees with what a real server tells."""

import re
import urllib.request
from pathlib import Path

from tests.protocol.server.program import polyplane, running

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
SIMULATED = {"POLYPLANE_HOSTS": '[{"name": "s", "cpu": 1, "memory_mb": 1, "engine": "simulated"}]'}


def test_every_metric_is_documented(tmp_path: Path) -> None:
    command = polyplane("serve", "--data", ":memory:", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
    with running(command, tmp_path, SIMULATED) as program:
        program.read_ready()
        with urllib.request.urlopen(f"http://{program.http}/metrics") as answer:
            text = answer.read().decode()
    told = set(re.findall(r"^# HELP polyplane_(\w+) ", text, re.MULTILINE))
    told -= {name for name in told if name.endswith("_created")}
    assert told == set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
