"""What is read of flags, environment and file, and what is said of mistakes."""

from pathlib import Path

import pytest

from protocol.addresses import Ports, SocketAddress
from protocol.configuration import Misconfigured, load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "polyplane.toml"


def mistakes(flags: dict[str, object]) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        load(flags)
    return str(caught.value).splitlines()


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = load({}).settings
    assert settings.listen == SocketAddress("127.0.0.1", 7700)
    assert settings.http == SocketAddress("127.0.0.1", 7780)
    assert settings.hosts == ()
    assert settings.rigetti.processors["local-1"].endpoints == ("ep-1",)
    assert settings.takes_plaintext_jobs


def test_flags_beat_the_environment_which_beats_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(
        'data = "f"\nlisten = "127.0.0.1:1"\nhttp = "127.0.0.1:1"\n[limits]\nwatchers = 1\nmailbox = 1\n'
    )
    monkeypatch.setenv("POLYPLANE_LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("POLYPLANE_HTTP", "127.0.0.1:2")
    monkeypatch.setenv("POLYPLANE_LIMITS__WATCHERS", "2")
    loaded = load({"config": file, "http": "127.0.0.1:3", "data": None})
    settings = loaded.settings
    assert (settings.data, settings.listen.port, settings.http.port) == ("f", 2, 3)
    assert (settings.limits.watchers, settings.limits.mailbox) == (2, 1)
    assert dict(loaded.origins) == {
        "data": "file",
        "listen": "environment",
        "http": "flag",
        "config": "flag",
        "limits.watchers": "environment",
        "limits.mailbox": "file",
    }


def test_everything_can_be_given_in_a_file(file: Path) -> None:
    file.write_text("""
[[hosts]]
name = "a"
cpu = 0.5
memory_mb = 10
disk_mb = 20
labels = { rack = "1" }
ports = "40000-40010"
engine = "simulated"
[fn.functions."registry/image:1"]
command = ["python3", "func.py"]
environment = { A = "b" }
[rigetti.processors.qpu-1]
endpoints = ["a", "b"]
""")
    settings = load({"config": file}).settings
    assert settings.hosts[0].ports == Ports(40000, 40010)
    assert settings.hosts[0].labels == {"rack": "1"}
    assert settings.fn.functions["registry/image:1"].command == ("python3", "func.py")
    assert list(settings.rigetti.processors) == ["qpu-1"]


def test_the_environment_can_give_lists_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYPLANE_HOSTS", '[{"name": "a", "cpu": 1, "memory_mb": 1, "disk_mb": 1}]')
    assert load({}).settings.hosts[0].name == "a"


def test_variables_of_the_client_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYPLANE_SERVER", "127.0.0.1:7700")
    assert load({}).origins == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            '[[hosts]]\nname = "a"\ncpu = -1\nmemory_mb = 1\ndisk_mb = 1',
            "hosts[0].cpu: must be at least 0 (got -1)",
        ),
        ("[[hosts]]\ncpu = 1\nmemory_mb = 1", "hosts[0].name: must be given"),
        (
            '[[hosts]]\nname = "../a"\ncpu = 1\nmemory_mb = 1',
            "hosts[0].name: must be a name of letters, digits, dots, dashes and underscores (got ../a)",
        ),
        (
            '[[hosts]]\nname = "a"\ncpu = 1\nmemory_mb = 1\n[[hosts]]\nname = "a"\ncpu = 1\nmemory_mb = 1',
            "hosts[1].name: must be unique (got 'a' twice)",
        ),
        (
            '[[hosts]]\nname = "a"\ncpu = 1\nmemory_mb = 1\nports = "9-1"',
            "hosts[0].ports: must be a rising range within 1 and 65535 (got 9-1)",
        ),
        (
            '[[hosts]]\nname = "a"\ncpu = 1\nmemory_mb = 1\nengine = "real"',
            "hosts[0].engine: must be 'process' or 'simulated' (got real)",
        ),
        ("[limits]\nwatchers = 0", "limits.watchers: must be at least 1 (got 0)"),
        ("[limits]\nwatchers = true", "limits.watchers: must be a number (got True)"),
        ("[rigetti]\nresult_wait_s = false", "rigetti.result_wait_s: must be a number (got False)"),
        (
            '[rigetti.processors.a]\nendpoints = ["x"]\n[rigetti.processors.b]\nendpoints = ["y", "x"]',
            "rigetti: processors.b.endpoints: 'x' must be given once (a has it)",
        ),
        (
            '[rigetti.processors."/"]\nendpoints = ["x"]',
            "rigetti.processors./: must be a name of letters, digits, dots, dashes and underscores (got /)",
        ),
        ("[limits]\nmessage_mb = 4096", "limits.message_mb: must be at most 2047 (got 4096)"),
        ("[limits]\nwatcher = 1", "limits.watcher: is no setting; did you mean watchers?"),
        ("[limit]\nwatchers = 1", "limit: is no setting; did you mean limits?"),
        ("[rigetti]\ndefault_timeout_s = 0", "rigetti.default_timeout_s: must be more than 0 (got 0)"),
        ('[fn.functions."i"]\ndirectory = "d"', "fn.functions.i.command: must be given"),
        ('listen = "here"', "listen: must be HOST:PORT (got here)"),
        ('listen = "::1:5"', "listen: must be HOST:PORT, an IPv6 address in brackets (got ::1:5)"),
        ('listen = "127.0.0.1:65536"', "listen: must have a port from 0 to 65535 (got 127.0.0.1:65536)"),
        (
            'listen = "0.0.0.0:1"',
            "listen: must be loopback unless TLS and tokens, or --insecure, are given (got 0.0.0.0:1)",
        ),
        ('[auth]\ntls_cert = "c"', "auth: tls_cert and tls_key must be given together"),
    ],
)
def test_a_mistake_is_told_in_one_line(file: Path, content: str, said: str) -> None:
    file.write_text(content)
    assert mistakes({"config": file}) == [said]


