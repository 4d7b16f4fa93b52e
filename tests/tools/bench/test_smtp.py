"""The SMTP client of the benchmark."""

import pytest

from mmx.tools.bench.smtp import LONGEST_LINE, MOST_LINES, SmtpError, SmtpSession, content
from mmx.tools.bench.tally import Result
from mmx.tools.mail_file import Message
from mmx.tools.mta.outcome import Address, Envelope
from tests.aio.peers import BOUND
from tests.tools.mta_peers import MESSAGE, envelope
from tests.tools.smtp_server import CLOSE, CONTENT, GREETING, SILENCE, SmtpServer

DATA = content(MESSAGE)


async def delivered(server: SmtpServer, *recipients: str) -> Result:
    session = await SmtpSession.connect("127.0.0.1", server.port, BOUND)
    assert (await session.open("client.example.net")).is_positive
    result = await session.deliver(envelope(*recipients), DATA)
    await session.quit()
    session.close()
    return result


def test_content_is_dot_stuffed() -> None:
    message = Message(((b"Subject", b" x"),), b".a\r\n..b\r\nc.\r\n")
    assert content(message) == b"Subject: x\r\n\r\n..a\r\n...b\r\nc.\r\n.\r\n"
    assert content(Message((), b".\r\n")) == b"\r\n..\r\n.\r\n"


async def test_a_message_is_delivered() -> None:
    async with SmtpServer({CONTENT: "250-2.0.0 Ok\r\n250 queued"}) as server:
        result = await delivered(server, "b@example.org", "c@example.org")
    assert (result.verdict, result.refused) == ("accept", 0)
    assert result.seconds > 0
    assert server.lines == [
        b"EHLO client.example.net",
        b"MAIL FROM:<a@example.net>",
        b"RCPT TO:<b@example.org>",
        b"RCPT TO:<c@example.org>",
        b"DATA",
        b"QUIT",
    ]
    assert server.contents == [DATA]


async def test_parameters_of_esmtp_are_sent() -> None:
    async with SmtpServer() as server:
        session = await SmtpSession.connect("127.0.0.1", server.port, BOUND)
        await session.open("x")
        mail = Envelope(Address.parse("<> BODY=8BITMIME"), (Address.parse("b@c.d"),))
        await session.deliver(mail, DATA)
        session.close()
    assert b"MAIL FROM:<> BODY=8BITMIME" in server.lines


@pytest.mark.parametrize(
    ("replies", "verdict", "refused"),
    [
        ({"MAIL": "550 no"}, "reject", 0),
        ({"RCPT": "450 later"}, "tempfail", 2),
        ({"DATA": "554 no"}, "reject", 0),
        ({CONTENT: "451 later"}, "tempfail", 0),
    ],
)
async def test_refusals_are_verdicts_and_the_session_goes_on(
    replies: dict[str, str], verdict: str, refused: int
) -> None:
    async with SmtpServer(replies) as server:
        result = await delivered(server, "b@example.org", "c@example.org")
    assert (result.verdict, result.refused) == (verdict, refused)
    assert server.lines[-2:] == [b"RSET", b"QUIT"]


@pytest.mark.parametrize("word", ["MAIL", "RCPT", "DATA", CONTENT])
async def test_a_421_is_a_shutdown(word: str) -> None:
    async with SmtpServer({word: "421 bye"}) as server:
        session = await SmtpSession.connect("127.0.0.1", server.port, BOUND)
        await session.open("x")
        assert (await session.deliver(envelope(), DATA)).verdict == "shutdown"
        session.close()
    assert b"RSET" not in server.lines


async def test_a_server_may_refuse_the_session() -> None:
    async with SmtpServer({GREETING: "554 no"}) as server:
        session = await SmtpSession.connect("127.0.0.1", server.port, BOUND)
        reply = await session.open("x")
        session.close()
    assert (reply.is_positive, reply.verdict) == (False, "reject")
    assert server.lines == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (CLOSE, "closed"),
        (SILENCE, "timeout"),
        ("hello", "protocol"),
        ("650 x", "protocol"),
        ("250-" + "x" * LONGEST_LINE, "protocol"),
        ("\r\n".join(["250-x"] * (MOST_LINES + 1)), "protocol"),
    ],
)
async def test_a_server_that_speaks_no_smtp(reply: str, kind: str) -> None:
    async with SmtpServer({"MAIL": reply}) as server:
        session = await SmtpSession.connect("127.0.0.1", server.port, BOUND if reply else 0.05)
        await session.open("x")
        with pytest.raises(SmtpError) as lost:
            await session.deliver(envelope(), DATA)
        session.close()
    assert lost.value.kind == kind


async def test_nobody_listens() -> None:
    async with SmtpServer() as server:
        port = server.port
    with pytest.raises(SmtpError, match=r"Connect call failed|Connection refused") as lost:
        await SmtpSession.connect("127.0.0.1", port, BOUND)
    assert lost.value.kind == "refused"
