"""The quantum engine: reads, checks and runs quantum programmes; an optional extra.

1. This module and `refusals` import nothing of the extra, so that a server without it can say so.
"""

from importlib.util import find_spec

_NEEDED = ("cryptography", "nacl", "numpy", "quil")


def missing_extra() -> str:
    """Answer why there is no quantum engine here; empty when there is one."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if not missing:
        return ""
    return f"the quantum engine is not installed (no {', '.join(missing)}): pip install 'polyplane[quantum]'"
