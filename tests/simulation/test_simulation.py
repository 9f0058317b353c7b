"""The simulation itself: the same seed is the same story, and a mistake of the server is found."""

import asyncio
import json
import os
import subprocess
import sys
from inspect import signature
from pathlib import Path
from random import Random

import pytest

from actors.effects.dispatch import dispatcher
from actors.kernel.entity import EntityActor
from actors.kernel.idempotency import Keys
from projections import queues
from projections.hot import Advance
from projections.watch.hub import Hub
from protocol.cli.exits import Exit
from protocol.cli.main import simulate as command
from protocol.cli.simulate import BadFaults, read_faults
from protocol.simulation.loop import Life, SimulatedLoop, context_of
from protocol.simulation.simulation import STEPS, Result, reproduction, simulate
from protocol.simulation.story import LawBroken
from protocol.simulation.trouble import ALL, Kind

ROOT = Path(__file__).parents[2]


def told(hash_seed: str) -> object:
    program = "from protocol.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "simulate", "--seed", "3", "--steps", "300", "-o", "json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == Exit.OK, done.stderr
    return json.loads(done.stdout)


def test_the_same_seed_is_the_same_story_whatever_the_hash_seed() -> None:
    assert told("1") == told("2")


def test_another_seed_is_another_story() -> None:
    one, other = (result.story.digest() for result in simulate((1, 2), steps=200))
    assert one != other


def first_broken(*, faults: tuple[Kind, ...] = tuple(Kind), bound: int = 40) -> Result:
    found = next((result for result in simulate(range(bound), faults=faults) if result.broken), None)
    assert found is not None, "no seed finds it"
    return found


def test_an_answer_before_its_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def release(_: EntityActor, reply: object, answer: object) -> None:
        reply.set(answer)  # type: ignore[attr-defined]

    monkeypatch.setattr(EntityActor, "release", release)
    assert isinstance(first_broken().broken, LawBroken)


def test_a_forgotten_receipt_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keys, "__init__", _without_receipts(Keys.__init__))
    assert isinstance(first_broken().broken, LawBroken)


def _without_receipts(init: object) -> object:
    def __init__(self: Keys, *, read: object, decode: object) -> None:  # noqa: N807
        del read
        init(self, read=lambda _: None, decode=decode)  # type: ignore[operator]

    return __init__


def test_a_change_that_watchers_are_not_told_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    publish = Hub.publish

    def forgetful(hub: Hub, advances: list[Advance]) -> None:
        publish(hub, [advance for advance in advances if advance.revision % 41])

    monkeypatch.setattr(Hub, "publish", forgetful)
    broken = first_broken(faults=()).broken
    assert isinstance(broken, LawBroken)
    assert broken.law.startswith("a watch")


def test_a_delay_that_is_told_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "expected_us", lambda task: task.estimate_us)
    broken = first_broken(faults=()).broken
    assert isinstance(broken, LawBroken)
    assert broken.law == "minimum ≤ maximum"


def test_a_worker_that_is_lost_without_its_task_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "_losing", lambda worker, _place, _message, loses: ((worker, loses),))
    assert isinstance(first_broken().broken, LawBroken)


def test_time_is_virtual_and_lanes_keep_their_order() -> None:
    loop = SimulatedLoop(Random(1), 0)  # type: ignore[abstract]  # noqa: S311 - no sockets on purpose
    life = Life("life")
    heard: list[str] = []

    async def speak(name: str) -> None:
        for number in range(3):
            await asyncio.sleep(60)
            heard.append(f"{name}{number}")

    with loop.running():
        loop.start(speak("a"), "a")
        loop.start(speak("b"), "b", life)
        while loop.now < 130_000_000 and loop.step(130_000_000):
            pass
        loop.end(life)
        while loop.step(10**12):
            pass
        loop.bury([life, loop.outside])
    assert [each for each in heard if each[0] == "a"] == ["a0", "a1", "a2"]
    assert [each for each in heard if each[0] == "b"] == ["b0", "b1"]
    assert loop.now == 180_000_000
    assert context_of("lane", life) is not None


def test_the_command_has_the_defaults_that_its_printed_form_leaves_out() -> None:
    defaults = {name: each.default for name, each in signature(command).parameters.items()}
    assert defaults["steps"] == STEPS
    assert read_faults(defaults["faults"]) == ALL
    assert reproduction(7, STEPS, ALL) == "PYTHONHASHSEED=0 polyplane simulate --seed 7"
    assert reproduction(7, 5, (Kind.DISK,)).endswith("--seed 7 --steps 5 --faults disk")


def test_faults_are_read_from_a_list() -> None:
    assert read_faults("disk, crash") == (Kind.CRASH, Kind.DISK)
    assert read_faults("") == ()
    with pytest.raises(BadFaults, match="there is no 'flood'"):
        read_faults("flood")
