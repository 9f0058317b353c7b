"""Decisions are equal that make the same true, however they were worked out."""

from actors.kernel.decider import Decision, Opening


def test_the_states_in_between_make_no_difference() -> None:
    plain, folded = Decision(events=("a",)), Decision(events=("a",), states=(1,))
    assert plain == folded
    assert not plain != folded  # noqa: SIM202 - both ways are asked
    assert hash(plain) == hash(folded)


def test_what_becomes_true_does() -> None:
    plain = Decision(events=("a",))
    for other in (
        Decision(events=("b",)),
        Decision(events=("a",), result=1),
        Decision(events=("a",), opens=(Opening("thing/1", ("b",)),)),
        ("a",),
    ):
        assert plain != other
