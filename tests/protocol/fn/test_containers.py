"""Command lines of podman, and which images may stand in them."""

import subprocess
from pathlib import Path

import pytest

from protocol.fn.containers import command_of, is_image, name_of, remove_left
from protocol.fn.function import Function
from protocol.fn.functions import Functions, pod_of
from protocol.fn.translate.model import read_model

DIRECTORY = Path("/run/polyplane-slots-1/0123456789ab")


def test_a_container_has_the_name_of_its_slot_and_the_bounds_of_its_call() -> None:
    command = command_of(
        "registry:5000/shop/greet:1",
        owner="me",
        directory=DIRECTORY,
        environment=[("A", "1 = '$x'\n"), ("FN_LISTENER", "unix:/tmp/iofs/lsnr.sock")],
        memory_mb=128,
        tmpfs_mb=10,
        milli_cpus=250,
    )
    assert command[:2] == ("/bin/sh", "-c")
    assert command[3:] == (
        "sh", "polyplane-0123456789ab", "podman", "run", "--rm", "--name=polyplane-0123456789ab",
        "--label=polyplane=me", "--log-driver=none", f"--volume={DIRECTORY}:/tmp/iofs",
        "--env=A=1 = '$x'\n", "--env=FN_LISTENER=unix:/tmp/iofs/lsnr.sock",
        "--memory=128m", "--tmpfs=/tmp:size=10m", "--cpus=0.25", "registry:5000/shop/greet:1",
    )  # fmt: skip
    assert name_of(DIRECTORY) in command


def test_what_is_not_limited_is_not_said() -> None:
    command = command_of("a", owner="me", directory=DIRECTORY, environment=())
    assert not any(each.startswith(("--memory", "--tmpfs", "--cpus", "--env")) for each in command)
    assert command[-1] == "a"


@pytest.mark.parametrize(
    "image",
    ["a", "a:1", "library/a", "docker.io/a/b-c:v1.2", "localhost:5000/x/y_z", f"a@sha256:{'0' * 64}"],
)
def test_names_of_images(image: str) -> None:
    assert is_image(image)


@pytest.mark.parametrize(
    "image",
    ["", "-v", "--privileged", "/etc", "./a", "../a", "dir:/etc", "oci:a", "docker-archive:a", "a b", "a\n",
     "a;b", "$a", "A", "a:", "a@sha256:1", "https://a", "a" * 256],
)  # fmt: skip
def test_everything_else_is_none(image: str) -> None:
    assert not is_image(image)


def test_only_images_that_nothing_is_known_of_are_containers() -> None:
    known = {"known": Function(command=("true",))}
    with_podman = Functions(known, dict, owner="me")
    assert with_podman.of("known") == known["known"]
    assert with_podman.of("other") == Function(owner="me")
    assert with_podman.of("--privileged") is None
    assert Functions(known, dict).of("other") is None


def test_the_pod_of_a_container_reserves_what_it_may_use() -> None:
    model = read_model(
        '{"image": "a", "memory": 64, "tmpfs_size": 6, "cpus": "500m", "config": {"PATH": "/x"}}'
    )
    spec = pod_of(Function(owner="me"), model)(DIRECTORY / "lsnr.sock")
    (container,) = spec.containers
    assert (container.resources.cpu, container.resources.memory_mb) == (0.5, 70)
    assert container.environment == ()  # podman's own is never the caller's
    assert "--env=PATH=/x" in container.command
    assert "--env=FN_LISTENER=unix:/tmp/iofs/lsnr.sock" in container.command
    assert "--env=FN_FORMAT=http-stream" in container.command
    assert not spec.survives_server


def test_without_podman_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        remove_left("me")


def test_the_shell_understands_what_it_is_given() -> None:
    command = command_of("a", owner="me", directory=DIRECTORY, environment=())
    subprocess.run(["/bin/sh", "-n", "-c", command[2]], check=True)
