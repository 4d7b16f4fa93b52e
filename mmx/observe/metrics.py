"""The metrics for Prometheus: a registry of prometheus-client that is read when somebody scrapes.

Counters and histograms are the numbers of mmx.observe.tally; what is true at a moment is asked for at the
scrape (`Reading`), so it is neither kept by hand nor ever stale. Mail pays for neither.

docs/reference/metrics.md has every metric; FAMILIES is the same list.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from mmx.observe.tally import BOUNDS, WAITED_FOR, ChildTally, Counts, Durations, Tally

FAMILIES: Final[Mapping[str, tuple[str, str]]] = {
    "mmx_build_info": ("gauge", "Always 1; the labels say what runs."),
    "mmx_sessions": ("counter", "Connections of the MTA that were accepted."),
    "mmx_sessions_active": ("gauge", "Connections of the MTA that are open."),
    "mmx_probes": ("counter", "Connections that ended without a word, such as those of a port check."),
    "mmx_messages": ("counter", "Messages, and clients refused before their first one, by verdict."),
    "mmx_message_bytes": ("counter", "Bytes of body received."),
    "mmx_child_up": ("gauge", "1 if the child shook hands when it was last tried, else 0."),
    "mmx_child_taken_out": ("gauge", "1 if somebody has disabled or drained the child, else 0."),
    "mmx_child_sessions_active": ("gauge", "Sessions with a connection to the child."),
    "mmx_child_oldest_wait_seconds": ("gauge", "How long the longest wait for the child has lasted by now."),
    "mmx_child_verdicts": ("counter", "Verdicts of the child by the command at which it gave them."),
    "mmx_child_skipped": ("counter", "Messages that the child did not see, by what kept them from it."),
    "mmx_child_failures": ("counter", "Failures of the child by the step at which it failed and the reason."),
    "mmx_default_action": ("counter", "Messages that took the child's default action because it failed."),
    "mmx_child_duration_seconds": ("histogram", "How long the child was waited for, a message and stage."),
    "mmx_child_edits": ("counter", "Edits of the child that went to the MTA."),
    "mmx_quarantined": ("counter", "Messages that the MTA was told to hold for the child's sake."),
    "mmx_observed_verdicts": ("counter", "What children that only observe said of messages."),
    "mmx_spool_bytes": ("gauge", "Bytes of messages kept in memory and in the spool."),
    "mmx_spool_limit_bytes": ("gauge", "Bytes at which new messages are refused."),
    "mmx_event_loop_lag_seconds": ("gauge", "The longest delay of the event loop in the last minute."),
    "mmx_config_last_reload_successful": ("gauge", "1 if the last reload took its settings, else 0."),
    "mmx_config_last_reload_success_timestamp_seconds": ("gauge", "When settings were last taken."),
}
"""Name without the ending of counters, to type and help."""

_CHILD_COUNTERS: Final[Mapping[str, Callable[[ChildTally], Counts]]] = {
    "mmx_child_verdicts": lambda child: child.verdicts,
    "mmx_child_skipped": lambda child: child.skipped,
    "mmx_child_failures": lambda child: child.failures,
    "mmx_default_action": lambda child: child.default_actions,
    "mmx_child_edits": lambda child: child.edits,
    "mmx_quarantined": lambda child: child.quarantined,
}

_LE: Final = (*map(floatToGoString, BOUNDS), "+Inf")


@dataclass(frozen=True, slots=True)
class ChildReading:
    """A child at one moment."""

    up: bool
    taken_out: bool = False
    sessions: int = 0
    oldest_wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The daemon at one moment. Children that observe are among the others, but not in the chain."""

    version: str = ""
    sessions: int = 0
    spool_bytes: int = 0
    spool_limit: int = 0
    loop_lag: float = 0.0
    settings_good: bool = True
    settings_taken_at: float = 0.0
    children: Mapping[str, ChildReading] = field(default_factory=dict)


