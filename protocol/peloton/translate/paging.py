"""Which part of an answer is wanted, and in what order.

1. 0 means the default: pages of 10 rows; for jobs 100 rows are considered at all.
2. A page has at most 10 000 rows; a larger limit is cut to that, and the answer says so.
3. An order by a property that is not offered is refused, and so are more than three.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from protocol.pb.peloton.api.v1alpha.query import query_pb2
from protocol.peloton.translate.refusal import invalid, shown

DEFAULT_LIMIT = 10
MAX_LIMIT = 10_000
MAX_ORDERS = 3

O = TypeVar("O", bound=StrEnum)  # noqa: E741 - an order


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The rows of an answer that are wanted."""

    offset: int
    limit: int

    def spell(self, total: int) -> query_pb2.Pagination:
        """Say which part of the answer is given."""
        return query_pb2.Pagination(offset=self.offset, limit=self.limit, total=total)


def read_window(message: query_pb2.PaginationSpec) -> Window:
    """Return the rows wanted, defaults applied."""
    return Window(offset=message.offset, limit=min(message.limit or DEFAULT_LIMIT, MAX_LIMIT))


def read_orders(
    messages: Sequence[query_pb2.OrderBy], offered: Mapping[str, O], field: str
) -> tuple[tuple[O, bool], ...]:
    """Return the orders wanted, each with whether it is descending; empty for the default one."""
    if len(messages) > MAX_ORDERS:
        raise invalid(field, f"must be at most {MAX_ORDERS}")
    orders: dict[O, bool] = {}
    for place, message in enumerate(messages):
        order = offered.get(message.property.value)
        if order is None:
            names = ", ".join(sorted(offered))
            raise invalid(
                f"{field}[{place}].property",
                f"must be one of {names}, is {shown(message.property.value)}",
            )
        orders.setdefault(order, message.order == query_pb2.OrderBy.ORDER_BY_DESC)
    return tuple(orders.items())
