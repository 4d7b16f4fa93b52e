"""The breaker as a table: what happened, and whether it is open then."""

import math

import pytest

from mmx.aio.breaker import Breaker

# t: timed out; r: refused; s: succeeded; p: a probe failed
TABLE = [
    ("", False),
    ("t", False),
    ("tt", False),
    ("ttt", True),
    ("tttt", True),
    ("ttst", False),
    ("ttsttt", True),
    ("ttrt", False),
    ("ttrttt", True),
    ("tttr", True),
    ("tttp", True),
    ("tttpppppp", True),
    ("ttts", False),
    ("tttps", False),
    ("tttstt", False),
    ("tttsttt", True),
    ("rrrrrr", False),
    ("p", False),
]


@pytest.mark.parametrize(("history", "is_open"), TABLE)
def test_history(history: str, is_open: bool) -> None:
    breaker = Breaker()
    for event in history:
        if event == "t":
            breaker.timed_out(100.0)
        elif event == "r":
            breaker.refused()
        elif event == "s":
            breaker.succeeded()
        else:
            breaker.probe_failed(100.0)
    assert breaker.is_open is is_open
    assert math.isinf(breaker.next_probe) is not is_open


def test_says_when_it_opens_and_closes() -> None:
    breaker = Breaker()
    assert [breaker.timed_out(0.0) for _ in range(5)] == [False, False, True, False, False]
    assert [breaker.succeeded() for _ in range(2)] == [True, False]


def test_probes_become_rarer_up_to_ten_seconds() -> None:
    breaker = Breaker()
    now = 1000.0
    for _ in range(3):
        breaker.timed_out(now)
    pauses = []
    for _ in range(7):
        pauses.append(breaker.next_probe - now)
        now = breaker.next_probe
        breaker.probe_failed(now)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_a_timeout_of_a_session_dialled_before_does_not_move_the_probe() -> None:
    breaker = Breaker()
    for now in (1.0, 2.0, 3.0, 3.5):
        breaker.timed_out(now)
    assert breaker.next_probe == 4.0


def test_begins_anew_after_a_success() -> None:
    breaker = Breaker()
    for now in (1.0, 2.0, 3.0):
        breaker.timed_out(now)
    for now in (4.0, 6.0, 10.0):
        breaker.probe_failed(now)
    breaker.succeeded()
    for now in (50.0, 51.0, 52.0):
        breaker.timed_out(now)
    assert breaker.next_probe == 53.0
