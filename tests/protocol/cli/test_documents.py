"""What is written of the terminal client agrees with what it is."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protocol.cli.exits import Exit
from protocol.cli.main import EPILOG, app

README = (Path(__file__).parents[3] / "README.md").read_text()
COMMANDS = sorted(
    [
        *(str(it.callback.__name__) for it in app.registered_commands if it.callback),
        *(
            f"{group.name} {it.name}"
            for group in app.registered_groups
            for it in (group.typer_instance.registered_commands if group.typer_instance else ())
        ),
    ]
)


def documented() -> dict[str, str]:
    """Rows of the table of commands, by command."""
    return {
        name: row
        for row, name in re.findall(r"^(\| `polyplane ((?:quantum |fn )?\w+).*)$", README, re.MULTILINE)
    }


def test_every_command_is_in_the_readme() -> None:
    assert sorted(documented()) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_is_in_the_readme(command: str) -> None:
    said = CliRunner().invoke(app, [*command.split(), "--help"], terminal_width=200).output
    flags = set(re.findall(r"(?:^|\s)(--[a-z-]+)", said.split("Options:")[1]))
    common = {"--help", "--server", "--output", "--follow"}
    assert flags - common <= set(re.findall(r"--[a-z-]+", documented()[command]))


def test_every_command_has_json_but_those_that_the_readme_names() -> None:
    said = re.search(r"all but\s([^.]*)\stake\s`-o json`", README)
    assert said is not None
    without = [
        name
        for name in COMMANDS
        if "--output" not in CliRunner().invoke(app, [*name.split(), "--help"], terminal_width=200).output
    ]
    assert sorted(re.findall(r"`([^`]+)`", said[1])) == sorted(without)


def test_every_exit_code_is_documented() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)] == list(Exit)
    for code in Exit:
        assert re.search(rf"\b{code.value} ", EPILOG)
