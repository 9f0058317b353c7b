"""How a job is read from YAML, and what is said of mistakes."""

from pathlib import Path

import pytest

from protocol.cli.connection import Failed
from protocol.cli.exits import Exit
from protocol.cli.spec import read_job

NUMBER = "must be a whole number from 0 to 4294967295"
EXAMPLE = Path(__file__).parents[3] / "examples" / "service.yaml"


def read(directory: Path, text: str) -> str:
    file = directory / "job.yaml"
    file.write_text(text)
    with pytest.raises(Failed) as caught:
        read_job(file)
    assert caught.value.code is Exit.USAGE
    return str(caught.value).removeprefix(f"{file}:")


def test_the_example_is_read() -> None:
    request = read_job(EXAMPLE)
    (container,) = request.spec.default_spec.containers
    assert (request.spec.name, request.spec.instance_count) == ("clock", 3)
    assert container.entrypoint.value == "/bin/sh"
    assert container.entrypoint.arguments[0] == "-c"
    assert (container.environment[0].name, container.environment[0].value) == ("GREETING", "hello")
    assert container.resource.mem_limit_mb == 32
    assert request.create_spec.batch_size == 3


def test_the_wires_own_form_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("""
name: 1.10
respool_id: pool
labels: [{key: a, value: 'yes'}]
ldap_groups: [x, y]
instance_spec:
  2:
    containers: [{entrypoint: {value: sleep, arguments: [5]}}]
    host_ports: [{name: p, value: 0, env_name: P, type: PORT_TYPE_STATIC}]
sla: {preemptible: true}
""")
    spec = read_job(file).spec
    assert (spec.name, spec.respool_id.value, spec.labels[0].value) == ("1.10", "pool", "yes")
    assert list(spec.ldap_groups) == ["x", "y"]
    assert list(spec.instance_spec[2].containers[0].entrypoint.arguments) == ["5"]
    assert spec.sla.preemptible


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "1: must be a map with the fields of a job"),
        ("\nname: a: b", "2: is not YAML: "),
        ("name: a\nbogus: b", "2: bogus is no field here; there are "),
        ("name: a\nname: b", "2: name: is given twice"),
        ("name: a\ninstance_count: many", f"2: instance_count: {NUMBER} (got many)"),
        ("instance_count: -1", f"1: instance_count: {NUMBER} (got -1)"),
        ("instance_count: 3000000000000", f"1: instance_count: {NUMBER} (got 3000000000000)"),
        ("instance_count: 2026-01-01", f"1: instance_count: {NUMBER} (got 2026-01-01)"),
        ("sla: {preemptible: 5}", "1: sla.preemptible: must be true or false (got 5)"),
        (
            "default_spec: {containers: [{resource: {cpu_limit: x}}]}",
            "1: default_spec.containers[0].resource.cpu_limit: must be a number (got x)",
        ),
        (
            "default_spec: {containers: [{ports: [{type: x}]}]}",
            "1: default_spec.containers[0].ports[0].type: must be one of PORT_TYPE_INVALID, ",
        ),
        *(
            (f"instance_count: {tag} x", f"1: instance_count: {NUMBER} (got x)")
            for tag in ("!!int", "!!float", "!!bool", "!!timestamp", "!!binary", "!other")
        ),
        ("\nlabels: 5", "2: labels: must be a list"),
        ("labels:\n  a: [1]", "2: labels.a: must be a single value"),
        ("default_spec:\n  containers:\n    - entrypoint: []", "3: default_spec.containers[0].entrypoint: "),
        (
            "default_spec:\n  containers:\n    - resource:\n        cpu: 1",
            "4: default_spec.containers[0].resource: cpu is no field here; there are ",
        ),
        ("create_spec:\n  batch_size: x", "2: create_spec.batch_size: "),
        ("instance_spec:\n  x: {}", "2: instance_spec: "),
        ("name: !!python/object/apply:os.system [ls]", "1: name: must be a single value"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert read(tmp_path, text).startswith(said)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot be read: No such file"):
        read_job(tmp_path / "nowhere")
