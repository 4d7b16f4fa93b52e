"""The MTA against a scripted milter: what it sends, what it makes of answers, and when it stops."""

import asyncio
from pathlib import Path

import pytest

from mmx.tools.mail_file import Message
from mmx.tools.mta.dialogue import Terms
from mmx.tools.mta.link import MilterLostError
from mmx.tools.mta.macros import Client
from mmx.tools.mta.outcome import Address, Envelope, Outcome
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import frame
from tests.aio.peers import CONTINUE, until
from tests.tools.mta_peers import CLIENT, MESSAGE, Milter, envelope, text

STREAMED = option.NR_HDR | option.NR_EOH | option.NR_BODY | option.HDR_LEADSPC
REJECTED = b"550 5.7.1 Command rejected"
LATER = b"451 4.7.1 Service unavailable - try again later"
TWO_LINES = "550-5.7.1 a\r\n550 5.7.1 100%% b"
IN_PIECES = frame(reply.REPLBODY, b"a") + frame(reply.PROGRESS) + frame(reply.REPLBODY, b"b")
HOLD = frame(reply.QUARANTINE, b"why\0")
WHOLE = ["OPTNEG", "CONNECT", "HELO", "MAIL", "RCPT", "DATA", "HEADER", "HEADER", "EOH", "BODY", "EOM"]


async def once(milter: Milter, *recipients: str, terms: Terms | None = None) -> Outcome:
    async with milter:
        mta = await milter.mta(terms)
        outcome = await mta.deliver(envelope(*recipients), MESSAGE)
        mta.quit()
        await until(lambda: milter.closed == milter.connections)
    return outcome


@pytest.mark.parametrize("protocol", [option.HDR_LEADSPC, STREAMED])
async def test_a_session_has_the_commands_of_postfix(tmp_path: Path, protocol: int) -> None:
    milter = Milter(tmp_path / "s", protocol=protocol)
    outcome = await once(milter)
    assert milter.names == [*WHOLE, "ABORT", "ABORT", "QUIT"]
    assert (outcome.verdict, outcome.stage, outcome.problems) == ("accept", "EOM", [])
    assert milter.data(command.CONNECT) == [CLIENT.connection]
    assert milter.data(command.HELO) == [b"helo.example.net\0"]
    assert milter.data(command.MAIL) == [b"<a@example.net>\0"]
    assert milter.data(command.HEADER) == [b"Subject\0 x\0", b"To\0y\n\tz\0"]
    assert milter.data(command.BODY) == [b"one\r\n"]


async def test_arguments_of_esmtp(tmp_path: Path) -> None:
    milter = Milter(tmp_path / "s")
    async with milter:
        mta = await milter.mta()
        mail = Envelope(Address.parse("<> SIZE=9 BODY=8BITMIME"), (Address.parse("c@d NOTIFY=NEVER"),))
        await mta.deliver(mail, MESSAGE)
        mta.quit()
    assert milter.data(command.MAIL) == [b"<>\0SIZE=9\0BODY=8BITMIME\0"]
    assert milter.data(command.RCPT) == [b"<c@d>\0NOTIFY=NEVER\0"]


async def test_messages_follow_each_other_with_abort_between(tmp_path: Path) -> None:
    milter = Milter(tmp_path / "s")
    async with milter:
        mta = await milter.mta()
        for _ in range(2):
            assert (await mta.deliver(envelope(), MESSAGE)).verdict == "accept"
        mta.quit()
        await until(lambda: "QUIT" in milter.names)
    assert milter.names == [*WHOLE, "ABORT", *WHOLE[3:], "ABORT", "ABORT", "QUIT"]
    queue_ids = {macros[b"i"] for macros in milter.macros(command.EOM)}
    assert len(queue_ids) == 2
    assert [b"i" in macros for macros in milter.macros(command.MAIL)] == [False, False]


