"""A session of `mmx filter`, with the MTA of the tools at its other end."""

import asyncio
import socket
from pathlib import Path

import pytest

from mmx.tools.filter.script import Negotiation
from mmx.tools.filter.session import ACT, BEGIN, END, IN, OUT, answer_to
from mmx.tools.mta.dialogue import Terms
from mmx.tools.mta.link import MilterLostError
from mmx.tools.mta.mta import Mta
from mmx.tools.mta.outcome import Outcome
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, frame
from mmx.wire.payload import Options
from tests.aio.peers import until
from tests.tools.filter_server import FilterServer
from tests.tools.mta_peers import MESSAGE, envelope

SHORT = Terms(command_timeout=0.05, content_timeout=0.05)


async def deliver(path: Path, script: str, *recipients: str, terms: Terms | None = None) -> Outcome:
    async with FilterServer(path, script) as server:
        mta = await server.mta(terms)
        outcome = await mta.deliver(envelope(*recipients), MESSAGE)
        mta.quit()
    return outcome


async def test_without_rules_everything_passes(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "") as server:
        mta = await server.mta()
        outcome = await mta.deliver(envelope(), MESSAGE)
        mta.quit()
        await until(lambda: server.all(END))
    assert (outcome.verdict, outcome.stage, outcome.edits) == ("accept", "EOM", [])
    assert [happening.text for happening in server.all(END)] == ["the peer took leave"]
    assert len(server.all(BEGIN)) == 1
    codes = [happening.frame[CODE] for happening in server.all(IN)]
    assert codes.count(command.HEADER) == len(MESSAGE.headers)
    answered = [code for code in codes if code in option.NO_REPLY or code == command.OPTNEG]
    assert len(server.all(OUT)) == len(answered)


@pytest.mark.parametrize(
    ("event", "verdict", "expected"),
    [
        ("mail", "reject", ("reject", "MAIL")),
        ("rcpt", "tempfail", ("tempfail", "RCPT")),
        ("data", '{reply: "550 5.7.1 No"}', ("reject", "DATA")),
        ("header", "accept", ("accept", "HEADER")),
        ("eoh", "discard", ("discard", "EOH")),
        ("body", "shutdown", ("shutdown", "BODY")),
        ("eom", '{reply: "450 4.7.1 Later"}', ("tempfail", "EOM")),
    ],
)
async def test_verdicts(tmp_path: Path, event: str, verdict: str, expected: tuple[str, str]) -> None:
    outcome = await deliver(tmp_path / "s", f"rules: [{{at: {event}, do: {verdict}}}]")
    assert (outcome.verdict, outcome.stage) == expected


async def test_a_reply_reaches_the_client_as_it_was_written(tmp_path: Path) -> None:
    script = 'rules: [{at: eom, do: {reply: ["550-5.7.1 a", "550 5.7.1 100%"]}}]'
    outcome = await deliver(tmp_path / "s", script)
    assert outcome.reply == b"550-5.7.1 a\r\n550 5.7.1 100%"


async def test_edits_progress_and_a_delay_in_their_order(tmp_path: Path) -> None:
    script = """
negotiate: {steps: [HDR_LEADSPC]}
rules:
  - at: eom
    do: [progress, {add_header: {name: X, value: b}, delay: 1ms, quarantine: why}]
"""
    async with FilterServer(tmp_path / "s", script) as server:
        mta = await server.mta()
        outcome = await mta.deliver(envelope(), MESSAGE)
        mta.quit()
    assert outcome.verdict == "quarantine"
    assert outcome.edits[0] == frame(reply.ADDHEADER, b"X\0 b\0")
    assert len(outcome.progress) == 1
    assert [happening.what for happening in server.happenings if happening.rule] == [OUT, OUT, ACT, OUT, OUT]


async def test_recipients_are_told_apart(tmp_path: Path) -> None:
    script = "rules: [{at: rcpt, when: {recipient: 'bob@*'}, do: reject}]"
    outcome = await deliver(tmp_path / "s", script, "ann@example.org", "bob@example.org")
    assert outcome.verdict == "accept"
    assert [recipient.address for recipient, _, _ in outcome.refused] == [b"<bob@example.org>"]


async def test_what_was_declared_silent_stays_so(tmp_path: Path) -> None:
    script = """
negotiate: {steps: [NR_HDR, NR_BODY]}
rules: [{at: [header, body], do: reject}]
"""
    outcome = await deliver(tmp_path / "s", script)
    assert (outcome.verdict, outcome.problems) == ("accept", [])


