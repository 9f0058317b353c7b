"""Kill -9 of a process that appends: what it acknowledged is there, and appends are whole."""

import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from events.journal import Committer, Journal
from tests.events.stores import CODEC, ROOT, append, stored

APPENDING = """
import sys
from itertools import count
from pathlib import Path
from events.journal import Committer, Journal
from tests.events.stores import CODEC, append
committer = Committer(Journal.open(Path(sys.argv[1]), CODEC))
for n in count():
    committer.submit(append(f"pod/{n}", [1, 2, 3], reason="x" * (70_000 if n % 7 == 6 else 10)))
    (outcome,) = committer.commit()
    print(outcome.revision, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 20, 150])
def test_what_was_acknowledged_survives(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "journal.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", APPENDING, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acknowledged)]
        process.kill()
        lines += [line for line in process.stdout if line.endswith("\n")]
    told = [int(line) for line in lines]
    with Journal.open(path, CODEC) as journal:
        reader, committer = journal.reader(), Committer(journal)
        records = list(reader.scan())
        assert set(told) <= {record.revision for record in records}
        for _, stream in groupby(records, lambda record: record.stream):
            assert [(record.version, record.is_last) for record in stream] == [
                (1, False),
                (2, False),
                (3, True),
            ]
        (more,) = stored(committer, append("pod/0", [4]))
        assert more.revision > records[-1].revision
        reader.close()
        committer.close()
