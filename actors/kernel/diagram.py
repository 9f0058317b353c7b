"""Draws the machines of all entities into the pages that show them.

1. A machine is drawn from the tables in `actors/<entity>/state.py`: `TRANSITIONS` for what happens,
   `ALLOWED` for what may happen once more of the system exists. A prefix names another machine of
   the same entity: `<!-- machine: workflow -->` is drawn from `WORKFLOW_TRANSITIONS`.
2. Only the text between the markers is written. Run `python -m actors.kernel.diagram` after a
   change of a table; a test fails while a page shows an old one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

_ROOT = Path(__file__).parents[2]
_SECTION = re.compile(r"(<!-- machine: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

P = TypeVar("P", bound=StrEnum)
E = TypeVar("E")
Table = Mapping[P | None, Mapping[type[E], Sequence[P]]]
Allowed = Mapping[P, Sequence[P]]


def edges_of(table: Table[P, E]) -> dict[tuple[P | None, P], list[str]]:
    """Return the changes of phase in a table, each with the events that make it."""
    edges: dict[tuple[P | None, P], list[str]] = {}
    for before, events in table.items():
        for event, afters in events.items():
            for after in afters:
                if after != before:
                    edges.setdefault((before, after), []).append(event.__name__)
    return edges


def draw(table: Table[P, E], allowed: Allowed[P]) -> str:
    """Return a machine as a diagram in mermaid's language, and the edges that are not taken yet."""
    edges = edges_of(table)
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [
        f"    {before or '[*]'} --> {after}: {', '.join(events)}" for (before, after), events in edges.items()
    ]
    lines.append("```")
    later = []
    for before, afters in allowed.items():
        untaken = [each for each in dict.fromkeys(afters) if each != before and (before, each) not in edges]
        if untaken:
            later.append(f"{before} → {', '.join(untaken)}")
    if later:
        lines += ["", "Allowed, but taken by nothing so far:", "", *(f"- {line}" for line in later)]
    return "\n".join(lines) + "\n"


def redrawn(text: str, machines: Mapping[str, str]) -> str:
    """Return a page with the diagrams between its markers drawn again."""
    return _SECTION.sub(lambda found: found[1] + machines[found[2]] + found[3], text)


def machines_of(entity: str) -> Mapping[str, str]:
    """Return the diagrams of an entity by name: its own under its name, others under theirs."""
    tables = vars(import_module(f"actors.{entity}.state"))
    drawn = {}
    for name, table in tables.items():
        if name.endswith("TRANSITIONS"):
            prefix = name.removesuffix("TRANSITIONS")
            drawn[prefix.rstrip("_").lower() or entity] = draw(table, tables[f"{prefix}ALLOWED"])
    return MappingProxyType(drawn)


def pages(root: Path = _ROOT) -> Iterator[tuple[Path, str, str]]:
    """Yield every page with machines: its path, its text, and its text drawn again."""
    for state in sorted(root.glob("actors/*/state.py")):
        entity = state.parent.name
        for page in (state.with_name("README.md"), root / "docs" / "entities" / f"{entity}.md"):
            if page.exists():
                text = page.read_text(encoding="utf-8")
                yield page, text, redrawn(text, machines_of(entity))


def main() -> None:
    """Write the pages whose diagrams are old."""
    for page, text, drawn in pages():
        if text != drawn:
            page.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
