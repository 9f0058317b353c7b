"""Frozen classes mean what the standard library's mean."""

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.frozen import frozen, is_frozen, replace


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    kind: int
    self_: tuple[str, ...] = ()
    old: str = ""


@frozen
class Quick:
    """A class with fields named as awkwardly as may be."""

    kind: int
    self_: tuple[str, ...] = ()
    old: str = ""

    @property
    def twice(self) -> int:
        return 2 * self.kind


@frozen(kw_only=False)
class Placed:
    x: int
    y: int = 2


fields = st.fixed_dictionaries(
    {"kind": st.integers()}, optional={"self_": st.tuples(st.text()), "old": st.text()}
)
changes = st.fixed_dictionaries({}, optional={"kind": st.integers(), "old": st.text()})


def values_of(value: Any) -> dict[str, object]:
    return {name: getattr(value, name) for name in ("kind", "self_", "old")}


@given(fields, changes)
def test_it_means_what_the_standard_class_means(
    given_fields: dict[str, object], changed: dict[str, object]
) -> None:
    standard, quick = Standard(**given_fields), Quick(**given_fields)  # type: ignore[arg-type]
    before = values_of(quick)
    assert before == dataclasses.asdict(standard)
    assert repr(quick) == repr(standard).replace("Standard", "Quick")
    after = replace(quick, **changed)  # type: ignore[arg-type]
    assert values_of(after) == dataclasses.asdict(dataclasses.replace(standard, **changed))  # type: ignore[arg-type]
    assert type(after) is Quick
    assert values_of(quick) == before
    assert copy.copy(quick) == quick == pickle.loads(pickle.dumps(quick))  # noqa: S301 - just dumped
    assert quick.twice == 2 * standard.kind


def test_equal_ones_are_equal_and_hash_alike() -> None:
    assert Placed(1) == replace(Placed(1, 3), y=2)
    assert hash(Placed(1)) == hash(Placed(1, 2))
    assert Placed(1) != Placed(2)


def test_its_fields_cannot_be_set() -> None:
    for placed in (Placed(1), replace(Placed(2), x=1)):
        with pytest.raises(AttributeError):
            placed.x = 2  # type: ignore[misc]
        with pytest.raises(AttributeError):
            placed.z = 2  # type: ignore[attr-defined]
        assert placed.x == 1


def test_it_is_made_of_the_same_arguments() -> None:
    names = list(inspect.signature(Standard).parameters)
    assert list(inspect.signature(Quick).parameters) == names
    with pytest.raises(TypeError):
        Quick()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Quick(1)  # type: ignore[call-arg]


def test_what_it_is_for_is_told() -> None:
    assert is_frozen(Quick)
    assert not is_frozen(Standard)
    assert not is_frozen(Quick(kind=1))


def test_a_field_that_is_none_of_the_class_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Placed.* has no field 'z'"):
        replace(Placed(1), z=2)  # type: ignore[call-arg]


def test_a_class_that_it_cannot_be_for_is_refused() -> None:
    with pytest.raises(TypeError, match="Derived has a base"):

        @frozen
        class Derived(Standard):
            pass

    with pytest.raises(TypeError, match="Eager has a base or code"):

        @frozen
        class Eager:
            def __post_init__(self) -> None: ...

    with pytest.raises(TypeError):
        replace(Standard(kind=1), kind=2)


def test_without_equality_an_object_equals_itself_alone() -> None:
    @frozen(kw_only=False, eq=False)
    class Asked:
        items: list[int]

    one, other = Asked([1]), Asked([1])
    same = one
    assert one == same
    assert one != other
    assert {one: "one", other: "other"}[one] == "one"  # also when what it holds has no hash
    with pytest.raises(AttributeError):
        one.items = []  # type: ignore[misc]
