"""The committed modules are those that the sources make."""

from pathlib import Path

import pytest

from protocol import pb
from protocol.proto.generate import generate, rewrite_imports


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they have been made anew."""
    made = tmp_path_factory.mktemp("made")
    generate(made)
    return made


def test_committed_output_has_not_drifted(made: Path) -> None:
    """If this fails: `make proto`, and commit what changed."""
    fresh, committed = tree(made), tree(Path(pb.__path__[0]))
    assert sorted(fresh) == sorted(committed)
    assert [name for name in fresh if fresh[name] != committed[name]] == []


def test_stale_files_go_and_equal_files_are_not_touched(made: Path) -> None:
    stale, kept = made / "gone" / "gone_pb2.py", made / "ray" / "ray_pb2.py"
    stale.parent.mkdir()
    stale.touch()
    before = kept.stat().st_mtime_ns
    generate(made)
    assert not stale.parent.exists()
    assert kept.stat().st_mtime_ns == before


def test_imports_start_at_our_package() -> None:
    written = (
        "import types_pb2 as types__pb2\n"
        "from controller import job_pb2 as controller_dot_job__pb2\n"
        "from google.protobuf import any_pb2\n"
        "import grpc\n"
    )
    assert rewrite_imports(written, "ours.rigetti", ["controller"]) == (
        "from ours.rigetti import types_pb2 as types__pb2\n"
        "from ours.rigetti.controller import job_pb2 as controller_dot_job__pb2\n"
        "from google.protobuf import any_pb2\n"
        "import grpc\n"
    )


def test_only_files_with_services_have_grpc_modules() -> None:
    modules = {name for name in tree(Path(pb.__path__[0])) if name.endswith("_pb2_grpc.py")}
    assert "peloton/api/v1alpha/pod/svc/pod_svc_pb2_grpc.py" in modules
    assert "peloton/api/v1alpha/pod/pod_pb2_grpc.py" not in modules