class MmxCollector(Collector):
    """All metrics of the process, as they are when it is asked."""

    def __init__(self, tally: Tally, read: Callable[[], Reading]) -> None:
        self._tally = tally
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Every family, whether anything happened or not."""
        reading = self._read()
        yield from self._gauges(reading)
        yield from _of_children(reading.children)
        yield from self._counters()
        for name, counts_of in _CHILD_COUNTERS.items():
            yield _counter(name, map(counts_of, self._tally.children.values()))
        yield _counter("mmx_observed_verdicts", self._tally.observed.values())
        yield _durations(self._tally.children)

    @staticmethod
    def _gauges(reading: Reading) -> Iterator[Metric]:
        build = _family("mmx_build_info")
        build.add_sample(build.name, {"version": reading.version, "python": platform.python_version()}, 1)
        yield build
        for name, value in (
            ("mmx_sessions_active", reading.sessions),
            ("mmx_spool_bytes", reading.spool_bytes),
            ("mmx_spool_limit_bytes", reading.spool_limit),
            ("mmx_event_loop_lag_seconds", reading.loop_lag),
            ("mmx_config_last_reload_successful", reading.settings_good),
            ("mmx_config_last_reload_success_timestamp_seconds", reading.settings_taken_at),
        ):
            gauge = _family(name)
            gauge.add_sample(name, {}, value)
            yield gauge

    def _counters(self) -> Iterator[Metric]:
        tally = self._tally
        for name, value in (
            ("mmx_sessions", tally.sessions),
            ("mmx_probes", tally.probes),
            ("mmx_message_bytes", tally.message_bytes),
        ):
            counter = _family(name)
            counter.add_sample(f"{name}_total", {}, value)
            yield counter
        yield _counter("mmx_messages", (tally.messages,))


def registry(tally: Tally, read: Callable[[], Reading]) -> CollectorRegistry:
    """A registry of these metrics and no others; `read` is called at each scrape."""
    made = CollectorRegistry(auto_describe=False)
    made.register(MmxCollector(tally, read))
    return made


def _family(name: str) -> Metric:
    kind, text = FAMILIES[name]
    return Metric(name, text, kind)


def _counter(name: str, several: Iterable[Counts]) -> Metric:
    counter = _family(name)
    total = f"{name}_total"
    for counts in several:
        for labels, number in zip(counts.labels, counts.numbers.values(), strict=True):
            counter.add_sample(total, labels, number)  # type: ignore[arg-type]  # it does not change them
    return counter


def _of_children(children: Mapping[str, ChildReading]) -> Iterator[Metric]:
    up = _family("mmx_child_up")
    out = _family("mmx_child_taken_out")
    sessions = _family("mmx_child_sessions_active")
    waits = _family("mmx_child_oldest_wait_seconds")
    for name, child in children.items():
        labels = {"child": name}
        up.add_sample(up.name, labels, child.up)
        out.add_sample(out.name, labels, child.taken_out)
        sessions.add_sample(sessions.name, labels, child.sessions)
        waits.add_sample(waits.name, labels, child.oldest_wait)
    return iter((up, out, sessions, waits))


def _durations(children: Mapping[str, ChildTally]) -> Metric:
    histogram = _family("mmx_child_duration_seconds")
    for name, child in children.items():
        for code, stage in WAITED_FOR.items():
            _add_histogram(histogram, {"child": name, "stage": stage}, child.durations[code])
    return histogram


def _add_histogram(histogram: Metric, labels: dict[str, str], durations: Durations) -> None:
    below = 0
    for le, number in zip(_LE, durations.steps, strict=True):
        below += number
        histogram.add_sample(f"{histogram.name}_bucket", {**labels, "le": le}, below)
    histogram.add_sample(f"{histogram.name}_count", labels, below)
    histogram.add_sample(f"{histogram.name}_sum", labels, durations.seconds)
