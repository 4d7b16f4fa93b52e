"""Messages shown to a child that observes: what it sees, what is told of it, and that nobody notices."""

import asyncio
import logging
from pathlib import Path
from types import MappingProxyType

import pytest

from mmx.aio.observation import chain_of
from mmx.core.plan import ACCEPT, Chain, ChildPlan, ObservedPlan
from mmx.settings.model import Limits
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, frame
from tests.aio.observing import (
    ADD,
    BODY,
    CHANGE,
    QUARANTINE,
    REJECT,
    answering,
    nothing_is_left,
    observed,
    records,
    told,
)
from tests.aio.peers import CONTINUE, MAIL, FakeChild, until
from tests.aio.test_sessions import Running

ACCEPTED = frame(reply.ACCEPT)
WHOLE = [
    *(command.OPTNEG, command.MACRO, command.CONNECT, command.HELO, command.MACRO, command.MAIL),
    *(command.RCPT, command.DATA, command.HEADER, command.EOH, command.BODY, command.EOM, command.QUIT),
]


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


async def test_it_sees_the_whole_message_after_its_end(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    async with Running(directory, child.endpoint, observed(observer)).serving() as running:
        mta = await running.mta()
        assert await mta.envelope() == CONTINUE
        assert observer.connections == 0
        assert await mta.content() == CONTINUE
        (record,) = await told(caplog)
        await until(lambda: observer.closed == 1)
        assert observer.commands == WHOLE
        assert observer.frames[2:] == [*child.frames[2:], frame(command.QUIT)]
        await nothing_is_left(running)
    seconds = record.pop("seconds")
    assert float(seconds) >= 0
    message = next(line for line in caplog.messages if line.startswith("message "))
    assert f"session={record.pop('session')} queue_id={record.pop('queue_id')} " in message
    assert record == {"child": "observer", "verdict": "continue", "stage": "EOM", "message": "accept"}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({command.CONNECT: REJECT}, {"verdict": "reject", "stage": "CONNECT"}),
        ({command.CONNECT: ACCEPTED}, {"verdict": "accept", "stage": "CONNECT"}),
        ({command.HELO: frame(reply.TEMPFAIL)}, {"verdict": "tempfail", "stage": "HELO"}),
        ({command.MAIL: REJECT}, {"verdict": "reject", "stage": "MAIL"}),
        ({command.MAIL: frame(reply.DISCARD)}, {"verdict": "discard", "stage": "MAIL"}),
        ({command.RCPT: REJECT}, {"verdict": "reject", "stage": "RCPT", "refused": "1"}),
        ({command.RCPT: frame(reply.DISCARD)}, {"verdict": "discard", "stage": "RCPT"}),
        ({command.DATA: ACCEPTED}, {"verdict": "accept", "stage": "DATA"}),
        ({command.HEADER: REJECT}, {"verdict": "reject", "stage": "HEADER"}),
        ({command.HEADER: ACCEPTED}, {"verdict": "accept", "stage": "HEADER"}),
        ({command.EOH: frame(reply.SHUTDOWN)}, {"verdict": "shutdown", "stage": "EOH"}),
        ({command.BODY: frame(reply.DISCARD)}, {"verdict": "discard", "stage": "BODY"}),
        ({command.EOM: REJECT}, {"verdict": "reject", "stage": "EOM"}),
        ({command.EOM: ACCEPTED}, {"verdict": "accept", "stage": "EOM"}),
        ({command.EOM: QUARANTINE + CONTINUE}, {"verdict": "quarantine", "edits": "QUARANTINE:1"}),
        (
            {command.EOM: ADD + CHANGE + BODY + BODY + ADD + ACCEPTED},
            {"verdict": "accept", "edits": "REPLBODY:1,ADDHEADER:2,CHGHEADER:1"},
        ),
        ({command.EOM: ADD + REJECT}, {"verdict": "reject"}),
    ],
)
async def test_its_verdict_is_told_and_has_no_effect(
    directory: Path,
    child: FakeChild,
    observer: FakeChild,
    caplog: pytest.LogCaptureFixture,
    answers: dict[int, bytes],
    expected: dict[str, str],
) -> None:
    observer.answer = answering(answers)
    child.answer = answering({command.EOM: ADD + CONTINUE}, option.HDR_LEADSPC)
    async with Running(directory, observed(observer), child.endpoint).serving() as running:
        mta = await running.mta()
        assert await mta.envelope() == CONTINUE
        assert await mta.content() == ADD
        assert await mta.receive() == CONTINUE
        (record,) = await told(caplog)
        assert {name: record.get(name) for name in expected} == expected
        assert ("reply" in record) == (
            REJECT in b"".join(answers.values()) or "shutdown" in record["verdict"]
        )
        assert ("edits" in record) == ("edits" in expected)
        await nothing_is_left(running)


