"""The quantum engine as a worker of the server: `python -m actors.effects.quantum.worker` in a pod.

1. Everything that a task needs is imported before the worker says that it is ready.
2. One thread: a machine has as many workers as it has slots.
"""

import os
import sys
import time
from collections.abc import Callable

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is imported, below

from actors.effects.channel.worker import TaskRefused, WorkerEnd
from actors.effects.quantum.order import Order
from actors.effects.quantum.patches import check_patches
from actors.effects.quantum.program import compile_program
from actors.effects.quantum.refusals import JobRefused, ProgramFailed
from actors.effects.quantum.run import run


def work(body: bytes, released: Callable[[], None]) -> bytes:
    """Run an order, and answer its result as bytes.

    Raises:
        TaskRefused: when the programme is refused or fails by its own fault.
        ValueError: when the body is no order.
    """
    begin = time.monotonic()
    order = Order.from_bytes(body)
    try:
        program = compile_program(order.quil, max_qubits=order.max_qubits)
        patches = dict(order.patches)
        check_patches(program.declarations, patches)
        result = run(program, shots=order.shots, patches=patches, seed=order.seed)
    except (JobRefused, ProgramFailed) as error:
        raise TaskRefused(str(error)) from None
    finally:
        left = begin + order.hold_us / 1e6 - time.monotonic()
        if left > 0:
            time.sleep(left)
    released()
    return result.to_bytes()


def main() -> int:
    """Serve until the server is gone."""
    try:
        end = WorkerEnd(os.environ)
    except (KeyError, OSError) as error:
        print(f"not started as a worker of a server: {error!r}", file=sys.stderr)  # noqa: T201 what its log is for
        return 2
    end.serve(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
