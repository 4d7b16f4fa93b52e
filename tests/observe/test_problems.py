"""What needs somebody."""

import re
from dataclasses import replace

import pytest

from mmx.observe.history import ChildError, ChildView
from mmx.observe.problems import problems
from mmx.observe.status import DISABLED, DOWN, DRAINING, UP, ChildStatus, Status
from tests.observe.example import status

NOW = 1000.0
CHILD = ChildStatus("clamav", "unix:/run/clamav", state=UP, default_action="accept")
WELL = Status(NOW, 0.0, "0.1", children=(CHILD,), max_sessions=10, spool_limit=100)


def told(child: ChildStatus) -> list[str]:
    return problems(replace(WELL, children=(child,)))


def failing(seconds_ago: float) -> ChildStatus:
    error = ChildError(NOW - seconds_ago, "EOM", "timeout", "tempfail", "")
    return replace(CHILD, history=ChildView(errors=(error,)))


def test_all_is_well() -> None:
    assert problems(WELL) == []


def test_a_child_that_is_down() -> None:
    (text,) = told(replace(CHILD, state=DOWN, why="refused: nobody", since=NOW - 312))
    assert text == "clamav has been down for 5 min 12 s (refused: nobody). Default action: accept."


@pytest.mark.parametrize("state", [DISABLED, DRAINING])
def test_a_child_that_was_taken_out(state: str) -> None:
    out = replace(CHILD, state=state, why="disabled by root", since=NOW - 60)
    assert told(out) == [
        "clamav is out of the chain (disabled by root, until the next reload): mail passes without it."
    ]
    assert re.search(r"until \d\d:\d\d:\d\d\)", told(replace(out, until=NOW + 5))[0])


def test_one_that_observes_and_is_down() -> None:
    well, down = CHILD, replace(CHILD, name="new", state=DOWN, why="eof", since=NOW - 1, observes=True)
    assert problems(replace(WELL, children=(well, down))) == [
        "new has been down for 1 s (eof). It only observes."
    ]
    assert problems(replace(WELL, children=(replace(CHILD, observes=True),))) == [
        "There are no children: mail passes unchecked."
    ]


def test_a_child_that_failed_a_moment_ago() -> None:
    assert told(failing(2)) == [
        "clamav failed a session 2 s ago at EOM (timeout), which took its default action tempfail."
    ]
    assert told(failing(61)) == []
    assert len(told(replace(failing(2), state=DOWN))) == 1


def test_a_slow_child() -> None:
    slow = replace(CHILD, waiting=2, oldest_wait=6.0, slow=True)
    assert told(slow) == ["clamav is slow: 2 sessions wait for it, the longest for 6.0 s."]
    assert told(replace(slow, slow=False)) == []


def test_bounds_of_mmx() -> None:
    full = replace(WELL, spool_used=100, sessions={"data": 10}, settings_good=False)
    spool, sessions, reload = problems(full)
    assert "spool is full" in spool
    assert "10 sessions are open" in sessions
    assert "last reload failed" in reload
    assert problems(replace(WELL, children=())) == ["There are no children: mail passes unchecked."]


def test_the_gravest_first() -> None:
    starts = [text.split()[0] for text in problems(status())]
    assert starts == ["clamav-milter", "opendmarc", "rspamd", "The"]