async def test_what_the_milter_declines_is_left_out(tmp_path: Path) -> None:
    declined = option.NOHELO | option.NORCPT | option.NOHDRS | option.NOEOH | option.NOBODY | option.NODATA
    milter = Milter(tmp_path / "s", protocol=declined)
    await once(milter)
    assert milter.names == ["OPTNEG", "CONNECT", "MAIL", "EOM", "ABORT", "ABORT", "QUIT"]
    # Their macros come all the same, but for the content (milter8.c).
    assert len(milter.macros(command.RCPT)) == len(milter.macros(command.HELO)) == 1
    assert milter.macros(command.HEADER) == milter.macros(command.BODY) == []


@pytest.mark.parametrize(
    ("version", "unknown", "data"), [(2, 0, 0), (3, 1, 0), (4, 1, 1), (5, 1, 1), (6, 1, 1)]
)
async def test_versions(tmp_path: Path, version: int, unknown: int, data: int) -> None:
    milter = Milter(tmp_path / "s", protocol=0, version=version)
    async with milter:
        mta = await milter.mta()
        await mta.unknown(b"FOO bar")
        await mta.deliver(envelope(), MESSAGE)
        mta.quit()
    assert milter.names.count("UNKNOWN") == unknown
    assert milter.names.count("DATA") == data
    assert len(milter.macros(command.DATA)) == data
    assert milter.data(command.HEADER)[0] == b"Subject\0x\0"


async def test_macros_go_with_their_stage(tmp_path: Path) -> None:
    lists = {option.STAGE_RCPT: (b"{rcpt_addr}", b"{client_port}"), option.STAGE_DATA: ()}
    milter = Milter(tmp_path / "s", macros=lists)
    terms = Terms(macros={"{auth_author}": "bob", "j": "mx.example.org"})
    async with milter:
        mta = await milter.mta(terms, Client("192.0.2.7", "n", 4000, user="ann", tls=True))
        await mta.deliver(envelope(), MESSAGE)
        mta.quit()
    (connect,) = milter.macros(command.CONNECT)
    assert connect[b"j"] == b"mx.example.org"
    assert connect[b"_"] == b"n [192.0.2.7]"
    assert milter.macros(command.RCPT) == [{b"{rcpt_addr}": b"b@example.org", b"{client_port}": b"4000"}]
    assert milter.macros(command.MAIL)[0] == {
        b"{auth_type}": b"PLAIN",
        b"{auth_authen}": b"ann",
        b"{auth_author}": b"bob",
        b"{mail_addr}": b"a@example.net",
        b"{mail_host}": b"example.net",
        b"{mail_mailer}": b"smtp",
    }
    # An empty list means the configured one (N14).
    assert list(milter.macros(command.DATA)[0]) == [b"i"]
    assert len(milter.macros(command.HEADER)) == len(MESSAGE.headers)


@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        (command.CONNECT, frame(reply.REJECT), ("reject", "CONNECT", REJECTED)),
        (command.HELO, text("450 4.7.0 later"), ("tempfail", "HELO", b"450 4.7.0 later")),
        (command.CONNECT, frame(reply.ACCEPT), ("accept", "CONNECT", b"")),
        (command.MAIL, frame(reply.TEMPFAIL), ("tempfail", "MAIL", LATER)),
        (command.MAIL, frame(reply.ACCEPT), ("accept", "MAIL", b"")),
        (command.RCPT, frame(reply.DISCARD), ("discard", "RCPT", b"")),
        (command.DATA, text(TWO_LINES), ("reject", "DATA", TWO_LINES.replace("%%", "%").encode())),
        (command.HEADER, frame(reply.REJECT), ("reject", "HEADER", REJECTED)),
        (command.EOH, frame(reply.DISCARD), ("discard", "EOH", b"")),
        (command.BODY, text("421 4.7.0 bye"), ("shutdown", "BODY", b"421 4.7.0 bye")),
        (command.EOM, frame(reply.SHUTDOWN), ("shutdown", "EOM", b"421 4.7.0 Server closing connection")),
        (command.EOM, frame(reply.SKIP), ("accept", "EOM", b"")),
        (command.EOM, HOLD + CONTINUE, ("quarantine", "EOM", b"")),
        (command.EOM, HOLD + frame(reply.REJECT), ("reject", "EOM", REJECTED)),
    ],
)
async def test_a_verdict_ends_the_message_where_it_is_given(
    tmp_path: Path, code: int, said: bytes, expected: tuple[str, str, bytes]
) -> None:
    milter = Milter(tmp_path / "s", {code: [said]})
    outcome = await once(milter)
    assert (outcome.verdict, outcome.stage, outcome.reply) == expected
    assert [name for name in milter.names if name not in ("ABORT", "QUIT")][-1] == command.NAMES[code]
    # A session that has been decided ends without a word, as libmilter children close it themselves.
    assert ("QUIT" in milter.names) is (code not in (command.CONNECT, command.HELO))


