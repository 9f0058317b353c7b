"""What is written of settings agrees with what they are."""

import re
from pathlib import Path

import pytest

from protocol.settings import HostSettings, Section, Settings

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def documented() -> dict[str, dict[str, str]]:
    """Defaults by key, by section."""
    found: dict[str, dict[str, str]] = {}
    for part in PAGE.read_text().split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", body, re.MULTILINE)
        found[title.strip("`[] ").replace("Top level", "")] = dict(rows)
    return found


def modelled() -> dict[str, type[Section] | type[Settings]]:
    sections: dict[str, type[Section | Settings]] = {"": Settings, "hosts": HostSettings}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, Section):
            sections[name] = type(field.default)
    return sections


def test_all_sections_are_documented() -> None:
    assert set(documented()) == set(modelled())


@pytest.mark.parametrize("section", sorted(modelled()))
def test_all_keys_are_documented(section: str) -> None:
    keys = set(modelled()[section].model_fields)
    assert set(documented()[section]) == keys - set(modelled())


@pytest.mark.parametrize("section", sorted(modelled()))
def test_documented_numbers_are_the_defaults(section: str) -> None:
    for key, text in documented()[section].items():
        default = modelled()[section].model_fields[key].default
        if isinstance(default, int | float) and not isinstance(default, bool):
            assert float(text.strip("`")) == default, key
