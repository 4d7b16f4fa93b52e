"""Repeated log lines."""

from mmx.aio import throttle
from mmx.aio.throttle import Throttle


def test_the_first_passes_and_the_next_one_after_the_period_tells_how_many_did_not() -> None:
    one = Throttle(60.0)
    assert [one.passes("a", now) for now in (0.0, 1.0, 59.9, 60.0, 61.0, 200.0)] == [
        0,
        None,
        None,
        2,
        None,
        1,
    ]


def test_kinds_do_not_touch_each_other() -> None:
    one = Throttle(60.0)
    assert one.passes("a", 0.0) == 0
    assert one.passes("b", 1.0) == 0
    assert one.passes("a", 2.0) is None


def test_remembers_a_bounded_number_of_kinds() -> None:
    one = Throttle(60.0)
    for kind in range(throttle._KINDS_KEPT + 5):
        one.passes(kind, 0.0)
    assert one.passes(0, 1.0) == 0
    assert one.passes(throttle._KINDS_KEPT, 1.0) is None
