"""The journal: append, read, snapshot; blobs and the data directory beside it."""

from events.journal.append import Append, Entry, Failure, Outcome
from events.journal.blobs import BlobMissing, BlobRef, Blobs, FileBlobs, MemoryBlobs
from events.journal.committer import Committer, Full
from events.journal.directory import DataDirectory, Locked, UnusableDirectory
from events.journal.journal import Journal
from events.journal.memory import Fault, MemoryRecorder
from events.journal.reader import Reader
from events.journal.sqlite import SQLiteRecorder
from events.journal.store import Snapshot, UnreadableJournal
from events.journal.writer import Appender, OnOutcomes, SteppedWriter, Writer

__all__ = [
    "Append",
    "Appender",
    "BlobMissing",
    "BlobRef",
    "Blobs",
    "Committer",
    "DataDirectory",
    "Entry",
    "Failure",
    "Fault",
    "FileBlobs",
    "Full",
    "Journal",
    "Locked",
    "MemoryBlobs",
    "MemoryRecorder",
    "OnOutcomes",
    "Outcome",
    "Reader",
    "SQLiteRecorder",
    "Snapshot",
    "SteppedWriter",
    "UnreadableJournal",
    "UnusableDirectory",
    "Writer",
]
