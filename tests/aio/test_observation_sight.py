"""Which messages a child that observes is shown, and how much of them."""

import logging
from pathlib import Path

import pytest

from mmx.settings.model import Condition, Content
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, DATA, frame
from tests.aio.observing import ADD, BODY, CHANGE, REJECT, answering, nothing_is_left, observed, records, told
from tests.aio.peers import CONTINUE, MAIL, FakeChild, FakeMta, until
from tests.aio.test_sessions import Running

ACCEPTED = frame(reply.ACCEPT)


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


async def test_recipients_that_were_refused_are_not_shown(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    plain = answering({})
    child.answer = lambda received: REJECT if b"<bad@" in received else plain(received)
    async with Running(directory, child.endpoint, observed(observer)).serving() as running:
        mta = await running.mta()
        assert await mta.ask(MAIL) == CONTINUE
        assert await mta.ask(frame(command.RCPT, b"<bad@example.org>\0")) == REJECT
        assert await mta.ask(frame(command.RCPT, b"<good@example.org>\0")) == CONTINUE
        assert await mta.ask(frame(command.DATA)) == CONTINUE
        assert await mta.content() == CONTINUE
        await told(caplog)
    shown = [received for received in observer.frames if received[CODE] == command.RCPT]
    assert shown == [frame(command.RCPT, b"<good@example.org>\0")]


@pytest.mark.parametrize("place", ["behind", "before", "original"])
async def test_it_sees_the_message_as_the_children_before_it_left_it(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    child.answer = answering({command.EOM: ADD + CHANGE + BODY + CONTINUE}, option.HDR_LEADSPC)
    content = Content.ORIGINAL if place == "original" else Content.EDITED
    sees = observed(observer, content=content)
    chain = (sees, child.endpoint) if place == "before" else (child.endpoint, sees)
    async with Running(directory, *chain).serving() as running:
        mta = await running.mta()
        assert await mta.envelope() == CONTINUE
        await mta.content()
        await told(caplog)
        await nothing_is_left(running)
    headers = [received[DATA:] for received in observer.frames if received[CODE] == command.HEADER]
    body = b"".join(received[DATA:] for received in observer.frames if received[CODE] == command.BODY)
    if place == "behind":
        assert headers == [b"Subject\0other\0", b"X-Seen\0by the observer\0"]
        assert body == b"another body\r\n"
    else:
        assert headers == [b"Subject\0x\0"]
        assert body == b"x" * 100


@pytest.mark.parametrize("stage", [command.HEADER, command.BODY, command.EOM])
async def test_a_message_that_is_refused_is_shown_whole(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture, stage: int
) -> None:
    child.answer = answering({stage: REJECT})
    async with Running(directory, child.endpoint, observed(observer)).serving() as running:
        mta = await running.mta()
        assert await mta.message(200_000) == REJECT
        (record,) = await told(caplog)
        await nothing_is_left(running)
    assert record["message"] == "reject"
    assert (
        sum(len(received) - DATA for received in observer.frames if received[CODE] == command.BODY) == 200_000
    )


@pytest.mark.parametrize("stage", [command.CONNECT, command.MAIL, command.RCPT, command.DATA])
async def test_a_message_without_content_is_not_shown(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture, stage: int
) -> None:
    child.answer = answering({stage: frame(reply.TEMPFAIL)})
    async with Running(directory, child.endpoint, observed(observer)).serving() as running:
        mta = await FakeMta.connect(running.path)
        running.mtas.append(mta)
        try:
            await mta.greet()
        except AssertionError:
            assert stage == command.CONNECT
        assert await mta.message() == frame(reply.TEMPFAIL)
        await mta.close()
        await until(lambda: len(running.sessions) == 0)
        assert observer.connections == 0
    assert records(caplog) == []


async def test_everybody_else_accepting_does_not_hide_the_message(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    child.answer = answering({command.MAIL: ACCEPTED})
    async with Running(directory, child.endpoint, observed(observer)).serving() as running:
        mta = await running.mta()
        assert await mta.message() == ACCEPTED
        (record,) = await told(caplog)
    assert (record["verdict"], record["stage"]) == ("continue", "EOM")


async def test_30_mb(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    size = 30 << 20
    child.answer = answering({}, option.NR_BODY)
    observer.answer = answering({command.EOM: BODY * 100 + CONTINUE}, option.NR_BODY)
    async with Running(directory, child.endpoint, observed(observer)).serving() as running:
        mta = await running.mta()
        assert await mta.message(size) == CONTINUE
        (record,) = await told(caplog)
        await nothing_is_left(running)
    assert record["edits"] == "REPLBODY:1"
    got = sum(len(received) - DATA for received in observer.frames if received[CODE] == command.BODY)
    assert got == size


@pytest.mark.parametrize(
    ("sender", "verdict"), [("s@example.net", "continue"), ("other@example.net", "skipped")]
)
async def test_its_conditions_are_asked_when_the_message_is_over(
    directory: Path,
    child: FakeChild,
    observer: FakeChild,
    caplog: pytest.LogCaptureFixture,
    sender: str,
    verdict: str,
) -> None:
    when = Condition("sender", (sender,))
    conditions = (("wanted", when),)
    chain = (child.endpoint, observed(observer, when=("wanted",)))
    async with Running(directory, *chain, conditions=conditions).serving() as running:
        mta = await running.mta()
        assert await mta.message() == CONTINUE
        (record,) = await told(caplog)
        await nothing_is_left(running)
    assert record["verdict"] == verdict
    assert ("why" in record) is (verdict == "skipped")
