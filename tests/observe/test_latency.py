"""Histograms of the time that a child was waited for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.observe.latency import BOUNDS, MINUTES, NO_MESSAGES, LatencyRing


@given(st.floats(BOUNDS[0], BOUNDS[-1]))
def test_a_quantile_is_at_most_a_fifth_off(seconds: float) -> None:
    ring = LatencyRing()
    ring.add(seconds, 100)
    assert ring.total(100).p50 == pytest.approx(seconds, rel=0.2)


def test_quantiles() -> None:
    ring = LatencyRing()
    for _ in range(94):
        ring.add(0.01, 5)
    for _ in range(6):
        ring.add(2.0, 5)
    hour = ring.total(5)
    assert hour.messages == 100
    assert hour.p50 == pytest.approx(0.01, rel=0.2)
    assert hour.p95 == pytest.approx(2.0, rel=0.2)


@pytest.mark.parametrize(("seconds", "bound"), [(0.0, BOUNDS[0]), (1e9, BOUNDS[-1])])
def test_what_is_outside_counts_as_the_nearest_step(seconds: float, bound: float) -> None:
    ring = LatencyRing()
    ring.add(seconds, 1)
    assert ring.total(1).p95 == pytest.approx(bound, rel=0.2)


def test_a_series_has_every_minute_of_the_hour() -> None:
    ring = LatencyRing()
    for minute in (100, 100, 130, 159):
        ring.add(0.1, minute)
    series = ring.series(159)
    assert len(series) == MINUTES
    assert {place: one.messages for place, one in enumerate(series) if one is not NO_MESSAGES} == {
        0: 2,
        30: 1,
        59: 1,
    }
    assert ring.series(160)[29].messages == 1
    assert ring.total(159).messages == 4
    assert ring.total(160).messages == 2


def test_without_messages() -> None:
    ring = LatencyRing()
    assert ring.total(1) is NO_MESSAGES
    assert set(ring.series(1)) == {NO_MESSAGES}


def test_it_keeps_an_hour() -> None:
    ring = LatencyRing()
    for minute in range(1000):
        ring.add(0.1, minute)
    assert len(ring._minutes) == MINUTES
