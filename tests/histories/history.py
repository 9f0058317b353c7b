"""A recorded history: the rows of a journal and what was true in the end, in one file of text.

1. The first line says what it is; each further line is a row as the journal had it,
   `[revision, stream, version, topic, state in base64]`; the last line is the facts of the end.
2. Rows are stored as they stood, envelopes included: what reads them is what reads a journal.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from events.journal.store import Row
from protocol.inspect.replay.facts import Facts

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class History:
    """What a file holds."""

    about: str
    rows: Sequence[Row]
    facts: Mapping[str, Facts]
    """By stream."""


def recorded() -> Iterable[Path]:
    """Return the files, by name."""
    return sorted(FOLDER.glob("*.jsonl"))


def read(path: Path) -> History:
    """Read a file."""
    head, *rows, tail = path.read_text().splitlines()
    return History(
        about=json.loads(head)["about"],
        rows=[_row(json.loads(row)) for row in rows],
        facts=json.loads(tail)["facts"],
    )


def write(path: Path, history: History) -> None:
    """Write a file, which must not be there yet."""
    lines: list[object] = [{"about": history.about}]
    for revision, stream, version, topic, state in history.rows:
        lines.append([revision, stream, version, topic, base64.b64encode(state).decode()])
    lines.append({"facts": history.facts})
    text = "".join(json.dumps(line, separators=(",", ":"), sort_keys=True) + "\n" for line in lines)
    with path.open("x") as file:
        file.write(text)


def _row(fields: tuple[int, str, int, str, str]) -> Row:
    revision, stream, version, topic, state = fields
    return revision, stream, version, topic, base64.b64decode(state)
