"""Resident memory of one more live idle entity, in kilobytes (1024 bytes).

1. A live idle entity is a simulated pod that runs, with its actor and its hot view, as they are after a
   start of the server: filled from the journal of jobs of 100 pods each, of which a part is the jobs'.
2. Two processes do that, for few pods and for 100 000 more; what they have resident of their own (USS) is
   subtracted, and divided by the difference. Engines, hosts and tables are left out.
3. The figure stands where the other rows have their ratio.
"""

import gc
import sys
import tempfile
from pathlib import Path

from bench import lives, servers
from bench.ratio import Measure, Result, of_rounds, tell
from bench.recovery import Memory
from bench.scale import FULL, Scale
from events.journal import Journal
from protocol.vocabulary import journal_codec

MEASURE = Measure(
    name="resident KB of one more live idle entity of 100 k", at_least=3, goal=2, lower_is_better=True
)
FEW = 1000
"""Pods in the smaller process."""


def measure(scale: Scale = FULL) -> Result:
    """Measure both processes."""
    life = lives.running()
    own_kb: list[int] = []
    for pods in (FEW, FEW + scale.entities):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "journal.sqlite"
            lives.write(file, pods // lives.PODS, life)
            own_kb.append(int(servers.alone("bench.memory", file)))
            tell(MEASURE, len(own_kb) - 1, f"{pods} pods: {own_kb[-1]} KB")
    return of_rounds(MEASURE, [(own_kb[1] - own_kb[0]) / scale.entities])


def own_kb_of(file: Path) -> int:
    """Return the kilobytes that this process has for itself once it has a journal in memory."""
    journal = Journal.open(file, journal_codec())
    memory = Memory(journal)
    memory.fill()
    gc.collect()
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    own = sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))
    assert len(memory.hot) == len(memory.kernel.directory)
    return own


if __name__ == "__main__":
    print(own_kb_of(Path(sys.argv[1])))
