"""Measures every row, prints the table and writes `bench/results.json`.

1. A row is a module with `measure() -> Result`, or a list of them; `python -m bench NAME...` measures some.
2. The file is written when all rows were measured at full scale, and none of them broke.
3. Exit code 1 when a row does not reach what it must, or broke; 2 when a name is unknown.
"""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench import (
    alone,
    fn_calls,
    fn_starts,
    fn_streams,
    getjob,
    idle,
    journal,
    lifecycles,
    memory,
    quantum_engine,
    quantum_submission,
    replay,
    restart,
    submission,
    watch,
)
from bench.ratio import Result
from bench.scale import FULL, SMALL, Scale

Row = Callable[[Scale], Result | list[Result]]

ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "submission": submission.measure,
        "alone": alone.measure,
        "lifecycles": lifecycles.measure,
        "getjob": getjob.measure,
        "journal": journal.measure,
        "replay": replay.measure,
        "memory": memory.measure,
        "watch": watch.measure,
        "idle": idle.measure,
        "restart": restart.measure,
        "quantum_submission": quantum_submission.measure,
        "quantum_engine": quantum_engine.measure,
        "fn_calls": fn_calls.measure,
        "fn_streams": fn_streams.measure,
        "fn_starts": fn_starts.measure,
    }
)
BUSY = 0.5
"""Load above which somebody else is at work."""
RESULTS = Path(__file__).with_name("results.json")


def main(arguments: Sequence[str]) -> int:
    """Measure the rows of these names, or all."""
    wanted = _parser().parse_args(arguments)
    names: list[str] = wanted.names or list(ROWS)
    if (load := os.getloadavg()[0]) > BUSY:
        print(f"this machine is busy (load {load:.1f}): expect figures to be noise", file=sys.stderr)
    results: list[Result] = []
    broken: list[str] = []
    for name in names:
        print(f"{name}:", file=sys.stderr, flush=True)
        try:
            measured = ROWS[name](SMALL if wanted.small else FULL)
        except Exception:  # noqa: BLE001 - the other rows can be measured still
            traceback.print_exc()
            broken.append(name)
        else:
            results += measured if isinstance(measured, list) else [measured]
    print_table(results)
    for name in broken:
        print(f"{name} broke and was not measured")
    if not (wanted.names or wanted.small or broken):
        RESULTS.write_text(json.dumps([it.as_row() for it in results], indent=2) + "\n")
    return 0 if not broken and all(it.is_reached for it in results) else 1


def print_table(results: Sequence[Result]) -> None:
    """Print rows as Markdown; a row that is not reached is marked."""
    print(f"| {'measure':<64} |  ratio |    low |   high | at least | goal |   |")
    print(f"|{'-' * 66}|-------:|-------:|-------:|---------:|-----:|---|")
    for it in results:
        sign = "≤" if it.measure.lower_is_better else "≥"
        print(
            f"| {it.measure.name:<64} | {it.ratio:6.3f} | {it.low:6.3f} | {it.high:6.3f} "
            f"| {sign} {it.measure.at_least:>6g} | {it.measure.goal:>4g} | {' ' if it.is_reached else '✗'} |"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure ratios against peers and bare echoes, side by side."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", type=_row, help=f"rows to measure; all without: {', '.join(ROWS)}"
    )
    parser.add_argument("--small", action="store_true", help="only see that the rows work, in seconds")
    return parser


def _row(name: str) -> str:
    if name not in ROWS:
        raise argparse.ArgumentTypeError(f"there is no row {name}; there are {', '.join(ROWS)}")
    return name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
