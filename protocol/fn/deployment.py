"""Functions that are deployed while the server runs: settings of the runner named `function/NAME`.

1. A value is JSON: `command`, a list of texts; `directory`, an absolute path; `environment`, texts by
   name. An empty value takes the function away.
2. What is deployed stands in the journal, and is there after a restart.
"""

import json
from typing import Any

from actors.kernel.decider import Code, Rejection
from events.attachment import Attachment
from protocol.fn.function import Function
from protocol.gateway import Refused

FUNCTION = "function"
"""Kind of the catalog's entries."""
SETTING = "function/"
ATTACHMENT, VERSION = "fn.function", 1
MAX_NAME, MAX_VALUE = 256, 65_536


def read_deployment(key: str, value: str) -> tuple[str, Attachment | None]:
    """Return the name and the manifest of what is to be deployed, None to take it away. Raises Refused."""
    name = key.removeprefix(SETTING)
    if not 0 < len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
        raise _invalid(key, f"a name has 1 to {MAX_NAME} printable characters")
    if not value:
        return name, None
    if len(value) > MAX_VALUE:
        raise _invalid(key, f"must be at most {MAX_VALUE} characters")
    try:
        said = json.loads(value)
    except (ValueError, RecursionError):
        raise _invalid(key, "is not JSON") from None
    if not isinstance(said, dict) or said.keys() - {"command", "directory", "environment"}:
        raise _invalid(key, "must be an object of command, directory and environment")
    command, directory = said.get("command"), said.get("directory", "")
    environment = said.get("environment", {})
    if not (isinstance(command, list) and command and all(_is_text(each) for each in command) and command[0]):
        raise _invalid(key, "command must be a list of texts, the first not empty")
    if not _is_text(directory) or (directory and not directory.startswith("/")):
        raise _invalid(key, "directory must be an absolute path")
    if not isinstance(environment, dict) or not all(
        _is_text(each) and name and "=" not in name and _is_text(name) for name, each in environment.items()
    ):
        raise _invalid(key, "environment must be texts by name")
    body = {"command": command, "directory": directory, "environment": environment}
    return name, Attachment(ATTACHMENT, VERSION, json.dumps(body, sort_keys=True).encode())


def read_deployed(body: bytes, number: int) -> Function:
    """Return the function that was deployed."""
    said: dict[str, Any] = json.loads(body)
    return Function(
        command=tuple(said["command"]),
        directory=said["directory"],
        environment=tuple(said["environment"].items()),
        number=number,
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value and value.encode("utf-8", "ignore").decode() == value


def _invalid(key: str, rule: str) -> Refused:
    return Refused(Rejection(Code.INVALID, f"config[{key[:MAX_NAME]!r}]: {rule}", "config"))
