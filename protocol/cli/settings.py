"""`polyplane config`: the settings in force, and where each came from.

1. What is printed as text is TOML that `--config` accepts, comments aside.
"""

import json
import sys
from collections.abc import Iterator, Mapping

from protocol.cli.exits import Exit
from protocol.configuration import Misconfigured, load


def show_settings(flags: Mapping[str, object], *, is_json: bool) -> Exit:
    """Print the settings."""
    try:
        loaded = load(flags)
    except Misconfigured as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"polyplane: configuration: {line}\n")
        return Exit.USAGE
    tree = loaded.settings.model_dump(mode="json", exclude_none=True)
    if is_json:
        sys.stdout.write(json.dumps({"settings": tree, "origins": dict(loaded.origins)}, indent=2) + "\n")
        return Exit.OK
    sys.stdout.write("\n".join(spell(tree, loaded.origins)) + "\n")
    return Exit.OK


def spell(tree: Mapping[str, object], origins: Mapping[str, str], table: str = "") -> Iterator[str]:
    """Write a tree as TOML, each key with where it came from."""
    for key, value in tree.items():
        if not isinstance(value, Mapping) and not is_tables(value):
            yield f"{quoted(key)} = {literal(value)}  # {origins.get(table + key, 'default')}"
    for key, value in tree.items():
        if isinstance(value, Mapping):
            # An empty section says nothing, and its parent has been said.
            if value:
                yield f"\n[{headed(table)}{quoted(key)}]"
                yield from spell(value, origins, f"{table}{key}.")
        elif is_tables(value):
            for place, element in enumerate(value):  # type: ignore[arg-type, var-annotated]  # a list of tables
                yield f"\n[[{headed(table)}{quoted(key)}]]  # {origins.get(table + key, 'default')}"
                yield from spell(element, origins, f"{table}{key}[{place}].")


def is_tables(value: object) -> bool:
    """Tell whether a value is a list of tables."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def headed(table: str) -> str:
    """The start of a table's header; elements of lists go by their list."""
    parts = [part.split("[", 1)[0] for part in table.split(".") if part]
    return "".join(f"{quoted(part)}." for part in parts)


def quoted(key: str) -> str:
    """A key as TOML wants it."""
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else json.dumps(key)


def literal(value: object) -> str:
    """A value as TOML wants it; JSON's spelling of texts, numbers and lists is TOML's too."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(str(key))} = {literal(it)}" for key, it in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
