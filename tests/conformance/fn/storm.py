"""Many calls of every kind at once: hot and cold slots, evictions, leavers, crashes.

1. Each is held to what it must come to.
"""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import grpc

from tests.conformance.fn.client import Answer, Client, frames, try_call

CALLERS = 4
KINDS = ("hot", "empty", "large", "cold", "evicting", "leaves", "crashes", "fails", "forks", "detached")
WEIGHTS = (60, 10, 5, 3, 3, 8, 2, 4, 1, 4)
LARGE = 100_000


def storm(address: str, count: int, seed: int) -> None:
    """Make so many calls; raise what any of them found to be wrong."""
    with ThreadPoolExecutor(CALLERS) as pool:
        parts = [
            pool.submit(calls, address, count // CALLERS, f"{seed}-{number}") for number in range(CALLERS)
        ]
        for part in parts:
            part.result()


def calls(address: str, count: int, name: str) -> None:
    chance = Random(name)  # noqa: S311 - seeded on purpose
    client = Client(address)
    for number in range(count):
        call(client, chance.choices(KINDS, WEIGHTS)[0], f"{name}-{number}")
    client.channel.close()


def call(client: Client, kind: str, id: str) -> None:  # noqa: A002 - the name of the thing
    body = id.encode()
    common: dict[str, Any] = {"id": id, "idle_timeout": 2}
    match kind:
        case "hot":
            well(client.call(body, **common), body)
        case "empty":
            well(client.call(**common), b"")
        case "large":
            well(client.call(b"x" * LARGE, **common), b"x" * LARGE)
        case "cold":
            well(client.call(body, fn_id=id, **common), body)
        case "evicting":
            well(client.call(body, fn_id=id, memory=150, **common), body)
        case "detached":
            well(client.call(body, type="detached", **common), b"")
        case "crashes":
            badly(client.call(b"crash\n", **common))
        case "fails":
            badly(client.call(b"status\n502", **common))
        case "forks":
            assert client.call(b"forks\n", fn_id=id, **common).finished.success
        case _:
            engagement = client.engage(try_call(**common), *frames(body))
            engagement.call.cancel()
            engagement.half_close()


def well(answer: Answer, body: bytes) -> None:
    assert answer.code is grpc.StatusCode.OK, answer
    assert answer.finished.success, answer
    assert answer.body == body


def badly(answer: Answer) -> None:
    assert answer.code is grpc.StatusCode.OK, answer
    assert answer.finished.errorCode == 502, answer
