"""The quick copy of frozen dataclasses means what the standard one means."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.frozen import replace


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Named(Point):
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Open:
    x: int


points = st.builds(Named, x=st.integers(), y=st.tuples(st.text()), name=st.text())


@given(points, st.fixed_dictionaries({}, optional={"x": st.integers(), "name": st.text()}))
def test_it_means_what_the_standard_function_means(point: Named, changes: dict[str, int | str]) -> None:
    before = dataclasses.astuple(point)
    assert replace(point, **changes) == dataclasses.replace(point, **changes)  # type: ignore[arg-type]
    assert dataclasses.astuple(point) == before


def test_a_field_that_is_none_of_the_class_is_refused() -> None:
    with pytest.raises(TypeError, match="Named has no field 'z'"):
        replace(Named(1), z=2)  # type: ignore[call-arg]


def test_a_class_without_slots_is_refused() -> None:
    with pytest.raises(TypeError, match="Open is not a plain frozen dataclass with slots"):
        replace(Open(1), x=2)
