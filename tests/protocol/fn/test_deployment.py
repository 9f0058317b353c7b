"""What is deployed is checked to the letter before it is kept."""

import json

import pytest

from actors.kernel.decider import Code
from protocol.fn.deployment import read_deployed, read_deployment
from protocol.fn.function import Function
from protocol.gateway import Refused


def test_what_is_deployed_is_what_is_run() -> None:
    said = {"command": ["python3", "f.py"], "directory": "/srv", "environment": {"A": "1"}}
    name, manifest = read_deployment("function/shop/cart", json.dumps(said))
    assert name == "shop/cart"
    assert manifest is not None
    assert read_deployed(manifest.body, 3) == Function(
        command=("python3", "f.py"), directory="/srv", environment=(("A", "1"),), number=3
    )


def test_nothing_takes_a_function_away() -> None:
    assert read_deployment("function/a", "") == ("a", None)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("function/", "{}"),
        ("function/ a", "{}"),
        ("function/\n", "{}"),
        (f"function/{'a' * 257}", "{}"),
        ("function/a", "{"),
        ("function/a", "[" * 60_000),
        ("function/a", "x" * 70_000),
        ("function/a", "[]"),
        ("function/a", "{}"),
        ("function/a", '{"command": "true"}'),
        ("function/a", '{"command": []}'),
        ("function/a", '{"command": [""]}'),
        ("function/a", '{"command": ["a\\u0000"]}'),
        ("function/a", '{"command": ["\\ud800"]}'),
        ("function/a", '{"command": ["a"], "directory": "relative"}'),
        ("function/a", '{"command": ["a"], "directory": 1}'),
        ("function/a", '{"command": ["a"], "environment": {"A": 1}}'),
        ("function/a", '{"command": ["a"], "environment": {"A=": "1"}}'),
        ("function/a", '{"command": ["a"], "user": "root"}'),
    ],
)
def test_what_is_none_is_refused(key: str, value: str) -> None:
    with pytest.raises(Refused) as caught:
        read_deployment(key, value)
    assert caught.value.rejection.code is Code.INVALID
