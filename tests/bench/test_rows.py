"""The bench's rows: all there, told of, and of the form that `results.json` has. Nothing is timed here."""

import json
from pathlib import Path

import pytest

from bench.__main__ import ROWS, main
from bench.ratio import Measure, Result, of_rounds, side_by_side
from bench.scale import SMALL

README = Path(__file__).parents[2] / "bench" / "README.md"
NAMES = {
    "submission",
    "alone",
    "lifecycles",
    "getjob",
    "journal",
    "replay",
    "memory",
    "watch",
    "idle",
    "restart",
    "quantum_submission",
    "quantum_engine",
    "fn_calls",
    "fn_streams",
    "fn_starts",
}
FORM = {"name", "ratio", "low", "high", "at_least", "goal", "lower_is_better"}


def check(results: Result | list[Result]) -> None:
    """Assert that results have the form of the file."""
    for result in results if isinstance(results, list) else [results]:
        row = json.loads(json.dumps(result.as_row()))
        assert set(row) == FORM
        assert 0 < row["low"] <= row["ratio"] <= row["high"]
        assert (row["goal"] <= row["at_least"]) if row["lower_is_better"] else row["goal"] >= row["at_least"]


def test_every_row_is_there_and_told_of() -> None:
    assert set(ROWS) == NAMES
    told = README.read_text(encoding="utf-8")
    assert [name for name in ROWS if f"| `{name}` |" not in told] == []


def test_the_journals_row_works_at_small_scale() -> None:
    check(ROWS["journal"](SMALL))


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_row_works_at_small_scale(name: str) -> None:
    if name == "quantum_engine":
        pytest.importorskip("qiskit_aer", reason="the peer is of the extra `bench`")
    check(ROWS[name](SMALL))


def test_rounds_take_turns_and_the_first_does_not_count() -> None:
    order: list[str] = []

    def ours() -> float:
        order.append("ours")
        return 100.0 if len(order) == 1 else 2.0

    def peer() -> float:
        order.append("peer")
        return 1.0

    result = side_by_side(Measure(name="x", at_least=1, goal=2), ours, peer, rounds=2)
    assert order == ["ours", "peer", "ours", "peer", "peer", "ours"]
    assert (result.low, result.ratio, result.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("lower_is_better", "ratios", "is_reached"),
    [
        (False, (0.4, 0.5, 0.9), True),
        (False, (0.4, 0.49, 0.9), False),
        (True, (0.1, 0.5, 0.9), True),
        (True, (0.1, 0.51, 0.9), False),
    ],
)
def test_the_median_decides(*, lower_is_better: bool, ratios: tuple[float, ...], is_reached: bool) -> None:
    measure = Measure(name="x", at_least=0.5, goal=0.5, lower_is_better=lower_is_better)
    assert of_rounds(measure, ratios).is_reached is is_reached


@pytest.mark.parametrize(
    ("arguments", "code", "said"), [(["--help"], 0, "restart"), (["submissions"], 2, "submission")]
)
def test_help_and_unknown_names_tell_the_rows(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err
