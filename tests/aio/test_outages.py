"""Outages of children: told of once, counted, and told of at their end."""

import pytest

from mmx.aio.outages import Outages
from mmx.aio.throttle import Throttle
from mmx.core.action import ChildFailed
from mmx.core.child import Child
from mmx.core.plan import ChildPlan

PLAN = ChildPlan("clamav", "unix:/run/clamav")


def make() -> Outages:
    return Outages(Throttle(60.0))


def failure(step: str, reason: str, action: str = "accept", plan: ChildPlan = PLAN) -> ChildFailed:
    return ChildFailed(Child(plan), step, reason, "", action)


def told(outages: Outages, now: float) -> str:
    return str(outages.answered(PLAN, now) or "")


def test_a_death_is_told_once_and_its_end_once_with_counts() -> None:
    outages = make()
    assert outages.failed(failure("EOM", "eof", "tempfail"), 100.0) == 0
    for second in range(44):
        assert outages.failed(failure("connect", "refused"), 101.0 + second) is None
    assert told(outages, 412.0) == (
        "child is back child=clamav socket=unix:/run/clamav seconds=312 messages=45: "
        "44 messages took its default action accept, 1 message took its default action tempfail"
    )
    assert told(outages, 413.0) == ""


def test_a_long_outage_stays_silent() -> None:
    outages = make()
    assert [outages.failed(failure("connect", "missing"), 100.0 * hour) for hour in range(5)] == [0] + [
        None
    ] * 4


def test_another_kind_of_failure_is_told() -> None:
    outages = make()
    reasons = ["missing", "refused", "denied", "denied", "timeout", "breaker", "timeout"]
    passed = [outages.failed(failure("connect", reason), 1.0) is not None for reason in reasons]
    assert passed == [True, False, True, False, True, True, False]


def test_a_child_that_comes_and_goes_does_not_fill_the_log() -> None:
    outages = make()
    failures, ends = [], []
    for second in range(180):
        failures.append(outages.failed(failure("EOM", "eof"), float(second)))
        ends.append(outages.answered(PLAN, second + 0.5))
    assert [more for more in failures if more is not None] == [0, 59, 59]
    assert sum(end is not None for end in ends) == 3


@pytest.mark.parametrize(
    ("step", "reason", "action"),
    [
        ("EOM", "timeout", "accept"),
        ("idle", "eof", ""),
        ("EOM", "protocol", "accept"),
        ("connect", "resources", "tempfail"),
    ],
)
def test_what_is_no_outage_is_told_once_a_minute(step: str, reason: str, action: str) -> None:
    outages = make()
    failed = failure(step, reason, action)
    assert [outages.failed(failed, now) for now in (0.0, 1.0, 2.0, 61.0)] == [0, None, None, 2]
    assert outages.answered(PLAN, 62.0) is None


def test_an_end_without_messages() -> None:
    outages = make()
    outages.failed(failure("connect", "missing", ""), 0.0)
    assert told(outages, 2.5).endswith("seconds=2.5 messages=0: no message took its default action")


def test_children_do_not_touch_each_other_and_one_that_left_is_forgotten() -> None:
    outages, other = make(), ChildPlan("other", "unix:/run/other")
    assert outages.failed(failure("connect", "missing"), 0.0) == 0
    assert outages.failed(failure("connect", "missing", plan=other), 0.0) == 0
    outages.keep_only([other])
    assert outages.answered(PLAN, 1.0) is None
    assert outages.answered(other, 1.0) is not None
