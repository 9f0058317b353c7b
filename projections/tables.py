"""The file of tables: its schema, who it belongs to, and writing what changed.

1. The file is disposable: it is made from the journal. One that belongs to another journal, has
   another schema, is damaged or is ahead of the journal is removed and made anew.
2. A write and the checkpoint that it reaches are one transaction; the disk may lose the newest.
3. One thread writes. Readers have connections of their own (projections/listing.py).
4. Tasks have rows when they are over: until then they are in memory, and nothing is asked of a table.
5. `job_names` remembers every id ever used under a name, also of jobs that were deleted or have another
   name now.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from events.codec import Codec
from events.job import JobSpec
from events.pod import PodSpec
from projections.indexes import ALWAYS, INDEXES, Wanted
from projections.jobs import JobName, JobView
from projections.pods import PodView
from projections.rows import JOB_COLUMNS, POD_COLUMNS, TASK_COLUMNS, Row, Rows, Texts
from projections.tasks import TaskView
from projections.view import TOPICS, View, is_gone, is_over

SCHEMA = 7
"""Raised with every change of tables, columns or the views that bodies hold."""

NO_TEXTS: Texts = MappingProxyType({})

PRAGMAS = (
    "page_size = 16384",  # bytes, of a file that is made anew: a write has many rows behind each other
    "journal_mode = WAL",
    "synchronous = OFF",
    "cache_size = -32768",
    "temp_store = MEMORY",
)

CHUNKS = (64, 8, 1)
"""Rows per statement: one statement is one release of the interpreter's lock, so few are better."""


def _schema() -> Iterable[str]:
    yield "CREATE TABLE meta (identity TEXT NOT NULL, schema INTEGER NOT NULL, checkpoint INTEGER NOT NULL)"
    yield (
        "CREATE TABLE jobs (id TEXT PRIMARY KEY NOT NULL, revision INTEGER, created_at INTEGER,"
        " ended_at INTEGER, name TEXT, owner TEXT, phase TEXT, instance_count INTEGER, pool TEXT,"
        " keywords TEXT, body BLOB)"
    )
    yield "CREATE TABLE job_labels (job TEXT, key TEXT, value TEXT)"
    yield "CREATE INDEX job_labels_by_job ON job_labels (job)"
    yield (
        "CREATE TABLE job_names (name TEXT, created_at INTEGER, job TEXT,"
        " PRIMARY KEY (name, created_at, job)) WITHOUT ROWID"
    )
    yield (
        "CREATE TABLE pods (id TEXT PRIMARY KEY NOT NULL, revision INTEGER, owner TEXT, instance INTEGER,"
        " phase TEXT, is_over INTEGER, goal TEXT, run_at INTEGER, started_at INTEGER, host TEXT,"
        " message TEXT, name TEXT, reason TEXT, body BLOB)"
    )
    yield (
        "CREATE TABLE tasks (id TEXT PRIMARY KEY NOT NULL, revision INTEGER, worker TEXT, principal TEXT,"
        " phase TEXT, queued_at INTEGER, ended_at INTEGER, body BLOB)"
    )
    for name in ALWAYS:
        yield f"CREATE INDEX {name} ON {INDEXES[name]}"


def views_codec() -> Codec:
    """Return the codec of bodies."""
    return Codec(tables=[TOPICS], interned=(PodSpec, JobSpec))


