"""The whole server on one deterministic scheduler, with faults: for tests, and for whoever reads a seed.

`simulation.py` puts it together and runs one seed. What it consists of:

- `loop.py`: the event loop, its virtual time and its seeded choices.
- `ground.py`: the plane's ground as steps of that loop: writer, projector, readers, clock, chance.
- `hosts.py`: the hosts, which outlive servers and never start a run twice.
- `sockets.py`, `functions.py`: Unix sockets in memory, and the function processes that are behind them.
- `network.py`: calls as bytes to the real servicers and back, with crashes in between.
- `server.py`: one server after another over the same journal.
- `pace.py`: how long things take, in all of these.
- `clients.py`, `wishes.py`, `watchers.py`: who calls, what for, and who watches; `submitters.py` and
  `callers.py` queue jobs and call functions. `person.py` is what they have in common.
- `trouble.py`: what goes wrong, and when.
- `books.py`: the journal as it is read by nobody but the laws; `laws.py`: what must hold;
  `task_book.py`, `call_book.py`: the same of tasks and of calls.
- `story.py`: what happened, in order.
"""