@pytest.mark.parametrize("content", [f"a = {'9' * 5000}", f"a = {'[' * 100_000}"])
def test_a_file_beyond_all_measure_is_no_toml(file: Path, content: str) -> None:
    file.write_text(content)
    (said,) = mistakes({"config": file})
    assert said.startswith(f"{file}: is not TOML: ")


def test_every_mistake_is_told(file: Path) -> None:
    file.write_text("[limits]\nwatchers = 0\nmailbox = 0\n")
    assert len(mistakes({"config": file})) == 2


def test_an_unknown_variable_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYPLANE_LIMIT__WATCHERS", "1")
    assert mistakes({}) == ["POLYPLANE_LIMIT__WATCHERS: is no setting; did you mean POLYPLANE_LIMITS?"]


def test_a_variable_that_is_no_json_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYPLANE_HOSTS", "[")
    (said,) = mistakes({})
    assert said.startswith("environment: ")
    assert "hosts" in said


def test_files_that_cannot_be_read_are_told(file: Path) -> None:
    assert mistakes({"config": file}) == [f"{file}: cannot be read: No such file or directory"]
    file.write_text("[limits")
    (said,) = mistakes({"config": file})
    assert said.startswith(f"{file}: is not TOML: ")


@pytest.mark.parametrize(
    "extra", [{"insecure": True}, {"auth": {"tls_cert": "c", "tls_key": "k", "tokens_file": "t"}}]
)
def test_other_addresses_need_a_guard_or_consent(extra: dict[str, object]) -> None:
    settings = load({"listen": "0.0.0.0:1", "http": "[::]:2", **extra}).settings
    assert not settings.listen.is_loopback
    assert str(settings.http) == "[::]:2"
    assert not settings.takes_plaintext_jobs