class Tables:
    """The file and its writer.

    Args:
        path: Of the file; its folder exists.
        identity: Of the journal that it is made from.
        head: The journal's highest revision.
        codec: Of bodies (`views_codec`); made when not given.
        texts: Reads what is searched in attachments.
    """

    def __init__(
        self, path: Path, *, identity: str, head: int, codec: Codec | None = None, texts: Texts = NO_TEXTS
    ) -> None:
        self.path = path
        self.codec = views_codec() if codec is None else codec
        self._identity = identity
        self._rows = Rows(self.codec, texts)
        self._generation = 0
        self.indexes = Wanted()
        """Indexes that queries ask for."""
        try:
            self._connection = _connected(path)
            self._checkpoint = _checkpoint_of(self._connection, identity)
            self.indexes.found(self._connection)
        except sqlite3.DatabaseError:
            self._checkpoint = -1
        if not 0 <= self._checkpoint <= head:
            self.reset()

    @property
    def checkpoint(self) -> int:
        """Revision up to which the tables have everything."""
        return self._checkpoint

    @property
    def generation(self) -> int:
        """How often the file was made anew: readers connect again when it moves."""
        return self._generation

    def reset(self) -> None:
        """Remove the file and make it anew, with nothing in it."""
        if hasattr(self, "_connection"):
            self._connection.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._connection = _connected(self.path)
        self._connection.execute("BEGIN")
        for statement in _schema():
            self._connection.execute(statement)
        self._connection.execute("INSERT INTO meta VALUES (?, ?, 0)", (self._identity, SCHEMA))
        self._connection.execute("COMMIT")
        self.indexes.found(self._connection)
        self._checkpoint = 0
        self._generation += 1

    def write(self, views: Iterable[View], checkpoint: int, *, former_names: Iterable[JobName] = ()) -> None:
        """Store the newest view of each entity that changed, all up to the checkpoint.

        `former_names` are those that no view tells any more. Raises sqlite3.Error, and then nothing was
        stored.
        """
        jobs: list[JobView] = []
        pods: list[PodView] = []
        tasks: list[TaskView] = []
        for view in views:
            match view:
                case JobView():
                    jobs.append(view)
                case PodView():
                    pods.append(view)
                case TaskView():
                    if is_over(view):
                        tasks.append(view)
                case _:
                    pass  # hosts and workers are few and always in memory: nothing is asked of a table
        self._connection.execute("BEGIN")
        try:
            self.indexes.make(self._connection)
            self._write_jobs(jobs)
            self._write_names(chain(former_names, (_name_of(job) for job in jobs)))
            self._write_pods(pods)
            self._write_tasks(tasks)
            self._connection.execute("UPDATE meta SET checkpoint = ?", (checkpoint,))
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
                self.indexes.lost(self._connection)
            raise
        self._checkpoint = checkpoint

    def close(self) -> None:
        """Close the writer's connection."""
        self._connection.close()

    # ------------------------------------------------------------ rows

    def _write_jobs(self, jobs: Sequence[JobView]) -> None:
        self._delete("job_labels", "job", [job.id for job in jobs])
        self._delete("jobs", "id", [job.id for job in jobs if is_gone(job)])
        live = [job for job in jobs if not is_gone(job)]
        self._upsert("jobs", JOB_COLUMNS, [self._rows.job(job) for job in live])
        self._connection.executemany(
            "INSERT INTO job_labels VALUES (?, ?, ?)",
            [(job.id, key, value) for job in live for key, value in dict.fromkeys(job.spec.labels)],
        )

    def _write_names(self, names: Iterable[JobName]) -> None:
        self._connection.executemany("INSERT OR IGNORE INTO job_names VALUES (?, ?, ?)", names)

    def _write_pods(self, pods: Sequence[PodView]) -> None:
        self._delete("pods", "id", [pod.id for pod in pods if is_gone(pod)])
        self._upsert("pods", POD_COLUMNS, [self._rows.pod(pod) for pod in pods if not is_gone(pod)])

    def _write_tasks(self, tasks: Sequence[TaskView]) -> None:
        self._delete("tasks", "id", [task.id for task in tasks if is_gone(task)])
        self._upsert("tasks", TASK_COLUMNS, [self._rows.task(task) for task in tasks if not is_gone(task)])

    def _delete(self, table: str, column: str, values: Sequence[str]) -> None:
        if values:
            statement = f"DELETE FROM {table} WHERE {column} = ?"  # noqa: S608 - names of our own
            self._connection.executemany(statement, [(value,) for value in values])

    def _upsert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        start = 0
        for size in CHUNKS:
            statement = _upsert_statement(table, columns, size)
            while len(rows) - start >= size:
                chunk = rows[start : start + size]
                self._connection.execute(statement, tuple(chain.from_iterable(chunk)))
                start += size


def _name_of(job: JobView) -> JobName:
    """Return the name that a job has now."""
    return JobName(job.spec.name, job.created_at, job.id)


def _upsert_statement(table: str, columns: Sequence[str], rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - as above
        f" ON CONFLICT (id) DO UPDATE SET {changes}"
    )


def _connected(path: Path) -> sqlite3.Connection:
    # Made on the thread that starts the server, then used by the projector's alone.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _checkpoint_of(connection: sqlite3.Connection, identity: str) -> int:
    """Return the checkpoint, -1 when the file is not of this journal and schema."""
    found = connection.execute("SELECT identity, schema, checkpoint FROM meta").fetchall()
    match found:
        case [(str(owner), int(schema), int(checkpoint))] if owner == identity and schema == SCHEMA:
            return checkpoint
        case _:
            return -1
