"""`polyplane simulate`: the server on a deterministic scheduler, with faults; the story of a seed that fails.

1. It touches no server, no network and no data directory.
2. What it prints is the same for the same seed; the command it names also fixes Python's hash seed, in
   case that is what mattered.
3. Ctrl-C waits for the end of a step, of which there are thousands in a second; the second one does not.
"""

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from protocol.cli.exits import Exit
from protocol.simulation.simulation import Result, reproduction, simulate
from protocol.simulation.trouble import ALL, Kind


class BadFaults(ValueError):  # noqa: N818 - said of the flag
    """The text names no kind of fault; it says which there are."""

    code = Exit.USAGE


def read_faults(text: str) -> Sequence[Kind]:
    """Return the faults of a list with commas; empty for none."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [kind.value for kind in ALL]
    for name in names:
        if name not in known:
            raise BadFaults(f"--faults: there is no {name!r}, there are {', '.join(known)}")
    return tuple(kind for kind in ALL if kind.value in names)


def run(*, seed: int, count: int, steps: int, faults: str, is_told: bool, is_json: bool) -> Exit:
    """Run seeds, tell how they went, and answer whether all laws held."""
    kinds = read_faults(faults)
    code = Exit.OK
    with interruptions() as is_interrupted:
        for result in simulate(
            range(seed, seed + count), steps=steps, faults=kinds, is_interrupted=is_interrupted
        ):
            again = reproduction(result.seed, steps, kinds)
            if result.broken is not None:
                code = Exit.FAILED
            if is_json:
                print_json(result, again, is_told=is_told or result.broken is not None)
            else:
                print_text(result, again, is_told=is_told or result.broken is not None)
    return code


@contextmanager
def interruptions() -> Iterator[Callable[[], bool]]:
    """Take note of the first Ctrl-C, which would cut a coroutine in two, and whatever waits for it."""
    taken: list[int] = []

    def take(number: int, _: object) -> None:
        taken.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # else somebody wants it to be ignored
        signal.signal(signal.SIGINT, take)
    try:
        yield lambda: bool(taken)
    finally:
        signal.signal(signal.SIGINT, before)


def print_text(result: Result, again: str, *, is_told: bool) -> None:
    """Print a seed's result for people."""
    if is_told:
        for line in result.story.lines():
            print(line)  # noqa: T201 - its output
    verdict = "all laws held" if result.broken is None else f"BROKEN  {result.broken}"
    size = f"{result.revision} events, {result.servers} servers, {result.steps} steps"
    print(f"seed {result.seed}: {size}: {verdict}")  # noqa: T201
    if result.broken is not None:
        print(f"again with: {again}")  # noqa: T201


def print_json(result: Result, again: str, *, is_told: bool) -> None:
    """Print a seed's result as one line of JSON."""
    told: dict[str, object] = {
        "seed": result.seed,
        "broken": None if result.broken is None else str(result.broken),
        "revision": result.revision,
        "servers": result.servers,
        "steps": result.steps,
        "digest": result.story.digest(),
        "again": again,
    }
    if is_told:
        told["story"] = list(result.story.lines())
    print(json.dumps(told))  # noqa: T201
