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


def spell(
    tree: Mapping[str, object], origins: Mapping[str, str] | None, path: str = "", header: str = ""
) -> Iterator[str]:
    """Write a tree as TOML, each key with where it came from.

    Args:
        tree: What is written.
        origins: By path; None inside of what came as a whole, which has said it.
        path: Where the tree stands, as `origins` has it.
        header: Where it stands, as the headers of tables have it.
    """

    def comment(key: str) -> str:
        return "" if origins is None else f"  # {origins.get(path + key, 'default')}"

    for key, value in tree.items():
        if not isinstance(value, Mapping) and not is_tables(value):
            yield f"{quoted(key)} = {literal(value)}{comment(key)}"
    for key, value in tree.items():
        name = f"{header}{quoted(key)}"
        if isinstance(value, Mapping):
            # An empty section says nothing, and its parent has been said.
            if value:
                yield f"\n[{name}]"
                yield from spell(value, origins, f"{path}{key}.", f"{name}.")
        elif is_tables(value):
            for element in value:  # type: ignore[attr-defined]  # a list of tables
                yield f"\n[[{name}]]{comment(key)}"
                yield from spell(element, None, header=f"{name}.")


def is_tables(value: object) -> bool:
    """Tell whether a value is a list of tables."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def quoted(key: str) -> str:
    """A key as TOML wants it."""
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else literal(key)


def literal(value: object) -> str:
    """A value as TOML wants it; JSON's texts, numbers and lists are TOML's too, but for one character."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(str(key))} = {literal(it)}" for key, it in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
