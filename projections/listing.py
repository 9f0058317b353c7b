"""Asking the tables: queries as SQL, on a connection of one thread.

1. Column names come from the enums of projections/queries.py, everything else is a parameter.
2. Every order ends with the id, so that it is total; pods of equal place are ordered by instance.
3. One read answers at most `PAGE` rows; who wants more asks again with the cursor.
4. What cannot be read, because the file is damaged or gone, is being made anew, or cannot be opened now,
   is TablesUnreadable; damage is told to the tables. A query that SQLite refuses says nothing of the file.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeVar, cast

from events.codec import UnreadableEvent
from events.record import entity_of, id_of
from projections.cursor import Ordering, Value, beyond, cursor_of, values_of
from projections.indexes import JOB_LABELS, jobs_by, pods_by
from projections.jobs import ENDED, JobView
from projections.pods import PodView
from projections.queries import JobQuery, Page, PodOrder, PodQuery
from projections.reading import PAGE, JournalReader
from projections.tables import Tables
from projections.tasks import TaskView
from projections.view import View, fold, is_gone
from projections.workers import WorkerView

V = TypeVar("V", JobView, PodView, TaskView, WorkerView)

MAX_ORDERS = 3
"""Columns by which a client may order."""

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REFUSED = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
"""Codes with which SQLite says that it is the file, or the machine, not the query."""
_CUT = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ)

_TOPICS = {"jobs": "job.view:1", "pods": "pod.view:1", "tasks": "task.view:1", "workers": "worker.view:1"}
_ENTITIES = ("pod", "job", "task", "worker")


@dataclass(slots=True)
class _Conditions:
    """What rows must fulfil, and the parameters in the same order."""

    texts: list[str] = field(default_factory=list)
    parameters: list[Value] = field(default_factory=list)

    def add(self, text: str, *parameters: Value) -> None:
        self.texts.append(text)
        self.parameters += parameters

    def one_of(self, column: str, values: Sequence[str]) -> None:
        if values:
            given = "(SELECT value FROM json_each(?))"
            self.add(f"{column} IN {given}", json.dumps(list(values)))

    def none_of(self, column: str, values: Iterable[Enum]) -> None:
        given = "(SELECT value FROM json_each(?))"
        self.add(f"{column} NOT IN {given}", json.dumps([value.value for value in values]))

    def between(self, column: str, bounds: tuple[int, int] | None) -> None:
        if bounds is not None:
            self.add(f"{column} >= ? AND {column} < ?", *bounds)

    def during(self, column: str, bounds: tuple[int, int] | None) -> None:
        if bounds is not None:
            first, last = bounds
            self.between(column, (max(first, 1), last))  # 0 is "not yet", and in no range

    @property
    def where(self) -> str:
        return f" WHERE {' AND '.join(f'({text})' for text in self.texts)}" if self.texts else ""


class TablesUnreadable(sqlite3.DatabaseError):
    """The tables do not tell it now."""


class TableReader:
    """A connection that only reads.

    Args:
        tables: Whose file; when it is made anew, the next read connects again.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._generation = -1
        self._connection: sqlite3.Connection | None = None

    def job(self, id: str) -> JobView | None:  # noqa: A002 - the name of the thing
        """Return the row of a job, None when there is none."""
        return self._one("jobs", id, JobView)

    def pod(self, id: str) -> PodView | None:  # noqa: A002
        """Return the row of a pod, None when there is none."""
        return self._one("pods", id, PodView)

    def task(self, id: str) -> TaskView | None:  # noqa: A002
        """Return the row of a task, None when there is none."""
        return self._one("tasks", id, TaskView)

    def worker(self, id: str) -> WorkerView | None:  # noqa: A002
        """Return the row of a worker that is, or was, dead; None when there is none."""
        return self._one("workers", id, WorkerView)

    def pods_to_keep(self) -> Iterator[PodView]:
        """Yield the pods that are not over, and those of jobs that are not, in no order."""
        live = _Conditions()
        live.none_of("phase", ENDED)
        owned = f"owner IN (SELECT 'job/' || id FROM jobs{live.where})"  # noqa: S608 - names of our own
        statement = f"SELECT body FROM pods WHERE NOT is_over OR {owned}"  # noqa: S608 - as above
        for (body,) in self._execute(statement, live.parameters):
            yield self._view("pods", cast("bytes", body), PodView)

    def pods_of(self, owner: str) -> Iterator[PodView]:
        """Yield the pods of an owner."""
        for (body,) in self._execute("SELECT body FROM pods WHERE owner = ?", [owner]):
            yield self._view("pods", cast("bytes", body), PodView)

    def jobs_named(self, name: str) -> tuple[str, ...]:
        """Return the ids of all jobs ever created under a name, newest first."""
        found = self._execute(
            "SELECT job FROM job_names WHERE name = ? ORDER BY created_at DESC, job DESC", [name]
        )
        return tuple(cast("str", job) for (job,) in found)

    def jobs(self, query: JobQuery, *, is_counted: bool = True) -> Page[JobView]:
        """Return a page of at most `PAGE` jobs. Raises BadCursor."""
        where = _Conditions()
        where.one_of("phase", query.phases)
        where.during("created_at", query.created)
        where.during("ended_at", query.ended)
        if query.name_contains:
            where.add("instr(name, ?) > 0", query.name_contains)
        if query.owner:
            where.add("owner = ?", query.owner)
        if query.pool:
            where.add("pool = ?", query.pool)
        for key, value in query.labels:
            where.add("id IN (SELECT job FROM job_labels WHERE key = ? AND value = ?)", key, value)
        for keyword in query.keywords:
            where.add("instr(keywords, ?) > 0", keyword.casefold())
        ordering = job_ordering(query)
        self._tables.indexes.wish(jobs_by(ordering[0][0]), *([JOB_LABELS] if query.labels else ()))
        total = self._count("jobs", where, query.count_limit) if is_counted else 0
        page = self._page("jobs", where, ordering, query, JobView)
        return replace(page, total=total)

    def pods(self, query: PodQuery, *, is_counted: bool = True) -> Page[PodView]:
        """Return a page of at most `PAGE` pods. Raises BadCursor."""
        where = _Conditions()
        if query.owner:
            where.add("owner = ?", query.owner)
        where.one_of("phase", query.phases)
        where.one_of("goal", query.goals)
        where.one_of("id", query.ids)
        where.one_of("host", query.hosts)
        where.between("instance", query.instances)
        ordering = pod_ordering(query)
        self._tables.indexes.wish(pods_by(ordering[0][0]))
        total = self._count("pods", where, 0) if is_counted else 0
        page = self._page("pods", where, ordering, query, PodView)
        return replace(page, total=total)

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # ------------------------------------------------------------ SQL

    def _one(self, table: str, id: str, kind: type[V]) -> V | None:  # noqa: A002
        found = self._execute(f"SELECT body FROM {table} WHERE id = ?", [id])  # noqa: S608 - our own names
        return self._view(table, cast("bytes", found[0][0]), kind) if found else None

    def _count(self, table: str, where: _Conditions, limit: int) -> int:
        matches = f"SELECT 1 FROM {table}{where.where} LIMIT ?"  # noqa: S608 - as above
        statement = f"SELECT count(*) FROM ({matches})"  # noqa: S608 - as above
        ((total,),) = self._execute(statement, [*where.parameters, limit or -1])
        return cast("int", total)

    def _page(
        self, table: str, where: _Conditions, ordering: Ordering, query: JobQuery | PodQuery, kind: type[V]
    ) -> Page[V]:
        limit = max(0, min(query.limit, PAGE))
        offset = max(0, query.offset)
        if query.after:
            where.add(*_after(ordering, query.after))
            offset = 0
        columns = [column for column, _ in ordering]
        order = ", ".join(f"{column}{' DESC' if is_descending else ''}" for column, is_descending in ordering)
        # One row more than asked for tells whether there is another page.
        found = self._execute(
            f"SELECT body, {', '.join(columns)} FROM {table}{where.where} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608 - as above
            [*where.parameters, limit + 1, offset],
        )
        rows = found[:limit]
        views = tuple(self._view(table, cast("bytes", row[0]), kind) for row in rows)
        has_more = bool(rows) and len(found) > limit
        cursor = cursor_of(ordering, cast("tuple[Value, ...]", rows[-1][1:])) if has_more else ""
        return Page(rows=views, total=0, next=cursor)

    def _view(self, table: str, body: bytes, kind: type[V]) -> V:
        try:
            view = self._tables.codec.decode(_TOPICS[table], body)
        except UnreadableEvent as error:
            self._tables.doubt(self._generation)
            raise TablesUnreadable(f"a row of {table}: {error}") from error
        if not isinstance(view, kind):
            raise TypeError(f"a row of {table} holds {type(view).__name__}")
        return view

    def _execute(self, statement: str, parameters: Sequence[Value]) -> list[tuple[object, ...]]:
        generation = self._tables.generation
        try:
            if self._connection is None or self._generation != generation:
                self.close()
                self._connection, self._generation = self._connected(), generation
            return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0)
            if code & 0xFF in _DAMAGE or code in _CUT or not self._tables.path.exists():
                self._tables.doubt(generation)
            if code & 0xFF in _REFUSED or not self._tables.is_whole:
                raise TablesUnreadable(str(error)) from error
            raise

    def _connected(self) -> sqlite3.Connection:
        # Made and closed by whoever owns the threads, used by one of them.
        uri = f"{self._tables.path.resolve().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


