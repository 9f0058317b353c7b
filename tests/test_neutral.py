"""The kernel names no API, and no word that only one of them uses."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APIS = re.compile(r"peloton|kubeflow|kfp|\bray\b|rigetti|\bfn\b|respool|qpu", re.IGNORECASE)
QUANTUM = re.compile(r"quantum|qubit|quil", re.IGNORECASE)
FOLDERS = ("actors", "events", "projections")


def sources() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_api_is_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert APIS.findall(text) == []
    if "quantum" not in path.parts:
        assert QUANTUM.findall(text) == []
