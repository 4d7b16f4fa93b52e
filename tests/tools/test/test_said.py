"""What milters said, from replies and from a trace."""

import base64
from typing import Any

from mmx.tools.mta.outcome import Exchange, Outcome
from mmx.tools.test.said import Conversation, Said, said_in, shortened
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import frame
from tests.aio.peers import CONTINUE


def event(child: str, what: str, received: bytes = b"", text: str = "") -> dict[str, Any]:
    return {"child": child, "what": what, "data": base64.b64encode(received), "left_out": 0, "text": text}


def heard(*events: dict[str, Any]) -> list[tuple[str, str, str]]:
    conversation = Conversation()
    said = [conversation.hear(one, float(at)) for at, one in enumerate(events)]
    return [(line.by, line.event, line.text) for line in said if line is not None]


def test_a_reply_belongs_to_the_first_command_that_waits_for_one() -> None:
    options = frame(reply.OPTNEG, payload.encode_options(6, 0, option.NR_HELO, {}))
    lines = heard(
        event("", "in", frame(command.MAIL, b"<a@b>\0")),
        event("scan", "dial"),
        event("scan", "out", frame(command.OPTNEG)),
        event("scan", "in", options),
        event("scan", "out", frame(command.MACRO, b"C")),
        event("scan", "out", frame(command.CONNECT)),
        event("scan", "out", frame(command.HELO)),
        event("scan", "out", frame(command.EOM)),
        event("scan", "in", CONTINUE),
        event("scan", "in", frame(reply.PROGRESS)),
        event("scan", "in", frame(reply.ADDHEADER, b"X\0\x1b[2J\0")),
        event("scan", "in", frame(reply.REJECT)),
        event("scan", "lost", text="eof: closed\x1b[2J"),
        event("", "out", frame(reply.REJECT)),
    )
    assert lines[0][:2] == ("scan", "OPTNEG")
    assert lines[1:] == [
        ("scan", "CONNECT", "CONTINUE"),
        ("scan", "", "PROGRESS"),
        ("scan", "EOM", "ADDHEADER X: \\x1b[2J"),
        ("scan", "EOM", "REJECT"),
        ("scan", "", "connection lost, eof: closed\\x1b[2J"),
    ]


def test_the_next_mail_brings_a_child_in_step_again() -> None:
    ahead = [event("scan", "out", frame(code)) for code in (command.MAIL, command.HEADER, command.BODY)]
    refusal = [event("scan", "in", frame(reply.REJECT))] * 2
    again = [event("scan", "out", frame(command.MAIL)), event("scan", "in", CONTINUE)]
    assert heard(*ahead, *refusal, *again)[-1] == ("scan", "MAIL", "CONTINUE")


def test_answers_nobody_asked_for() -> None:
    assert heard(event("scan", "in", CONTINUE)) == [("scan", "", "CONTINUE")]
    assert heard(event("scan", "in", frame(reply.OPTNEG, b"x")))[0][1] == ""


def test_children_stand_in_the_order_of_the_chain() -> None:
    conversation = Conversation()
    for name in ("first", "second", "first"):
        conversation.hear(event(name, "dial"), 0.0)
    assert conversation.names == ["first", "second"]


def test_replies_edits_and_patience_in_the_order_of_time() -> None:
    outcome = Outcome(0.0, progress=[1.5], edits=[frame(reply.ADDRCPT, b"<a@b>\0")])
    outcome.exchanges = [
        Exchange(command.MAIL, b"", 0.0, 1.0, CONTINUE),
        Exchange(command.EOM, b"", 1.0, 2.0, frame(reply.ACCEPT)),
        Exchange(command.MAIL, b"", 2.0, 2.0),
    ]
    assert said_in(outcome, "scan") == [
        Said("scan", 1.0, "MAIL", "CONTINUE"),
        Said("scan", 1.5, "", "PROGRESS"),
        Said("scan", 2.0, "EOM", "ADDRCPT <a@b>"),
        Said("scan", 2.0, "EOM", "ACCEPT"),
    ]


def test_a_run_of_continue_is_one_line() -> None:
    lines = [Said("a", 1.0, "MAIL", "CONTINUE"), Said("a", 2.0, "RCPT", "CONTINUE")]
    more = [Said("a", 3.0, "EOM", "ACCEPT"), Said("b", 4.0, "MAIL", "CONTINUE")]
    headers = [Said("b", 5.0, "MAIL", "CONTINUE")]
    assert shortened([*lines, *more, *headers]) == [
        Said("a", 2.0, "MAIL to RCPT", "CONTINUE"),
        more[0],
        Said("b", 5.0, "MAIL", "CONTINUE"),
    ]