async def test_recipients_are_refused_one_by_one(tmp_path: Path) -> None:
    milter = Milter(tmp_path / "s", {command.RCPT: [text("550 5.1.1 no"), CONTINUE]})
    outcome = await once(milter, "b@x", "c@x")
    assert (outcome.verdict, outcome.stage) == ("accept", "EOM")
    assert outcome.refused == [(Address(b"<b@x>"), "reject", b"550 5.1.1 no")]


async def test_no_recipient_left_refuses_the_message_for_now_if_one_may_come_again(tmp_path: Path) -> None:
    milter = Milter(tmp_path / "s", {command.RCPT: [text("550 5.1.1 no"), text("450 4.2.0 later")]})
    outcome = await once(milter, "b@x", "c@x")
    assert (outcome.verdict, outcome.stage, outcome.reply) == ("tempfail", "RCPT", b"450 4.2.0 later")
    assert "DATA" not in milter.names


async def test_skip_ends_commands_of_one_kind(tmp_path: Path) -> None:
    milter = Milter(tmp_path / "s", {command.BODY: [frame(reply.SKIP)], command.RCPT: [frame(reply.SKIP)]})
    outcome = await once(milter, "b@x", "c@x", terms=Terms(chunk=2))
    assert milter.data(command.BODY) == [b"on"]
    assert milter.data(command.RCPT) == [b"<b@x>\0"]
    assert outcome.verdict == "accept"


async def test_pieces_of_body_and_a_last_line_without_end(tmp_path: Path) -> None:
    milter = Milter(tmp_path / "s")
    async with milter:
        mta = await milter.mta(Terms(chunk=3))
        await mta.deliver(envelope(), Message(((b"A", b" 1\0 cut"),), b"abcd"))
        await mta.deliver(envelope(), Message((), b""))
        mta.quit()
    assert milter.data(command.BODY) == [b"abc", b"d\r\n"]
    assert milter.data(command.HEADER) == [b"A\0 1\0"]


async def test_edits_and_patience_are_kept_in_order(tmp_path: Path) -> None:
    edits = [frame(reply.ADDHEADER, b"X\0 1\0"), frame(reply.ADDRCPT, b"<c@d>\0")]
    said = b"".join([edits[0], frame(reply.PROGRESS), edits[1], CONTINUE])
    outcome = await once(Milter(tmp_path / "s", {command.EOM: [said]}))
    assert outcome.edits == edits
    assert len(outcome.progress) == 1
    times = [time for one in outcome.exchanges for time in (one.began, one.ended)]
    assert times == sorted(times)
    assert [one.name for one in outcome.exchanges] == WHOLE[3:]
    assert outcome.seconds > 0


@pytest.mark.parametrize(
    ("code", "said", "problem"),
    [
        (command.EOM, frame(reply.ADDRCPT, b"<c@d>\0") + CONTINUE, "ADDRCPT was never negotiated"),
        (command.MAIL, HOLD + CONTINUE, "QUARANTINE at MAIL"),
        (command.EOM, text("550 4.7.1 mixed"), "no valid SMTP reply"),
    ],
)
async def test_what_postfix_bears_is_told_of(tmp_path: Path, code: int, said: bytes, problem: str) -> None:
    outcome = await once(Milter(tmp_path / "s", {code: [said]}, actions=option.QUARANTINE))
    assert outcome.loss is None
    assert problem in outcome.problems[0]


