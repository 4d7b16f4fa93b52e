"""Frames in words."""

import pytest

from mmx.tools.frame_text import command_text, reply_text
from mmx.wire import command, option, reply
from mmx.wire.framing import frame
from mmx.wire.payload import encode_connection, encode_indexed_header, encode_macros, encode_options


@pytest.mark.parametrize(
    ("code", "data", "said"),
    [
        (command.CONNECT, encode_connection(b"mail", b"6", 25, b"::1"), "CONNECT mail [::1] port 25"),
        (command.HELO, b"mail.example.net\0", "HELO mail.example.net"),
        (command.MAIL, b"<s@example.net>\0SIZE=9\0", "MAIL <s@example.net> SIZE=9"),
        (command.MACRO, encode_macros(command.MAIL, [(b"i", b"4X")]), "MACRO MAIL i=4X"),
        (command.HEADER, b"Subject\0 hello\0", "HEADER Subject: hello"),
        (command.HEADER, b"Subject\0\x1b[2J\r\n\0", "HEADER Subject: \\x1b\\x5b2J\\x0d\\x0a"),
        (command.BODY, b"", "BODY 70 bytes"),
        (command.BODY, b"ab\n", "BODY 73 bytes ab\\x0a"),
        (command.EOM, b"", "EOM"),
        (command.MAIL, b"no nul", "MAIL no nul (string without its NUL)"),
        (command.CONNECT, b"", "CONNECT  (CONNECT without host name or family)"),
        (0x7A, b"x", "unknown code 0x7a x"),
    ],
)
def test_commands(code: int, data: bytes, said: str) -> None:
    left_out = 70 if code == command.BODY else 0
    assert command_text(frame(code, data), left_out).replace("\\x5b", "[") == said.replace("\\x5b", "[")


@pytest.mark.parametrize(
    ("code", "data", "said"),
    [
        (reply.CONTINUE, b"", "CONTINUE"),
        (reply.REPLYCODE, b"550 5.7.1 no\0", "REPLYCODE 550 5.7.1 no"),
        (reply.ADDHEADER, b"X-A\0 b\0", "ADDHEADER X-A: b"),
        (reply.INSHEADER, encode_indexed_header(2, b"X-A", b"b"), "INSHEADER 2 X-A: b"),
        (reply.QUARANTINE, b"spam\0", "QUARANTINE spam"),
        (reply.REPLBODY, b"x" * 5, "REPLBODY 5 bytes xxxxx"),
        (
            reply.OPTNEG,
            encode_options(6, option.ADDHDRS | option.CHGBODY, 0x80, {0: (b"j", b"{x}")}),
            "OPTNEG version 6, ADDHDRS CHGBODY, protocol 0x80, CONNECT: j {x}",
        ),
        (reply.OPTNEG, b"", "OPTNEG  (OPTNEG of 0 bytes, at least 12 are due)"),
    ],
)
def test_replies(code: int, data: bytes, said: str) -> None:
    assert reply_text(frame(code, data)) == said


def test_what_is_no_frame() -> None:
    assert command_text(b"") == "no frame"