class ColdViews:
    """Point reads of what left memory, for the event loop's thread.

    While the tables are not whole nothing counts as stored, and single views are folded from the journal.

    Args:
        tables: Where it is.
        is_rebuilding: True for who makes them anew: he reads them as far as they are.
    """

    def __init__(self, tables: Tables, *, is_rebuilding: bool = False) -> None:
        self._tables = tables
        self._is_rebuilding = is_rebuilding
        self._reader = TableReader(tables)
        self._journal: JournalReader | None = None

    @property
    def checkpoint(self) -> int:
        """Revision up to which the tables have everything."""
        return self._tables.checkpoint if self._is_told else 0

    def get(self, stream: str, until: int) -> View | None:
        """Read the view of a stream: one row, at once; from the journal as it was at a revision."""
        if entity_of(stream) not in _ENTITIES:
            return None
        if self._is_told:
            try:
                view = self._row(stream)
            except TablesUnreadable:
                if self._is_rebuilding or self._tables.journal is None:
                    raise
            else:
                if self._is_told:  # else it may have been read of a file with nothing in it yet
                    return view
        return self._folded(stream, until)

    @property
    def _is_told(self) -> bool:
        return self._is_rebuilding or self._tables.is_whole

    def _folded(self, stream: str, until: int) -> View | None:
        if self._journal is None:
            if self._tables.journal is None:
                raise TablesUnreadable("the tables are not whole, and there is no journal to read")
            self._journal = self._tables.journal()
        view: View | None = None
        version = 0
        while records := self._journal.stream(stream, after=version, limit=PAGE, until_revision=until):
            for recorded in records:
                view = fold(view, recorded)
            version = records[-1].version
        return None if view is None or is_gone(view) else view

    def _row(self, stream: str) -> View | None:
        match entity_of(stream):
            case "pod":
                return self._reader.pod(id_of(stream))
            case "job":
                return self._reader.job(id_of(stream))
            case "task":
                return self._reader.task(id_of(stream))
            case "worker":
                return self._reader.worker(id_of(stream))
            case _:
                return None

    def pods_to_keep(self) -> Iterator[PodView]:
        """Yield the pods that are not over, and those of owners that are not."""
        return self._reader.pods_to_keep()

    def pods_of(self, owner: str) -> Iterator[PodView]:
        """Yield the pods of an owner. Raises TablesUnreadable."""
        pods = list(self._reader.pods_of(owner)) if self._is_told else []
        if not self._is_told:
            raise TablesUnreadable("the tables are not whole")
        return iter(pods)

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()
        if self._journal is not None:
            self._journal.close()


def job_ordering(query: JobQuery) -> Ordering:
    """Return the columns that a query orders by, the id last."""
    asked = {order.value: is_descending for order, is_descending in query.order[:MAX_ORDERS]}
    last = next(reversed(asked.values()), True)
    return [*asked.items(), ("id", last)]


def pod_ordering(query: PodQuery) -> Ordering:
    """Return the columns that a query orders by, then instance and id."""
    asked = {order.value: is_descending for order, is_descending in query.order[:MAX_ORDERS]}
    last = asked.setdefault(PodOrder.INSTANCE.value, False)
    return [*asked.items(), ("id", last)]


def _after(ordering: Ordering, cursor: str) -> tuple[str, *tuple[Value, ...]]:
    text, parameters = beyond(ordering, values_of(cursor, ordering))
    return text, *parameters
