"""The mail that is explained: what may be said of it, which frames come of it."""

from typing import Any

import pytest

from mmx.core.plan import POSTFIX_MACROS
from mmx.errors import InvalidValueError
from mmx.tools.explain.mail import Mail, steps, unsent
from mmx.tools.mail_file import Message
from mmx.wire import command, option, payload
from mmx.wire.framing import CODE, DATA, MAX_DATA

MESSAGE = Message(((b"Subject", b" x"),), b"body\r\n")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"client": "mail.example.net"}, "--client mail.example.net: no address"),
        ({"port": 65536}, "--port 65536: no port"),
        ({"port": -1}, "--port -1: no port"),
        ({"sender": "a@b", "size": -1}, "--size -1: no size"),
        ({"recipients": ("c@d",)}, "--rcpt without --from"),
        ({"size": 1}, "--size without --from"),
        ({"user": "alice"}, "--auth without --from"),
        ({"sender": "a@b", "message": MESSAGE}, "a message without --rcpt"),
    ],
)
def test_what_no_mail_can_be_is_refused(said: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        Mail(**{"client": "192.0.2.7", **said})


def labels(mail: Mail) -> list[str]:
    return [step.label for step in steps(mail, POSTFIX_MACROS)]


def test_the_events_end_where_the_arguments_do() -> None:
    assert labels(Mail("192.0.2.7")) == ["CONNECT"]
    assert labels(Mail("192.0.2.7", helo="x")) == ["CONNECT", "HELO"]
    assert labels(Mail("192.0.2.7", sender="")) == ["CONNECT", "MAIL"]
    envelope = ["CONNECT", "MAIL", "RCPT 1", "RCPT 2", "DATA"]
    assert labels(Mail("192.0.2.7", sender="", recipients=("a@b", "c@d"))) == envelope
    whole = Mail("192.0.2.7", sender="", recipients=("a@b", "c@d"), message=MESSAGE)
    assert labels(whole) == [*envelope, "header", "EOH", "body", "EOM"]


@pytest.mark.parametrize(
    ("client", "connection"),
    [
        ("192.0.2.7", payload.Connection(b"dsl.example", b"4", 4000, b"192.0.2.7")),
        ("2001:db8::7", payload.Connection(b"dsl.example", b"6", 4000, b"2001:db8::7")),
        ("unknown", payload.Connection(b"dsl.example", b"U", 0, b"")),
        ("unix", payload.Connection(b"localhost", b"L", 0, b"/socket")),
    ],
)
def test_the_client_as_postfix_tells_of_it(client: str, connection: payload.Connection) -> None:
    (step,) = steps(Mail(client, "dsl.example", 4000), {})
    assert payload.decode_connection(step.frames[-1][DATA:]) == connection


def macros(mail: Mail, lists: dict[int, tuple[bytes, ...]]) -> dict[str, dict[bytes, bytes]]:
    found = {}
    for step in steps(mail, lists):
        for one in step.frames:
            if one[CODE] == command.MACRO:
                found[step.label] = dict(payload.decode_macros(one[DATA:])[1])
    return found


def test_macros_go_with_the_stage_that_lists_them() -> None:
    mail = Mail(
        "2001:db8::7",
        sender="a@b",
        recipients=("c@d",),
        user="alice",
        tls=True,
        helo="x",
        macros={"{daemon_name}": "smtp", "client_name": "told.example"},
    )
    lists = {
        option.STAGE_CONNECT: (b"{client_addr}", b"{client_name}", b"{daemon_name}", b"{client_ptr}"),
        option.STAGE_HELO: (b"{tls_version}",),
        option.STAGE_MAIL: (b"i", b"{auth_authen}", b"{mail_addr}"),
        option.STAGE_RCPT: (b"{rcpt_addr}",),
        option.STAGE_DATA: (b"i", b"{auth_authen}"),
    }
    assert macros(mail, lists) == {
        "CONNECT": {
            b"{client_addr}": b"IPv6:2001:db8::7",
            b"{client_name}": b"told.example",
            b"{daemon_name}": b"smtp",
        },
        "HELO": {b"{tls_version}": b"TLSv1.3"},
        "MAIL": {b"{auth_authen}": b"alice", b"{mail_addr}": b"a@b"},
        "RCPT 1": {b"{rcpt_addr}": b"c@d"},
        "DATA": {b"i": b"EXPLAIN", b"{auth_authen}": b"alice"},
    }
    assert unsent(mail, lists) == []
    assert unsent(mail, {}) == ["{daemon_name}", "client_name"]


def test_no_login_is_no_macro() -> None:
    mail = Mail("192.0.2.7", sender="a@b")
    assert b"{auth_authen}" not in macros(mail, dict(POSTFIX_MACROS))["MAIL"]


def test_a_declared_size_and_a_long_body() -> None:
    body = b"x" * (2 * MAX_DATA + 1)
    mail = Mail("192.0.2.7", sender="a@b", recipients=("c@d",), size=99, message=Message((), body))
    frames = [one for step in steps(mail, {}) for one in step.frames]
    assert frames[1][DATA:] == b"<a@b>\0SIZE=99\0"
    assert b"".join(one[DATA:] for one in frames if one[CODE] == command.BODY) == body
