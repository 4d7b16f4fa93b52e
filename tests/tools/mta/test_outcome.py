"""What a message and its outcome are made of."""

import pytest

from mmx.tools.mta.outcome import Address, Outcome
from mmx.wire import command


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@b", Address(b"<a@b>")),
        ("", Address(b"<>")),
        ("<a@b>  SIZE=1 BODY=8BITMIME", Address(b"<a@b>", (b"SIZE=1", b"BODY=8BITMIME"))),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    assert Address.parse(text) == expected


def test_held_mail_that_passes_is_quarantined() -> None:
    outcome = Outcome(0.0, held=True)
    outcome.decide("accept", command.EOM)
    assert (outcome.verdict, outcome.passes) == ("quarantine", True)
    outcome.decide("reject", command.EOM, b"550 no")
    assert (outcome.verdict, outcome.passes, outcome.reply) == ("reject", False, b"550 no")


def test_the_inside_of_an_address() -> None:
    assert Address.parse("a@b").inside == b"a@b"
    assert Address.parse("<>").inside == b""
