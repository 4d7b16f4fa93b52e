"""What single tests have in common."""

import pytest

from mmx.core.condition import Facts, Point, Truth
from mmx.core.leaf import LONGEST, OPEN, Finding, Leaf, shown, unknown, yes_or_no


class Constant(Leaf):
    __slots__ = ("finding",)
    label = "constant"

    def __init__(self, finding: Finding) -> None:
        self.finding = finding

    def look(self, _facts: Facts, _recipient: bytes | None, _negated: bool, /) -> Finding:
        return self.finding


@pytest.mark.interpreted
@pytest.mark.parametrize(
    ("value", "why"),
    [(b"v", "constant: v is so"), (b"", "constant: is so"), (b"\r\n", "constant: \\x0d\\x0a is so")],
)
def test_why_tells_the_value_and_what_of_it_decided(value: bytes, why: str) -> None:
    leaf = Constant((Truth.YES, value, "is so"))
    assert leaf.truth(Facts(), None) is Truth.YES
    assert leaf.why(Facts(), None) == why
    assert not leaf.per_recipient


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"a b", "a b"),
        (b"\x1b[2J\x00", "\\x1b[2J\\x00"),
        (b"\xff\xc3\xa4", "\\xff\\xc3\\xa4"),
        (b"a" * (LONGEST + 1), "a" * LONGEST + "..."),
    ],
)
def test_a_value_from_the_network_is_harmless(value: bytes, text: str) -> None:
    assert shown(value) == text


def test_findings() -> None:
    assert yes_or_no(True, b"v", "y", "n") == (Truth.YES, b"v", "y")
    assert yes_or_no(False, b"v", "y", "n") == (Truth.NO, b"v", "n")
    assert unknown(Facts(Point.HELO), Point.MAIL, "x") == OPEN
    assert unknown(Facts(Point.MAIL), Point.MAIL, "x") == (Truth.UNKNOWN, b"", "x")
