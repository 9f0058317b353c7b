"""The pages show the machines as they are."""

from pathlib import Path

from actors.kernel.diagram import draw, machines_of, pages, redrawn
from actors.pod.state import ALLOWED, TRANSITIONS
from tests.actors.subject import edges_in


def test_no_page_shows_an_old_machine() -> None:
    """Run `python -m actors.kernel.diagram` when this fails."""
    shown = list(pages())
    assert {page.name for page, _, _ in shown} >= {"README.md", "pod.md", "job.md", "host.md"}
    for page, text, drawn in shown:
        assert text == drawn, f"{page} is old"
        assert "```mermaid" in text, f"{page} shows no machine"


def test_every_change_of_phase_is_drawn() -> None:
    drawn = draw(TRANSITIONS, ALLOWED)
    for before, event, after in edges_in(TRANSITIONS):
        if before != after:
            assert any(
                line.startswith(f"    {before or '[*]'} --> {after}: ") and event in line
                for line in drawn.splitlines()
            )
    assert "- pending → ready" in drawn


def test_only_what_is_between_markers_is_written() -> None:
    page = "before\n<!-- machine: job -->\nold\n<!-- end -->\nafter\n"
    assert redrawn(page, {"job": "new\n"}) == page.replace("old", "new")
    assert set(machines_of("job")) == {"job", "workflow"}


def test_pages_are_found_from_a_root(tmp_path: Path) -> None:
    assert list(pages(tmp_path)) == []
