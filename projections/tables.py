"""The file of tables: its schema, who it belongs to, and writing what changed.

1. The file is disposable: it is made from the journal. One that belongs to another journal, has
   another schema, is damaged or is ahead of the journal is removed and made anew.
2. A write and the checkpoint that it reaches are one transaction. What is written waits for no disk: if the
   machine ends before the disk has it, any page may be missing, unseen. So the file says in which run of
   the machine it was written, and in another one it is made anew, unless it was closed: then it is on disk.
3. One thread writes. Readers have connections of their own (projections/listing.py). A reader that finds
   the file damaged says so (`doubt`): it is removed at once, so that the next start has none, and made anew
   by the writer. Until that is done, what is not found in it may be in the journal.
4. Tasks and workers have rows when they are over: until then they are in memory, and nothing is asked of a
   table. A worker may live again: then its row tells of the time before.
5. `job_names` remembers every id ever used under a name, also of jobs that were deleted or have another
   name now.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from events.codec import Codec
from events.job import JobSpec
from events.pod import PodSpec
from projections.indexes import ALWAYS, INDEXES, Wanted
from projections.jobs import JobName, JobView
from projections.pods import PodView
from projections.reading import JournalReader
from projections.rows import JOB_COLUMNS, POD_COLUMNS, TASK_COLUMNS, WORKER_COLUMNS, Row, Rows, Texts
from projections.tasks import TaskView
from projections.view import TOPICS, View, is_gone, is_over
from projections.workers import WorkerView

SCHEMA = 9
"""Raised with every change of tables, columns or the views that bodies hold."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Where Linux names the present run of the machine."""

NO_TEXTS: Texts = MappingProxyType({})

CLOSED = "closed"
"""Stands for the run of the machine when the disk has everything."""

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
    yield (
        "CREATE TABLE meta (identity TEXT NOT NULL, schema INTEGER NOT NULL, checkpoint INTEGER NOT NULL,"
        " boot TEXT NOT NULL)"
    )
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
    yield "CREATE TABLE workers (id TEXT PRIMARY KEY NOT NULL, revision INTEGER, body BLOB)"
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
        boot: Name of the present run of the machine; asked for when not given.
    """

    def __init__(
        self,
        path: Path,
        *,
        identity: str,
        head: int,
        codec: Codec | None = None,
        texts: Texts = NO_TEXTS,
        boot: str | None = None,
    ) -> None:
        self.path = path
        self.codec = views_codec() if codec is None else codec
        self._identity = identity
        self._is_signed = False
        """True when the file on disk names the present run of the machine: before anything is written."""
        self._boot = _boot_id() if boot is None else boot
        self._rows = Rows(self.codec, texts)
        self._generation = 0
        self.indexes = Wanted()
        """Indexes that queries ask for."""
        self.is_damaged = False
        """True when a reader could not read it, until it is made anew."""
        self.is_whole = True
        """False while it holds less than it did, or cannot be read."""
        self.on_doubt: Callable[[], object] = lambda: None
        """Called, on any thread, when a reader has found damage."""
        self.journal: Callable[[], JournalReader] | None = None
        """Makes a reader of the journal, for who has to be answered while this is not whole."""
        try:
            self._connection = _connected(path)
            self._checkpoint, written = _found_in(self._connection, identity)
            if written not in (self._boot, CLOSED):
                self._checkpoint = -1
            self._is_signed = written == self._boot
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

    def doubt(self, generation: int) -> None:
        """Take note, on any thread, that the file of a generation cannot be read; it is removed."""
        if generation == self._generation and not self.is_damaged:
            self.is_whole = False
            self.is_damaged = True
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
            self.on_doubt()

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
        self._connection.execute("INSERT INTO meta VALUES (?, ?, 0, ?)", (self._identity, SCHEMA, self._boot))
        self._is_signed = True
        self._connection.execute("COMMIT")
        self.indexes.found(self._connection)
        self._checkpoint = 0
        self._generation += 1
        self.is_damaged = False

    def write(self, views: Iterable[View], checkpoint: int, *, former_names: Iterable[JobName] = ()) -> None:
        """Store the newest view of each entity that changed, all up to the checkpoint.

        `former_names` are those that no view tells any more. Raises sqlite3.Error, and then nothing was
        stored.
        """
        jobs: list[JobView] = []
        pods: list[PodView] = []
        tasks: list[TaskView] = []
        workers: list[WorkerView] = []
        for view in views:
            match view:
                case JobView():
                    jobs.append(view)
                case PodView():
                    pods.append(view)
                case TaskView():
                    if is_over(view):
                        tasks.append(view)
                case WorkerView():
                    if is_over(view):
                        workers.append(view)
                case _:
                    pass  # hosts are few and always in memory: nothing is asked of a table
        if not self._is_signed:
            self._sign(self._boot)
            self._is_signed = True
        self._connection.execute("BEGIN")
        try:
            self.indexes.make(self._connection)
            self._write_jobs(jobs)
            self._write_names(chain(former_names, (_name_of(job) for job in jobs)))
            self._write_pods(pods)
            self._write_tasks(tasks)
            self._upsert("workers", WORKER_COLUMNS, [self._rows.worker(worker) for worker in workers])
            self._connection.execute("UPDATE meta SET checkpoint = ?", (checkpoint,))
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
                self.indexes.lost(self._connection)
            raise
        self._checkpoint = checkpoint

    def close(self) -> None:
        """Have the disk take all that was written, and close the writer's connection."""
        if self._is_signed and self.is_whole:
            with suppress(sqlite3.Error):  # then it is made anew, if the machine ends
                self._sign(self._boot)
                self._sign(CLOSED)
        self._connection.close()

    def _sign(self, boot: str) -> None:
        """Note the run of the machine in the file, and have all of the file on disk. Raises sqlite3.Error."""
        self._connection.execute("PRAGMA synchronous = FULL")
        try:
            self._connection.execute("UPDATE meta SET boot = ?", (boot,))
            ((is_busy, _, _),) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._connection.execute("PRAGMA synchronous = OFF")
        if is_busy:
            raise sqlite3.OperationalError("readers keep the log from being written back")

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


def _found_in(connection: sqlite3.Connection, identity: str) -> tuple[int, str]:
    """Return checkpoint and run of the machine; -1 when the file is not of this journal and schema."""
    found = connection.execute("SELECT identity, schema, checkpoint, boot FROM meta").fetchall()
    match found:
        case [(str(owner), int(schema), int(checkpoint), str(boot))] if (owner, schema) == (identity, SCHEMA):
            return checkpoint, boot
        case _:
            return -1, ""


def _boot_id() -> str:
    """Return the name of the present run of the machine, empty where it has none."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""
