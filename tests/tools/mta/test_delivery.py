"""What is made of edits: headers and body as cleanup(8) does, and the envelope."""

import pytest

from mmx.errors import ProtocolError
from mmx.tools.mail_file import Message
from mmx.tools.mta.delivery import Delivery, delivered
from mmx.tools.mta.outcome import Address, Envelope, Outcome
from mmx.wire import option, payload, reply
from mmx.wire.framing import frame

ENVELOPE = Envelope(Address(b"<a@x>"), (Address(b"<b@x>"), Address(b"<c@x>")))
MESSAGE = Message(((b"Subject", b" x"), (b"X", b"1")), b"old\r\n")


def after(*edits: bytes, leading_space: bool = True) -> tuple[Delivery, list[str]]:
    delivery = Delivery(ENVELOPE, MESSAGE, leading_space=leading_space)
    return delivery, delivery.take(edits)


def header(code: int, position: int, name: bytes, value: bytes) -> bytes:
    return frame(code, payload.encode_indexed_header(position, name, value))


def test_headers_and_body() -> None:
    delivery, remarks = after(
        header(reply.CHGHEADER, 1, b"x", b" 2"),
        header(reply.INSHEADER, 0, b"Top", b" t\nu"),
        frame(reply.ADDHEADER, b"End\0 e\0"),
        frame(reply.REPLBODY, b"new\r"),
        frame(reply.REPLBODY, b"\nbody"),
    )
    lines = [b"Top: t", b"\tu", b"Subject: x", b"x: 2", b"End: e", b"", b"new", b"body"]
    assert delivery.message.lines() == lines
    assert delivery.message.text() == b"\n".join(lines) + b"\n"
    assert remarks == []


def test_without_leading_space_a_blank_is_put_in() -> None:
    delivery, _ = after(
        frame(reply.ADDHEADER, b"End\0e\0"), header(reply.CHGHEADER, 1, b"X", b""), leading_space=False
    )
    assert delivery.message.lines() == [b"Subject: x", b"End: e", b"", b"old"]


def test_the_envelope() -> None:
    delivery, _ = after(
        frame(reply.CHGFROM, b"<z@x>\0RET=HDRS ENVID=1\0"),
        frame(reply.ADDRCPT, b"c@x\0"),
        frame(reply.ADDRCPT, b"<>\0"),
        frame(reply.DELRCPT, b"b@x\0"),
        frame(reply.DELRCPT, b"<C@x>\0"),
        frame(reply.ADDRCPT_PAR, b"<d@x>\0NOTIFY=NEVER\0"),
        frame(reply.QUARANTINE, b"first\0"),
        frame(reply.QUARANTINE, b"last\0"),
    )
    assert delivery.envelope == Envelope(
        Address(b"<z@x>", (b"RET=HDRS", b"ENVID=1")),
        (Address(b"<c@x>"), Address(b"<d@x>", (b"NOTIFY=NEVER",))),
    )
    assert delivery.quarantine == b"last"


def test_nothing_changes_nothing() -> None:
    delivery, _ = after()
    assert (delivery.envelope, delivery.message, delivery.quarantine) == (ENVELOPE, MESSAGE, None)


def test_an_empty_body() -> None:
    assert after(frame(reply.REPLBODY))[0].message.lines()[-1] == b""


def test_a_header_that_is_none_is_left_out_and_told_of() -> None:
    delivery, remarks = after(frame(reply.ADDHEADER, b"X Y\0v\0"))
    assert delivery.message == MESSAGE
    assert "no header name" in remarks[0]


def test_a_broken_edit() -> None:
    with pytest.raises(ProtocolError):
        after(frame(reply.ADDHEADER, b"no end"))


def test_refused_recipients_are_none() -> None:
    outcome = Outcome(0.0, refused=[(Address(b"<b@x>"), "reject", b"550 no")])
    outcome.edits = [frame(reply.ADDHEADER, b"\0v\0")]
    delivery = delivered(ENVELOPE, MESSAGE, outcome, option.HDR_LEADSPC)
    assert delivery.recipients == [Address(b"<c@x>")]
    assert "no header name" in outcome.problems[0]
