"""What a benchmark counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.tools.bench.tally import Latencies, Result, Tally


@given(st.lists(st.floats(1e-5, 1e3), min_size=1, max_size=300), st.sampled_from([1, 50, 90, 95, 99, 100]))
def test_percentiles_are_right_to_one_per_cent(values: list[float], percent: int) -> None:
    latencies = Latencies()
    for value in values:
        latencies.add(value)
    exact = sorted(values)[max(-(-len(values) * percent // 100) - 1, 0)]
    assert latencies.percentile(percent) == pytest.approx(exact, rel=0.011)
    assert latencies.count == len(values)
    assert (latencies.least, latencies.greatest) == (min(values), max(values))


def test_memory_does_not_grow_with_the_number_of_values() -> None:
    latencies = Latencies()
    for number in range(20_000):
        latencies.add(0.001 + number / 1e7)
    assert len(latencies._buckets) < 200


def test_no_value_has_percentiles_too() -> None:
    assert Latencies().percentile(99) == 0
    latencies = Latencies()
    latencies.add(0.0)
    assert latencies.percentile(50) == 0


def test_values_of_a_range_are_counted() -> None:
    latencies = Latencies()
    for value in (0.001, 0.002, 0.004):
        latencies.add(value)
    assert [latencies.between(0, 0.0015), latencies.between(0.0015, 1)] == [1, 2]


def test_a_tally_knows_verdicts_and_failures() -> None:
    tally = Tally()
    tally.add(Result("accept", seconds=0.5, refused=1))
    tally.add(Result("reject", seconds=0.1))
    tally.add(Result(failure="timeout", detail="first"))
    tally.add(Result(failure="timeout", detail="second"))
    tally.end_round(2, 0.5)
    tally.end_round(0, 0.5)
    assert (tally.done, tally.refused) == (4, 1)
    assert tally.verdicts == {"accept": 1, "reject": 1}
    assert (tally.failures, tally.details) == ({"timeout": 2}, {"timeout": "first"})
    assert (tally.rate, tally.rates) == (2.0, [4.0])
    assert tally.messages.count == 2


def test_kinds_of_failures_are_bounded() -> None:
    tally = Tally()
    for number in range(100):
        tally.add(Result(failure=f"kind {number}", detail="x" * 10_000))
    assert len(tally.failures) <= 21
    assert tally.done == 100
    assert max(map(len, tally.details.values())) <= 300
