"""What scripts expect."""

import pytest

from mmx.errors import InvalidValueError
from mmx.tools.mta.outcome import VERDICTS
from mmx.tools.test.expect import ERROR, STATUSES, Expectation


def test_every_verdict_has_an_exit_status() -> None:
    assert set(STATUSES) == {*VERDICTS, ERROR}
    assert [status for status in STATUSES if STATUSES[status] == 0] == ["accept"]


@pytest.mark.parametrize(
    ("text", "verdict", "reply", "met"),
    [
        ("accept", "accept", b"", True),
        ("accept", "quarantine", b"", False),
        ("reject", "reject", b"550 5.7.1 no", True),
        ("reject:550", "reject", b"550 5.7.1 no", True),
        ("reject:5.7.1", "reject", b"550-5.7.1 no\r\n550 5.7.2 two", True),
        ("reject:550:5.7.1", "reject", b"550 5.7.1 no", True),
        ("reject:554", "reject", b"550 5.7.1 no", False),
        ("reject:5.7.2", "reject", b"550 5.7.1 no", False),
        ("reject:5.7.1", "reject", b"550 5.7.1.9 no", False),
        ("tempfail:451", "reject", b"451 4.7.1 later", False),
        ("error", "error", b"", True),
    ],
)
def test_expectations(text: str, verdict: str, reply: bytes, met: bool) -> None:
    expectation = Expectation.parse(text)
    assert expectation.is_met(verdict, reply) is met
    assert str(expectation) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is no verdict; write one of accept, reject"),
        ("rejected", "'rejected' is no verdict"),
        ("accept:250", "accept comes with no code"),
        ("reject:250", "'250' is no reply code"),
        ("reject:", "'' is no reply code"),
        ("reject:5.7", "'5.7' is no reply code"),
    ],
)
def test_what_cannot_be_expected(text: str, why: str) -> None:
    with pytest.raises(InvalidValueError, match=why):
        Expectation.parse(text)
