"""What a container runs: program, arguments and variables, from the older and the newer form.

1. The newer form (`entrypoint`, `environment`) counts where both are set.
2. `command` is Mesos's: with `shell` (its default) `value` is a line for `/bin/sh -c` and
   `arguments` count for nothing; without, `value` is the program and `arguments` is its whole argv,
   the program's own name first. That name cannot be told apart here: argv[0] is always the program.
3. `entrypoint` is the program with its arguments. Without arguments it is a line for the shell,
   and always so when the pod's Mesos settings say `shell`.
4. A name that is given twice has its last value.
"""

import re
from collections.abc import Iterable

from protocol.pb.mesos.v1 import mesos_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.bounds import check_argument, check_variable
from protocol.peloton.translate.refusal import invalid, unsupported

SHELL = ("/bin/sh", "-c")

_PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./-]+\Z")
"""A word that a shell would run as it is, so that it needs none."""


def read_command(container: pod_pb2.ContainerSpec, field: str, *, is_shell: bool) -> tuple[str, ...]:
    """Return program and arguments; refuse a container that has none."""
    if container.entrypoint.value:
        return _of_entrypoint(container.entrypoint, f"{field}.entrypoint", is_shell=is_shell)
    if container.command.value:
        return _of_mesos(container.command, f"{field}.command")
    raise invalid(f"{field}.command.value", "must not be empty: the container has no command")


def read_environment(container: pod_pb2.ContainerSpec, field: str) -> tuple[tuple[str, str], ...]:
    """Return the variables of a container, each name once."""
    found: dict[str, str] = {}
    if container.environment:
        for place, variable in enumerate(container.environment):
            _set(found, variable.name, variable.value, f"{field}.environment[{place}]")
        return tuple(found.items())
    for place, old in enumerate(container.command.environment.variables):
        path = f"{field}.command.environment.variables[{place}]"
        if old.type == mesos_pb2.Environment.Variable.SECRET or old.HasField("secret"):
            raise unsupported(f"{path}.secret")
        _set(found, old.name, old.value, path)
    return tuple(found.items())


def _of_entrypoint(command: pod_pb2.CommandSpec, field: str, *, is_shell: bool) -> tuple[str, ...]:
    value = check_argument(command.value, f"{field}.value")
    if is_shell or (not command.arguments and not _PLAIN.match(value)):
        return (*SHELL, value)
    return (value, *_checked(command.arguments, f"{field}.arguments"))


def _of_mesos(command: mesos_pb2.CommandInfo, field: str) -> tuple[str, ...]:
    value = check_argument(command.value, f"{field}.value")
    if command.shell:
        return (*SHELL, value)
    return (value, *_checked(command.arguments, f"{field}.arguments")[1:])


def _checked(arguments: Iterable[str], field: str) -> tuple[str, ...]:
    return tuple(check_argument(argument, f"{field}[{place}]") for place, argument in enumerate(arguments))


def _set(found: dict[str, str], name: str, value: str, field: str) -> None:
    found[check_variable(name, f"{field}.name")] = check_argument(value, f"{field}.value")
