"""What the server counts about itself.

1. Everything is in one registry of this server's, none of it in the library's global one.
2. A call costs one counter and one sum; the rest is read when somebody asks.
3. `plane.metrics()` names gauges without the prefix; a name that ends in `_total` is a counter.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

PREFIX = "polyplane_"
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latencies that are told apart, in seconds."""

KERNEL: Mapping[str, str] = {
    "revision": "Revision of the last commit that views have seen.",
    "lists_lag_revisions": "Revisions by which the tables behind lists are behind.",
    "actors": "Actors in memory.",
    "views": "Views in memory.",
    "appends_waiting": "Appends that wait for their commit.",
    "sends_waiting": "Commands between entities that are not delivered yet.",
    "timers": "Timers that are armed.",
    "pods_without_host": "Pods that wait for a host.",
    "watchers": "Watches that are open.",
    "commits_total": "Commits of the journal.",
    "commit_events_total": "Events in those commits.",
}
"""Names that the kernel may tell, and what they mean; one that is not here is told without a text."""


class Calls(Collector):
    """Counts calls by method and code, and how long they took.

    The library's own counters take locks and search their buckets one by one; these are of one thread,
    the event loop's, and whoever reads them may be a call behind.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._methods: dict[str, _Method] = {}
        registry.register(self)

    def method(self, path: str) -> Callable[[str, float], None]:
        """What counts one method's calls, by their code and seconds."""
        return self._methods.setdefault(path, _Method()).tally

    def collect(self) -> Iterable[Metric]:
        """The times and the counts of all methods that were called."""
        seconds = HistogramMetricFamily(
            f"{PREFIX}call_seconds",
            "Time from a call's arrival to its end, streams included.",
            labels=("method",),
        )
        calls = CounterMetricFamily(
            f"{PREFIX}calls", "Calls that ended, by method and code.", labels=("method", "code")
        )
        for path, method in sorted(self._methods.items()):
            if method.codes:
                bounds = (*map(floatToGoString, BUCKETS), "+Inf")
                counts = zip(bounds, accumulate(method.buckets), strict=True)
                seconds.add_metric((path,), list(counts), method.seconds)
            for code, count in sorted(method.codes.items()):
                calls.add_metric((path, code), count)
        yield seconds
        yield calls


class _Method:
    """What is known of the calls of one method."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0

    def tally(self, code: str, elapsed: float) -> None:
        """Count a call."""
        self.codes[code] = self.codes.get(code, 0) + 1
        self.buckets[bisect_left(BUCKETS, elapsed)] += 1
        self.seconds += elapsed


class KernelGauges(Collector):
    """Reads what the kernel tells when the page is asked for."""

    def __init__(self, read: Callable[[], Mapping[str, float]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """One metric for each name that the kernel tells."""
        for name, value in sorted(self._read().items()):
            text = KERNEL.get(name, name.replace("_", " "))
            if name.endswith("_total"):
                yield CounterMetricFamily(f"{PREFIX}{name.removesuffix('_total')}", text, value=value)
            else:
                yield GaugeMetricFamily(PREFIX + name, text, value=value)
