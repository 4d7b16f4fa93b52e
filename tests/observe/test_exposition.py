"""The writers of prometheus-client are the oracle."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mmx.observe import exposition
from mmx.observe.exposition import Exposition


class Given(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    kind = draw(st.sampled_from(["counter", "gauge", "histogram"]))
    metric = Metric(draw(st.sampled_from(["mmx_a", "mmx_b_seconds"])), "What it is.", kind)
    ending = {"counter": "_total", "gauge": "", "histogram": "_bucket"}[kind]
    numbers = st.integers(0, 10**12) | st.floats(0, 1e18) | st.just(float("inf")) | st.booleans()
    for child, number in draw(st.dictionaries(st.text(max_size=5), numbers, max_size=4)).items():
        metric.add_sample(metric.name + ending, {"child": child, "at": "EOM"} if child else {}, number)
    return metric


@given(st.lists(metrics(), max_size=4))
def test_the_text_is_that_of_prometheus_client(given_metrics: list[Metric]) -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Given(given_metrics))
    openmetrics, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
    writer = Exposition()
    for _ in range(2):
        assert writer.plain(given_metrics) == generate_latest(registry)
        assert writer.openmetrics(given_metrics) == openmetrics(registry)


def test_series_that_are_gone_are_forgotten_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "MOST_SERIES", 2)
    writer = Exposition()
    for child in "abcd":
        metric = Metric("mmx_a", "What.", "gauge")
        metric.add_sample("mmx_a", {"child": child}, 1)
        assert f'mmx_a{{child="{child}"}} 1.0\n'.encode() in writer.plain([metric])
    assert len(writer._series) <= 3
