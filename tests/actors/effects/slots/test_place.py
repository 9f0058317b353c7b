"""Directories for sockets are found again by who holds the same data, and by nobody else."""

from pathlib import Path

import pytest

from actors.effects.slots.place import MAX_PATH, MachinePlaces
from actors.effects.slots.seat import SOCKET


def test_what_is_left_is_found_by_the_next_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path.parent.parent
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    one, other = MachinePlaces(tmp_path / "one"), MachinePlaces(tmp_path / "other")
    made = [one.make(), one.make()]
    try:
        assert sorted(MachinePlaces(tmp_path / "one").left()) == sorted(made)
        assert other.left() == []
    finally:
        for each in made:
            each.rmdir()
    assert one.left() == []


def test_paths_are_short_enough_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    place = MachinePlaces(tmp_path).make()
    try:
        assert len(str(place / "0123456789ab" / SOCKET)) <= MAX_PATH
        assert place.stat().st_mode & 0o777 == 0o700
    finally:
        place.rmdir()