async def test_a_refused_recipient_is_left_out_and_the_rest_goes_on(
    directory: Path, observer: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    plain = answering({})

    def answer(received: bytes) -> bytes | None:
        return REJECT if b"<bad@" in received else plain(received)

    observer.answer = answer
    async with Running(directory, observed(observer)).serving() as running:
        mta = await running.mta()
        assert await mta.ask(MAIL) == CONTINUE
        for name in (b"good", b"bad", b"better"):
            assert await mta.ask(frame(command.RCPT, b"<" + name + b"@example.org>\0")) == CONTINUE
        assert await mta.ask(frame(command.DATA)) == CONTINUE
        assert await mta.content() == CONTINUE
        (record,) = await told(caplog)
    assert observer.commands.count(command.RCPT) == 3
    assert command.EOM in observer.commands
    assert (record["verdict"], record["refused"]) == ("continue", "1")
    assert record["reply"] == "550 5.7.1 I do not like it"


async def test_several_messages_of_a_session(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    observer.answer = answering({command.EOM: REJECT})
    async with Running(directory, child.endpoint, observed(observer)).serving() as running:
        mta = await running.mta()
        for _ in range(3):
            assert await mta.message() == CONTINUE
        found = await told(caplog, 3)
        await nothing_is_left(running)
    assert observer.connections == 3
    assert {record["verdict"] for record in found} == {"reject"}
    assert {record["session"] for record in found} == {found[0]["session"]}


async def test_an_mta_that_quits_right_after_the_message(
    directory: Path, observer: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    async with Running(directory, observed(observer)).serving() as running:
        mta = await running.mta()
        assert await mta.envelope() == CONTINUE
        await mta.send(
            frame(command.HEADER, b"Subject\0 x\0"),
            frame(command.EOH),
            frame(command.EOM),
            frame(command.QUIT),
        )
        assert await mta.receive() == CONTINUE
        assert await mta.hears_end()
        (record,) = await told(caplog)
        await nothing_is_left(running)
    assert record["verdict"] == "continue"


async def test_a_child_that_is_not_there(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    gone = FakeChild(directory / "gone.sock")
    async with Running(directory, child.endpoint, observed(gone)).serving() as running:
        mta = await running.mta()
        for count in (1, 2):
            assert await mta.message() == CONTINUE
            record = (await told(caplog, count))[-1]
            assert (record["verdict"], record["stage"]) == ("failed", "connect")
            assert record["why"].startswith("missing: ")
        await nothing_is_left(running)
    assert "action=" not in caplog.text


@pytest.mark.parametrize("stage", [code for code in WHOLE if code not in (command.MACRO, command.QUIT)])
async def test_a_child_that_dies(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture, stage: int
) -> None:
    plain = answering({})

    def answer(received: bytes) -> bytes | None:
        if received[CODE] == stage:
            observer.cut()
            return None
        return plain(received)

    observer.answer = answer
    async with Running(directory, child.endpoint, observed(observer)).serving() as running:
        mta = await running.mta()
        assert await mta.message(200_000) == CONTINUE
        (record,) = await told(caplog)
        assert await mta.message() == CONTINUE
        await told(caplog, 2)
        await nothing_is_left(running)
    assert (record["verdict"], record["stage"]) == ("failed", command.NAMES[stage])


async def test_a_child_that_hangs(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture, time_unit: float
) -> None:
    observer.answer = answering({command.EOM: None})
    settings = observed(observer, content_timeout=0.1 * time_unit)
    async with Running(directory, child.endpoint, settings).serving() as running:
        mta = await running.mta()
        assert await mta.message() == CONTINUE
        assert await mta.message() == CONTINUE
        found = await told(caplog, 2)
        await nothing_is_left(running)
    assert [(record["verdict"], record["stage"]) for record in found] == [("failed", "EOM")] * 2
    assert all(record["why"].startswith("timeout: ") for record in found)


async def test_a_child_that_never_reads(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture, time_unit: float
) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()

    released = asyncio.Event()
    child.answer = answering({}, option.NR_BODY)
    plain = answering({}, option.NR_BODY | option.NR_HDR | option.NR_EOH)
    splitter_done = asyncio.Event()

    def answer(received: bytes) -> bytes | None:
        if received[CODE] == command.DATA:
            splitter_done.set()
        return plain(received)

    async def stops_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def until_data() -> bool:
            if splitter_done.is_set():
                await deaf(reader, writer)
            return True

        await observer.serve(reader, writer, until_data)

    observer.answer = answer
    observer.on_connect = stops_reading
    settings = observed(observer, content_timeout=0.2 * time_unit)
    async with Running(directory, child.endpoint, settings).serving() as running:
        mta = await running.mta()
        assert await mta.message(5 << 20) == CONTINUE
        (record,) = await told(caplog)
        released.set()
        await nothing_is_left(running)
    assert record["verdict"] == "failed"
    assert record["why"].startswith("timeout: ")


async def test_the_time_of_an_observation_has_an_end(
    directory: Path, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture, time_unit: float
) -> None:
    plain = answering({})

    def answer(received: bytes) -> bytes | None:
        return frame(reply.PROGRESS) if received[CODE] == command.HELO else plain(received)

    observer.answer = answer
    limits = Limits(message_timeout=0.1 * time_unit)
    async with Running(directory, child.endpoint, observed(observer), limits=limits).serving() as running:
        mta = await running.mta()
        assert await mta.message() == CONTINUE
        (record,) = await told(caplog)
        await nothing_is_left(running)
    assert record["verdict"] == "failed"
    assert "message_timeout" in record["why"]


async def test_a_stop_cuts_what_is_under_way(
    directory: Path, observer: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    observer.answer = answering({command.EOM: None})
    async with Running(directory, observed(observer)).serving() as running:
        mta = await running.mta()
        assert await mta.message() == CONTINUE
        await until(lambda: command.EOM in observer.commands)
        await mta.send(frame(command.QUIT))
        await running.sessions.drain(10)
        assert running.sessions.budget.used == 0
    (record,) = records(caplog)
    assert (record["verdict"], record["why"]) == ("missed", "mmx was stopped")


def test_the_chain_of_an_observation_takes_no_default_action() -> None:
    plan = ObservedPlan(ChildPlan("a", unreachable="reject", died="quarantine"), frozenset())

    class Kept:
        chain = Chain(children=(ChildPlan("b"),), observed=(plan,), name_in_reply=True)
        requested = MappingProxyType({3: (b"i",)})

    made = chain_of(Kept(), plan)  # type: ignore[arg-type]  # all of a transcript that is read
    assert [(one.name, one.unreachable, one.died) for one in made.children] == [("a", ACCEPT, ACCEPT)]
    assert made.observed == ()
    assert made.condition_macros == Kept.requested
    assert not made.name_in_reply
