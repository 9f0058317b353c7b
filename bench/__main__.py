"""Measures every row, prints the table and writes `bench/results.json`.

1. A row is a module with `measure() -> Result`; `python -m bench NAME...` measures some of them.
2. Exit code 1 when a row does not reach what it must.
"""

import json
import sys
from pathlib import Path

from bench import journal, submission
from bench.ratio import Result

ROWS = {"journal": journal.measure, "submission": submission.measure}
RESULTS = Path(__file__).with_name("results.json")


def main(names: list[str]) -> int:
    """Measure the rows of these names, or all."""
    results: list[Result] = [ROWS[name]() for name in names or ROWS]
    print(f"| {'measure':<60} | ratio | low | high | at least | goal |")
    print(f"|{'-' * 62}|---|---|---|---|---|")
    for it in results:
        sign = "≤" if it.measure.lower_is_better else "≥"
        print(
            f"| {it.measure.name:<60} | {it.ratio:.2f} | {it.low:.2f} | {it.high:.2f} "
            f"| {sign} {it.measure.at_least:g} | {it.measure.goal:g} |"
        )
    if not names:
        RESULTS.write_text(json.dumps([it.as_row() for it in results], indent=2) + "\n")
    return 0 if all(it.is_reached for it in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
