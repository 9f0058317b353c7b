"""Indexes of the tables: which there may be, and which are made because somebody asked.

1. Every order that a query may have has an index, led by what the query is limited to. Those that
   lists have by default are always there; the others are made by the writer, in a transaction of its
   own if nothing else is to be written, after a query that would have used them: whoever is first has
   his rows sorted.
2. What is never asked for costs nothing: with all of them, indexes are half of what writing a row takes.
3. An index stays as long as the file.
"""

import sqlite3
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType

from projections.queries import JobOrder, PodOrder

JOB_LABELS = "job_labels_by_label"


def jobs_by(order: str) -> str:
    """Return the name of the index by which jobs are ordered."""
    return f"jobs_by_{order}"


def pods_by(order: str) -> str:
    """Return the name of the index by which the pods of an owner are ordered."""
    return f"pods_by_{order}"


def _pod_columns(order: PodOrder) -> str:
    return ", ".join(dict.fromkeys(("owner", order.value, "instance", "id")))


INDEXES: Mapping[str, str] = MappingProxyType(
    {
        **{jobs_by(order): f"jobs ({order.value}, id)" for order in JobOrder},
        **{pods_by(order): f"pods ({_pod_columns(order)})" for order in PodOrder},
        JOB_LABELS: "job_labels (key, value, job)",
    }
)
"""By name: table and columns."""

ALWAYS = (pods_by(PodOrder.INSTANCE),)
"""Those of the orders that lists have when nobody names one; jobs are in that of their ids then."""


class Wanted:
    """Indexes that queries would have used. Wished for by any thread, made by the writer's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        """Guards both sets; innermost."""
        self._made: set[str] = set()
        self._wanted: set[str] = set()
        self.on_wish: Callable[[], object] = lambda: None
        """Called, on any thread, when there is something to make."""

    def __bool__(self) -> bool:
        """True when there is something to make."""
        return bool(self._wanted)

    def found(self, connection: sqlite3.Connection) -> None:
        """Take note of the indexes that a file has."""
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall()
        with self._lock:
            self._made = {name for (name,) in rows}
            self._wanted.clear()

    def wish(self, *names: str) -> None:
        """Ask for indexes, unless they are there or there are none of these names."""
        with self._lock:
            new = {name for name in names if name in INDEXES} - self._made - self._wanted
            self._wanted |= new
        if new:
            self.on_wish()

    def make(self, connection: sqlite3.Connection) -> None:
        """Make what was asked for, in the transaction that is open."""
        with self._lock:
            names, self._wanted = self._wanted, set()
        for name in sorted(names):
            connection.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {INDEXES[name]}")
        with self._lock:
            self._made |= names

    def lost(self, connection: sqlite3.Connection) -> None:
        """Take note that a transaction was rolled back, and with it perhaps an index."""
        with self._lock:
            wanted = set(self._wanted)
        self.found(connection)
        self.wish(*wanted)
