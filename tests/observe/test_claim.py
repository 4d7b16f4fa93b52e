"""Lines of the ledger of quarantined mail: written, read back, and refused when they are none."""

import json
from typing import Any

import pytest

from mmx.core.action import Held, MessageRecord
from mmx.observe.claim import LONGEST_LINE, MOST_CHILDREN, Claim, claim_of, is_queue_id, line_of, time_of

RECORD = MessageRecord(
    *("1f00c3a7", b"4bZxWk2", b"client", b"helo", b"<a@example.net>", 2, 0, 1432, "quarantine", b""),
    *("opendmarc", "quarantine", 0.1, ()),
)
HELD = Held(10.0, (("opendmarc", b"p=quarantine"), ("rspamd", b"spam")))
CLAIM = Claim(
    mail_at=1764093000.123,
    queue_id="4bZxWk2",
    session="1f00c3a7",
    sender="<a@example.net>",
    recipients=2,
    size=1432,
    children=(("opendmarc", "p=quarantine"), ("rspamd", "spam")),
)


def line(sender: bytes = b"<a@example.net>", reason: bytes = b"p=quarantine") -> bytes:
    fields = {name: getattr(RECORD, name) for name in RECORD.__slots__}
    record = MessageRecord(**{**fields, "sender": sender})
    return line_of(record, Held(10.0, (("opendmarc", reason), ("rspamd", b"spam"))), 1764093000.1234)


def changed(**values: Any) -> bytes:
    return json.dumps({**json.loads(line()), **values}).encode()


def test_a_line_reads_back() -> None:
    written = line()
    assert written.endswith(b"}\n")
    assert claim_of(written) == CLAIM
    assert time_of(written[:64]) == CLAIM.mail_at


def test_whatever_a_sender_writes_is_one_line_of_harmless_text_and_reads_back() -> None:
    written = line(b'<"\x1b[2J\n\r\xff\xe2\x80\xae"@x>', "päp".encode())
    assert written.count(b"\n") == 1
    assert all(32 <= byte < 127 for byte in written[:-1])
    claim = claim_of(written)
    assert claim is not None
    assert claim.sender.encode("utf-8", "surrogateescape") == b'<"\x1b[2J\n\r\xff\xe2\x80\xae"@x>'
    assert claim.children[0][1] == "päp"


def test_the_longest_line_is_within_the_bound() -> None:
    many = Held(1.0, tuple((f"{number:064d}", b"\xff" * 9999) for number in range(2 * MOST_CHILDREN)))
    written = line_of(RECORD, many, 1.0)
    assert len(written) < LONGEST_LINE
    claim = claim_of(written)
    assert claim is not None
    assert len(claim.children) == MOST_CHILDREN


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\n",
        b"null",
        b"[]",
        b'{"mail_at":1764093000.123,"queue_id":"4bZx',
        b"[" * 5000,
        b"\xff",
        b" " * LONGEST_LINE + b"{}",
        changed(queue_id="../../etc/passwd"),
        changed(queue_id=""),
        changed(queue_id="-d"),
        changed(queue_id=7),
        changed(mail_at="yesterday"),
        changed(mail_at=-1),
        changed(mail_at=float("nan")),
        changed(mail_at=float("inf")),
        changed(mail_at=True),
        changed(recipients=1.5),
        changed(size=None),
        changed(size=10**4000),
        changed(sender="\ud800"),
        changed(children={"child": "a"}),
        changed(children=[{"child": "a"}]),
        changed(children=3),
    ],
)
def test_what_is_no_line_is_none(bad: bytes) -> None:
    assert claim_of(bad) is None


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert claim_of(changed(mood="good")) == CLAIM


@pytest.mark.parametrize("beginning", [b"", b'{"queue_id":"A"', b'{"mail_at":x,', b"\x00" * 64])
def test_a_line_without_a_time_where_it_should_be(beginning: bytes) -> None:
    assert time_of(beginning) is None


@pytest.mark.parametrize("text", ["4bZxWk2", "A", "0", "All", "A" * 64])
def test_queue_ids(text: str) -> None:
    assert is_queue_id(text)


@pytest.mark.parametrize("text", ["ALL", "", "-", "-d", "a/b", "..", "a b", "ä", "a\n", "A" * 65])
def test_what_postfix_must_not_be_given_as_a_queue_id(text: str) -> None:
    assert not is_queue_id(text)
