from dataclasses import dataclass

import pytest

from mmx.core.condition import Facts, Point, Truth, decide, matches


@dataclass(frozen=True)
class ForDomain:
    """YES for recipients of one domain, OPEN while there is no recipient."""

    domain: bytes
    without: Truth = Truth.OPEN
    per_recipient: bool = True

    def truth(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> Truth:
        if recipient is None:
            return self.without
        if b"?" in recipient:
            return Truth.UNKNOWN
        return Truth.YES if recipient.endswith(self.domain) else Truth.NO

    def why(self, facts: Facts, recipient: bytes | None) -> str:
        return f"because of {recipient!r}"


@pytest.mark.parametrize(
    ("point", "recipients", "expected"),
    [
        (Point.MAIL, [], (Truth.OPEN, "")),
        (Point.RCPT, [b"a@b"], (Truth.OPEN, "")),
        (Point.RCPT, [b"a@b", b"a@c"], (Truth.YES, "because of b'a@c'")),
        (Point.RCPT, [b"a@?"], (Truth.UNKNOWN, "because of b'a@?'")),
        (Point.RCPT, [b"a@?", b"a@c"], (Truth.YES, "because of b'a@c'")),
        (Point.DATA, [b"a@b"], (Truth.NO, "because of b'a@b'")),
        (Point.DATA, [], (Truth.NO, "because of None")),
    ],
)
def test_the_child_runs_if_any_recipient_satisfies(
    point: Point, recipients: list[bytes], expected: tuple[Truth, str]
) -> None:
    assert decide(ForDomain(b"@c"), Facts(point, recipients=recipients)) == expected


def test_what_no_recipient_can_change_is_decided_before_any() -> None:
    assert decide(ForDomain(b"@c", Truth.NO), Facts(Point.MAIL))[0] is Truth.NO
    assert decide(ForDomain(b"@c", Truth.YES), Facts(Point.MAIL))[0] is Truth.YES


@pytest.mark.parametrize("truth", Truth)
def test_a_condition_without_recipients_is_asked_once(truth: Truth) -> None:
    condition = ForDomain(b"", truth, per_recipient=False)
    assert decide(condition, Facts(Point.RCPT, recipients=[b"a@b"]))[0] is truth


def test_a_recipient_is_kept_from_the_child_only_by_a_plain_no() -> None:
    condition = ForDomain(b"@c")
    assert matches(condition, Facts(Point.RCPT), b"a@c")
    assert matches(condition, Facts(Point.RCPT), b"a@?")
    assert not matches(condition, Facts(Point.RCPT), b"a@b")
