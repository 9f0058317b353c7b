"""The wheel, installed where nothing else is, starts and stops; beside its only known neighbour too."""

import zipfile
from pathlib import Path

import pytest

from tests.packaging.installed import Environment, build_wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_four_folders_and_no_roof_over_them(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        *("actors", "events", "projections", "protocol")
    }
    assert not {f"{top}/__init__.py" for top in tops} & names
    assert "protocol/pb/peloton/api/v1alpha/pod/pod_pb2.py" in names
    assert "actors/effects/engines/process/wrapper.sh" in names
    # The neighbour's names: its files would take the place of ours.
    assert not {"events/events.py", "events/tests/__init__.py"} & names


def test_the_wheel_alone_starts_and_stops(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv")
    environment.borrow()
    environment.install("--no-deps", str(wheel))
    where = environment.run("import protocol.server; print(protocol.server.__file__)")
    assert where.startswith(str(environment.packages))
    environment.start_and_stop()


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("ours_first", [True, False])
def test_the_wheel_beside_a_neighbour_of_the_same_name(
    wheel: Path, tmp_path: Path, *, ours_first: bool
) -> None:
    """`opensearch-py` brings PyPI's `Events`, whose top-level module is `events` too."""
    environment = Environment(tmp_path / "venv")
    for what in (str(wheel), "opensearch-py") if ours_first else ("opensearch-py", str(wheel)):
        environment.install(what)
    environment.run("from opensearchpy import OpenSearch; import events.journal, protocol.server")
    environment.start_and_stop()
    environment.uninstall("Events")
    environment.start_and_stop()
