"""Reads the settings from flags, environment, file and defaults, and says where each came from.

1. Whatever is wrong is said in lines of one sentence each: which key, which rule, what was given.
2. A later source replaces a value whole; only tables are merged.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from protocol.settings import Settings

PREFIX = "POLYPLANE_"
CLIENTS = frozenset({"POLYPLANE_SERVER", "POLYPLANE_TOKEN", "POLYPLANE_CA"})
"""Variables of the terminal client, which are no settings of the server."""

Tree: TypeAlias = dict[str, object]

OF_A_KEY = "[key]"
"""What pydantic ends a path with when the last part of it is wrong itself."""
SHOWN = 60
"""Characters of a wrong value that are shown."""


class Misconfigured(Exception):  # noqa: N818 - said of the settings
    """The settings cannot be used; the text is one line for each reason."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force."""

    settings: Settings
    origins: Mapping[str, str]
    """Where each key that somebody set came from: `flag`, `environment` or `file`."""


def load(flags: Mapping[str, object]) -> Loaded:
    """Merge all sources, `flags` first; a flag that is None was not given. Raises Misconfigured."""
    given = {key: value for key, value in flags.items() if value is not None}
    environment = read_environment()
    path = given.get("config", environment.get("config"))
    file = read_file(Path(str(path))) if path else {}
    merged: Tree = {}
    origins: dict[str, str] = {}
    for origin, tree in (("file", file), ("environment", environment), ("flag", given)):
        lay(merged, tree)
        origins |= dict.fromkeys(leaves(tree), origin)
    try:
        return Loaded(Settings.model_validate(merged), origins)
    except ValidationError as error:
        raise Misconfigured("\n".join(explain(it) for it in error.errors(include_url=False))) from None


def read_environment() -> Tree:
    """Read what the variables `POLYPLANE_…` say."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for variable in sorted(os.environ):
        name = variable.upper()
        if name.startswith(PREFIX) and name not in CLIENTS and name.split("__")[0] not in known:
            raise Misconfigured(f"{variable}: is no setting{suggest(name.split('__')[0], known)}")
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        raise Misconfigured(f"environment: {error}") from None


def read_file(path: Path) -> Tree:
    """Read the TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{path}: is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:  # also of numbers and lists that are beyond all measure
        raise Misconfigured(f"{path}: is not TOML: {error}") from None


def lay(under: Tree, over: Mapping[str, object]) -> None:
    """Lay one tree over another, tables into tables."""
    for key, value in over.items():
        below = under.get(key)
        if isinstance(below, dict) and isinstance(value, Mapping):
            lay(below, value)
        else:
            under[key] = dict(value) if isinstance(value, Mapping) else value


def leaves(tree: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    """Every key that is set, by its path."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def explain(error: ErrorDetails) -> str:
    """Say one error in one line."""
    path = [part for part in error["loc"] if part != OF_A_KEY]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    got = (
        f" (got {str(error['input'])[:SHOWN]})"
        if isinstance(error["input"], str | int | float | bool)
        else ""
    )
    bounds = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            table, _, key = where.rpartition(".")
            return f"{where}: is no setting{suggest(key, known_keys(table))}"
        case "missing":
            return f"{where}: must be given"
        case "greater_than_equal":
            return f"{where}: must be at least {bounds['ge']:g}{got}"
        case "greater_than":
            return f"{where}: must be more than {bounds['gt']:g}{got}"
        case "less_than_equal":
            return f"{where}: must be at most {bounds['le']:.15g}{got}"
        case "literal_error":
            return f"{where}: must be {bounds['expected']}{got}"
        case "value_error":
            text = str(bounds["error"])
            # A rule over several keys names its key itself.
            return f"{where}: {text}{got}" if where else text
        case "string_pattern_mismatch":
            return f"{where}: must be a name of letters, digits, dots, dashes and underscores{got}"
        case _:
            return f"{where}: {error['msg'][0].lower()}{error['msg'][1:]}{got}"


def known_keys(table: str) -> set[str]:
    """Keys of a section by its name, all sections' names for the top."""
    if not table:
        return set(Settings.model_fields)
    field = Settings.model_fields.get(table.split("[", maxsplit=1)[0])
    sections = field.default if field else None
    return set(getattr(type(sections), "model_fields", {}))


def suggest(key: str, known: set[str]) -> str:
    """Name the nearest known key, if one is near."""
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
