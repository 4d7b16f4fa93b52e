"""The report of a benchmark."""

import json
import re

import pytest

from mmx.tools.bench.load import Load, Measured
from mmx.tools.bench.tally import Result, Tally
from mmx.tools.bench.text import ROWS, as_object, duration, report

LOAD = Load(4, 2)


def tally(*seconds: float, rate: float = 100.0, failures: int = 0) -> Tally:
    made = Tally()
    for each in seconds:
        made.add(Result("accept", seconds=each))
        made.openings.add(each / 10)
    for _ in range(failures):
        made.add(Result(failure="timeout", detail="no answer\x1b[2J"))
    made.seconds = len(seconds) / rate
    made.rates = [rate]
    return made


def lines(*tallies: Tally, whole: bool = True) -> list[str]:
    measured = Measured(list(tallies), is_whole=whole, cpu=1e9)
    names = ["unix:/a", "inet:127.0.0.1:9"][: len(tallies)]
    return report(names, LOAD, "messages of 1KiB", measured)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 us"),
        (1e-6, "1.00 us"),
        (0.000_25, "250 us"),
        (0.001_234, "1.23 ms"),
        (0.0123, "12.3 ms"),
        (0.123, "123 ms"),
        (1.5, "1.50 s"),
        (1234, "1234 s"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_one_target() -> None:
    told = lines(tally(0.001, 0.002, 0.002, 0.004))
    assert told[0] == "2 sessions at a time, 1 message in each; messages of 1KiB"
    table = [" ".join(line.split()) for line in told]
    assert {"unix:/a", "messages 4", "a second 100.0", "max 4.00 ms", "accept 4", "failures 0"} <= set(table)
    assert any(re.fullmatch(r"p50 (1\.9[89]|2\.0[0-2]) ms", line) for line in table)
    assert not any("ratio" in line for line in told)


def test_two_targets_and_their_ratio() -> None:
    told = [" ".join(line.split()) for line in lines(tally(0.001, rate=200), tally(0.002, rate=100))]
    assert "unix:/a inet:127.0.0.1:9 ratio" in told
    assert "a second 200.0 100.0 0.50" in told
    assert any(line.startswith("p50 ") and line.endswith(" 2.00") for line in told)


def test_failures_with_their_kinds_and_first_text() -> None:
    told = lines(tally(0.001, failures=3))
    assert any(line.split() == ["failures", "3"] for line in told)
    assert any(line.split() == ["timeout", "3"] for line in told)
    assert r"unix:/a: timeout: no answer\x1b[2J" in told


def test_nothing_but_failures() -> None:
    told = lines(tally(failures=3))
    assert any(line.split() == ["p50", "0", "us"] for line in told)
    assert not any("#" in line for line in told)


def test_the_histogram_has_every_message() -> None:
    told = lines(tally(*(0.001 * number for number in range(1, 101))))
    rows = told[next(at for at, line in enumerate(told) if line.startswith("up to")) + 1 :]
    assert len(rows) == ROWS
    assert sum(int(row.split()[-1]) for row in rows if "#" in row) == 100


def test_equal_latencies_are_one_row() -> None:
    assert sum("#" in line for line in lines(tally(0.001, 0.001))) == 1


def test_a_latency_of_nothing_has_a_row() -> None:
    rows = [line for line in lines(tally(0.0, 0.001)) if "#" in line]
    assert sum(int(row.split()[-1]) for row in rows) == 2


def test_an_interruption_is_told() -> None:
    assert lines(tally(0.001), whole=False)[-1] == "interrupted: this is what was measured until then"
    assert "interrupted" not in lines(tally(0.001))[-1]


def test_a_load_at_its_own_limit_is_told() -> None:
    measured = Measured([tally(0.001)], is_whole=True, cpu=-1e9)
    assert "it may be the limit" in report(["a"], LOAD, "mail", measured)[-1]


def test_objects() -> None:
    measured = Measured([tally(0.001, rate=200), tally(0.002, rate=100)], is_whole=True)
    made = json.loads(json.dumps(as_object(["a", "b"], LOAD, "mail", measured)))
    assert made["whole"] is True
    assert made["ratio"]["rate"] == 0.5
    assert made["ratio"]["p50"] == pytest.approx(2, rel=0.03)
    first = made["targets"][0]
    assert (first["target"], first["messages"], first["rate"]) == ("a", 1, 200)
    assert first["latency"]["max"] == 0.001
    assert "ratio" not in as_object(["a"], LOAD, "mail", Measured([tally()]))
