"""Old forms of the events of events/task.py, each brought one schema number further.

1. A key is the old topic; its function turns a body of that topic into one of the next number.
2. Functions are pure, and never changed once released.
"""

from collections.abc import Mapping
from types import MappingProxyType

from events.codec.upcasters.chain import Upcast

UPCASTERS: Mapping[str, Upcast] = MappingProxyType({})
"""Empty: every topic is still at its first form."""