async def test_accept_of_an_unknown_command_is_told_of(tmp_path: Path) -> None:
    async with Milter(tmp_path / "s", {command.UNKNOWN: [frame(reply.ACCEPT)]}) as milter:
        mta = await milter.mta()
        outcome = await mta.unknown(b"FOO")
        mta.quit()
    assert "panic" in outcome.problems[0]
    assert milter.data(command.UNKNOWN) == [b"FOO\0"]


@pytest.mark.parametrize(
    ("code", "said", "why"),
    [
        (command.MAIL, frame(reply.ADDHEADER, b"X\0y\0"), "sends ADDHEADER before end of message"),
        (command.MAIL, frame(reply.CONTINUE, b"x"), "sends data with CONTINUE"),
        (command.RCPT, frame(ord("Z")), "answers the unknown code 0x5a to RCPT"),
        (command.DATA, frame(reply.CONN_FAIL), "answers CONN_FAIL to DATA"),
        (command.EOM, text("250 fine"), "answers EOM wrongly"),
        (command.EOM, IN_PIECES, "in pieces"),
        (command.MAIL, CONTINUE + CONTINUE, "said something before RCPT, when no reply was due"),
        (command.EOM, frame(reply.CONTINUE)[:4], "does not answer to EOM within"),
    ],
)
async def test_what_makes_postfix_give_up_is_a_loss(
    tmp_path: Path, code: int, said: bytes, why: str, time_unit: float
) -> None:
    terms = Terms(content_timeout=0.1 * time_unit)
    outcome = await once(Milter(tmp_path / "s", {code: [said]}), terms=terms)
    assert outcome.verdict == ""
    assert outcome.loss is not None
    assert why in outcome.loss.detail


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (frame(reply.OPTNEG, payload.encode_options(6, 0x3FF, 0, {})), "wants actions 0x3ff"),
        (frame(reply.OPTNEG, payload.encode_options(7, 0, 0, {})), "answers version 7, 6 was offered"),
        (frame(reply.OPTNEG, b"short"), "answers OPTNEG wrongly: OPTNEG of 5 bytes"),
        (CONTINUE, "answers CONTINUE to OPTNEG; is it a milter at all?"),
        (b"UNKNOWN COMMAND\n", ": not a milter: it said 'UNKN' where a frame length is due"),
    ],
)
async def test_a_failed_negotiation(tmp_path: Path, answer: bytes, why: str) -> None:
    async with Milter(tmp_path / "s", {command.OPTNEG: [answer]}) as milter:
        with pytest.raises(MilterLostError, match=why.replace("?", r"\?")):
            await milter.mta()


async def test_bits_that_were_not_offered_are_told_of(tmp_path: Path) -> None:
    async with Milter(tmp_path / "s", protocol=option.HDR_LEADSPC) as milter:
        mta = await milter.mta(Terms(version=6, protocol=0x7F))
        mta.quit()
    assert "0x100000" in mta.opening.problems[0]


async def test_many_sessions_at_once(tmp_path: Path) -> None:
    async with Milter(tmp_path / "s", protocol=STREAMED) as milter:

        async def session() -> list[str]:
            mta = await milter.mta()
            outcomes = [await mta.deliver(envelope(), MESSAGE) for _ in range(3)]
            mta.quit()
            return [outcome.verdict for outcome in outcomes]

        verdicts = await asyncio.gather(*(session() for _ in range(20)))
    assert verdicts == [["accept"] * 3] * 20


async def test_an_address_without_a_domain_is_completed_in_its_macro(tmp_path: Path) -> None:
    async with Milter(tmp_path / "s") as milter:
        mta = await milter.mta(Terms(macros={"j": "mx.example.org"}))
        for sender in ("root", "", "a@b"):
            await mta.deliver(Envelope(Address.parse(sender), (Address.parse("c@d"),)), MESSAGE)
        mta.quit()
    told = [(macros[b"{mail_addr}"], macros[b"{mail_host}"]) for macros in milter.macros(command.MAIL)]
    here = b"mx.example.org"
    assert told == [(b"root@mx.example.org", here), (b"", here), (b"a@b", b"b")]
