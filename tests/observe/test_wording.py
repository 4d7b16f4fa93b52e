"""Numbers and times for people."""

import pytest

from mmx.observe import wording


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (312, "5 min 12 s"),
        (7210, "2 h 10 s"),
        (200_000, "2 d 7 h"),
    ],
)
def test_periods(seconds: float, text: str) -> None:
    assert wording.period(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "0.4 ms"), (0.0099, "9.9 ms"), (0.31, "310 ms"), (1.25, "1.2 s"), (240, "240 s")],
)
def test_waits(seconds: float, text: str) -> None:
    assert wording.wait(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (4 << 30, "4.0 GiB"),
        (500 << 20, "500 MiB"),
        (5 << 50, "5120.0 TiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert wording.size(count) == text


def test_counts() -> None:
    assert wording.number(1_234_567) == "1\u202f234\u202f567"
    assert wording.plural(1, "child", "children") == "1 child"
    assert wording.plural(0, "session") == "0 sessions"


def test_times_of_another_day_have_their_date() -> None:
    now = 1_790_000_000.0
    assert len(wording.clock(now, now)) == len("14:13:20")
    assert len(wording.clock(now - 86_400, now)) == len("2026-09-20 14:13:20")
    assert wording.stamp(now).startswith("2026-09-2")
