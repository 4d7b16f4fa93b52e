"""All observations together: how many there may be, and who gives way."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from mmx.aio.observation import Observation
from mmx.aio.plan import make_chain
from mmx.core.playback import Playback
from mmx.settings.model import Limits
from mmx.wire import command
from mmx.wire.framing import CODE
from tests.aio.observing import answering, nothing_is_left, observed, records, told
from tests.aio.peers import CONTINUE, FakeChild, until
from tests.aio.test_sessions import Running, is_refused

KIB = 1024


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest_asyncio.fixture
async def hanging(directory: Path) -> AsyncIterator[FakeChild]:
    """A child that never gives its verdict at end of message."""
    async with FakeChild(directory / "hanging.sock", answering({command.EOM: None})) as made:
        yield made


async def hangs(hanging: FakeChild, count: int) -> None:
    await until(lambda: hanging.commands.count(command.EOM) == count)


async def test_a_child_misses_what_is_above_its_number(
    directory: Path, child: FakeChild, hanging: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(max_observations=2)
    async with Running(directory, observed(hanging), observed(child), limits=limits).serving() as running:
        mta = await running.mta()
        for count in (1, 2, 4, 6):
            assert await mta.message() == CONTINUE
            await told(caplog, count)
        assert len(running.sessions.observers) == 2
        found = records(caplog)
    missed = [record for record in found if record["verdict"] == "missed"]
    assert [(record["child"], record["message"]) for record in missed] == [("hanging", "accept")] * 2
    assert "max_observations" in missed[0]["why"]
    assert [record["child"] for record in found if record["verdict"] == "continue"] == ["child"] * 4


async def test_the_number_may_change(
    directory: Path, hanging: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(max_observations=1)
    async with Running(directory, observed(hanging), limits=limits).serving() as running:
        mta = await running.mta()
        assert await mta.message() == CONTINUE
        await hangs(hanging, 1)
        settings = replace(running.settings, limits=Limits(max_observations=2))
        running.sessions.change(settings, make_chain(settings), max_sessions=10)
        assert await mta.message() == CONTINUE
        await hangs(hanging, 2)
        assert records(caplog) == []


async def test_a_reload_without_the_child_ends_its_sight(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    async with Running(directory, observed(child)).serving() as running:
        mta = await running.mta()
        assert await mta.message() == CONTINUE
        await told(caplog)
        settings = replace(running.settings, children=())
        running.sessions.change(settings, make_chain(settings), max_sessions=10)
        assert await mta.message() == CONTINUE
        running.sessions.change(running.settings, make_chain(running.settings), max_sessions=10)
        assert await mta.message() == CONTINUE
        await told(caplog, 2)
        assert child.connections == 2


async def test_observations_give_way_when_the_spool_is_short(
    directory: Path, child: FakeChild, hanging: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(max_spool=100 * KIB)
    async with Running(directory, child.endpoint, observed(hanging), limits=limits).serving() as running:
        mta = await running.mta()
        for count, size in enumerate((50 * KIB, 10 * KIB), 1):
            assert await mta.message(size) == CONTINUE
            await hangs(hanging, count)
        assert running.sessions.budget.used == 60 * KIB
        assert await mta.message(80 * KIB) == CONTINUE
        (record,) = await told(caplog)
        await hangs(hanging, 3)
        assert running.sessions.budget.used == 90 * KIB
    assert record["verdict"] == "missed"
    assert "max_spool" in record["why"]
    assert "451" not in caplog.text


async def test_a_message_that_two_children_observe_is_given_up_by_both(
    directory: Path, child: FakeChild, hanging: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    child.answer = hanging.answer
    limits = Limits(max_spool=100 * KIB)
    async with Running(directory, observed(child), observed(hanging), limits=limits).serving() as running:
        mta = await running.mta()
        assert await mta.message(60 * KIB) == CONTINUE
        await hangs(hanging, 1)
        await hangs(child, 1)
        assert await mta.message(60 * KIB) == CONTINUE
        assert {record["child"] for record in await told(caplog, 2)} == {"child", "hanging"}
        assert running.sessions.budget.used == 60 * KIB


async def test_a_full_spool_gives_way_to_the_next_mail(
    directory: Path, hanging: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(max_spool=50 * KIB)
    async with Running(directory, observed(hanging), limits=limits).serving() as running:
        mta = await running.mta()
        assert await mta.message(50 * KIB) == CONTINUE
        await hangs(hanging, 1)
        assert running.sessions.budget.is_exhausted
        assert await mta.message(1) == CONTINUE
        await told(caplog)


async def test_what_is_short_beyond_the_observations_is_refused_as_ever(
    directory: Path, hanging: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(max_spool=50 * KIB)
    async with Running(directory, observed(hanging), limits=limits).serving() as running:
        mta = await running.mta()
        assert await mta.message(20 * KIB) == CONTINUE
        await hangs(hanging, 1)
        assert is_refused(await mta.message(60 * KIB))


async def test_a_fault_in_an_observation_concerns_nobody_else(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> bytes:
        raise ZeroDivisionError

    async with Running(directory, observed(child)).serving() as running:
        mta = await running.mta()
        for count, (owner, name) in enumerate(
            ((Observation, "__init__"), (Playback, "begin"), (Playback, "take"), (Playback, "more")), 1
        ):
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, fault)
                assert await mta.message() == CONTINUE
                record = (await told(caplog, count))[-1]
            assert (record["verdict"], record["why"]) == ("missed", "internal error")
            await nothing_is_left(running)
    assert "ZeroDivisionError" in caplog.text


async def test_a_spool_that_cannot_be_read(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    async with Running(directory, observed(child)).serving() as running:
        mta = await running.mta()
        with monkeypatch.context() as patch:
            patch.setattr("mmx.core.spool.Mirror.read", fault)
            assert await mta.message() == CONTINUE
            await told(caplog)
        with monkeypatch.context() as patch:
            patch.setattr("mmx.aio.spool.FileSpool.read", fault)
            assert await mta.message() == CONTINUE
            found = await told(caplog, 2)
        await nothing_is_left(running)
    assert [record["verdict"] for record in found] == ["missed", "missed"]


async def test_a_message_that_ends_with_the_daemon_is_missed(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    async with Running(directory, observed(child)).serving() as running:
        mta = await running.mta()
        running.sessions.observers.stop()
        assert await mta.message() == CONTINUE
        (record,) = await told(caplog)
        await nothing_is_left(running)
    assert (record["verdict"], record["why"]) == ("missed", "mmx was stopped")


async def test_the_answer_does_not_wait(
    directory: Path, hanging: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    never = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()

    hanging.on_connect = mute
    async with Running(directory, observed(hanging)).serving() as running:
        mtas = [await running.mta() for _ in range(5)]
        answers = await asyncio.gather(*(mta.message() for mta in mtas))
        assert answers == [CONTINUE] * 5
        assert {received[CODE] for received in hanging.frames} == set()
        never.set()
