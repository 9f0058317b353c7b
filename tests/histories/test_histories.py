"""Journals that were written once are folded by today's code to what was true then.

If a history fails: a form of an event was changed without an upcaster, or a fold was changed so
that it makes something else of the past. Never edit a history; `tests/histories/record.py` adds one.
"""

import json
from pathlib import Path

import pytest

from protocol.trees import Tree
from tests.histories.history import read, recorded
from tests.histories.record import DIGESTS, digest, folded, tell
from tests.histories.stories import STORIES

FILES = recorded()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_past_folds_to_what_it_was(path: Path) -> None:
    history = read(path)
    facts, findings = folded(history.rows)
    assert findings == []
    assert lost(dict(history.facts), dict(facts)) == []


@pytest.mark.parametrize("name", sorted(STORIES))
def test_todays_code_keeps_its_own_rules(name: str) -> None:
    """A story told today breaks no rule, and is told the same way twice."""
    assert tell(name) == tell(name)


def test_histories_are_added_to_and_never_edited() -> None:
    assert json.loads(DIGESTS.read_text()) == {path.name: digest(path) for path in FILES}
    assert {path.stem for path in FILES} >= set(STORIES)


def lost(then: Tree, now: Tree, path: str = "") -> list[str]:
    """Return where something that was true then is not true now; what is more now does not count."""
    if not isinstance(then, dict) or not isinstance(now, dict):
        return [] if then == now else [f"{path}: was {then!r}, is {now!r}"]
    return [each for key, value in then.items() for each in lost(value, now.get(key), f"{path}.{key}")]