async def test_skip_is_negotiated_where_it_is_used(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "rules: [{at: body, do: skip}]") as server:
        mta = await server.mta(Terms(chunk=2))
        assert (await mta.deliver(envelope(), MESSAGE)).verdict == "accept"
        mta.quit()
    assert [happening.frame[CODE] for happening in server.all(IN)].count(command.BODY) == 1


@pytest.mark.parametrize(
    ("event", "do"),
    [("eom", "close"), ("eom", "reset"), ("eom", "hang"), ("eom", "silence"), ("rcpt", "close")],
)
async def test_deaths(tmp_path: Path, event: str, do: str) -> None:
    outcome = await deliver(tmp_path / "s", f"rules: [{{at: {event}, do: {do}}}]", terms=SHORT)
    assert outcome.verdict == ""
    assert outcome.loss


async def test_garbage(tmp_path: Path) -> None:
    script = 'rules: [{at: eom, do: {garbage: "HTTP/1.1 400 Bad Request\\r\\n"}}]'
    outcome = await deliver(tmp_path / "s", script)
    assert "not a milter" in str(outcome.loss)


@pytest.mark.parametrize("do", ["close", "hang", "silence", '{garbage: "SSH-2.0-x"}'])
async def test_deaths_in_the_negotiation(tmp_path: Path, do: str) -> None:
    async with FilterServer(tmp_path / "s", f"rules: [{{at: negotiate, do: {do}}}]") as server:
        with pytest.raises(MilterLostError):
            await server.mta(SHORT)


async def test_one_that_hangs_still_tells_what_comes(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "rules: [{at: mail, do: hang}]") as server:
        reader, writer = await asyncio.open_unix_connection(server.path)
        writer.write(frame(command.MAIL, b"<>\0") + frame(command.RCPT, b"<a@b.c>\0"))
        await until(lambda: len(server.all(IN)) == 2)
        assert not server.all(OUT)
        writer.close()
        await until(lambda: server.all(END))
        assert await reader.read() == b""


async def test_reset_of_a_tcp_connection(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "rules: [{at: quit, do: reset}]") as server:
        tcp = await asyncio.start_server(server._begin, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*tcp.sockets[0].getsockname())
        writer.write(frame(command.QUIT))
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        tcp.close()
        await tcp.wait_closed()


async def test_messages_of_a_session_may_differ(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "rules: [{at: eom, when: {message: 2}, do: reject}]") as server:
        mta = await server.mta()
        verdicts = [(await mta.deliver(envelope(), MESSAGE)).verdict for _ in range(3)]
        mta.quit()
    assert verdicts == ["accept", "reject", "accept"]


async def test_sessions_may_differ(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "rules: [{at: mail, when: {session: 2}, do: reject}]") as server:
        verdicts = []
        for _ in range(2):
            mta: Mta = await server.mta()
            verdicts.append((await mta.deliver(envelope(), MESSAGE)).verdict)
            mta.quit()
    assert verdicts == ["accept", "reject"]


async def test_what_cannot_be_read_is_told_and_answered(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "") as server:
        reader, writer = await asyncio.open_unix_connection(server.path)
        writer.write(frame(command.MAIL, b"no NUL"))
        assert await reader.readexactly(5) == frame(reply.CONTINUE)
        assert "NUL" in server.all(IN)[0].text
        writer.close()


async def test_a_peer_without_frames_is_sent_away(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "") as server:
        reader, writer = await asyncio.open_unix_connection(server.path)
        writer.write(b"EHLO x\r\n")
        assert await reader.read() == b""
        assert "not a milter" in server.all(END)[0].text
        writer.close()


async def test_a_peer_that_says_nothing_is_no_session(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "") as server:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(server.path))
        await until(lambda: server.all(END))
    assert not server.all(BEGIN)
    assert server.all(END)[0].session == 0


OFFER = Options(4, option.ADDHDRS | option.SETSYMLIST, option.NOUNKNOWN, {})
WANTED = Negotiation(6, option.ALL_ACTIONS, option.NOUNKNOWN | option.SKIP, {0: (b"j",)})


def test_the_answer_stays_within_the_offer() -> None:
    answer = Options(4, option.ADDHDRS | option.SETSYMLIST, option.NOUNKNOWN, {0: (b"j",)})
    assert answer_to(OFFER, WANTED) == answer
    assert answer_to(Options(2, 0, 0, {}), WANTED) == Options(2, 0, 0, {})


def test_the_answer_may_go_beyond_the_offer() -> None:
    wanted = Negotiation(7, option.ALL_ACTIONS, option.SKIP, beyond_offer=True)
    assert answer_to(OFFER, wanted) == Options(7, option.ALL_ACTIONS, option.SKIP, {})
    assert payload.encode_options(*answer_to(OFFER, wanted))
