"""The MTA's end of a link: what can go wrong is told in words, and every wait ends."""

import asyncio
from pathlib import Path

import pytest

from mmx.settings.endpoint import InetEndpoint, UnixEndpoint
from mmx.tools.mta import link as mta_link
from mmx.tools.mta.link import Link, MilterLostError
from mmx.wire import command, reply
from mmx.wire.framing import frame
from tests.aio.peers import BOUND, FakeChild, until

MANY = 300


async def test_nobody_there(tmp_path: Path) -> None:
    endpoint = UnixEndpoint(str(tmp_path / "none"))
    with pytest.raises(MilterLostError, match=r"scan at unix:.*/none: No such file or directory") as caught:
        await Link.dial("scan", endpoint, BOUND)
    assert caught.value.loss.reason == "missing"


async def test_nobody_listens() -> None:
    with pytest.raises(MilterLostError, match=r"Connection refused .*does it listen here\?"):
        await Link.dial("scan", InetEndpoint("127.0.0.1", 1), BOUND)


async def test_silence_ends_the_wait(tmp_path: Path, time_unit: float) -> None:
    async with FakeChild(tmp_path / "s", lambda _: None) as child:
        link = await Link.dial("scan", UnixEndpoint(str(child.path)), BOUND)
        with pytest.raises(MilterLostError, match=r"scan at .* does not answer to MAIL within") as caught:
            await link.receive(0.05 * time_unit, "to MAIL")
        assert caught.value.loss.reason == "timeout"
        link.close()


async def test_what_came_before_the_end_is_taken_first(tmp_path: Path) -> None:
    async def say_and_go(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(reply.CONTINUE) * 2)
        await writer.drain()

    async with FakeChild(tmp_path / "s") as child:
        child.on_connect = say_and_go
        link = await Link.dial("scan", UnixEndpoint(str(child.path)), BOUND)
        received = [await link.receive(BOUND, "") for _ in range(2)]
        assert [one for _, one in received] == [frame(reply.CONTINUE)] * 2
        with pytest.raises(MilterLostError, match="closed the connection when it was to answer to MAIL"):
            await link.receive(BOUND, "to MAIL")


async def test_a_milter_that_sends_too_much_is_not_read_on_until_that_is_taken(tmp_path: Path) -> None:
    much = frame(reply.REPLBODY, bytes(60_000)) * MANY
    async with FakeChild(tmp_path / "s", lambda _: much) as child:
        link = await Link.dial("scan", UnixEndpoint(str(child.path)), BOUND)
        link.write([frame(command.EOM)])
        await until(lambda: link._is_paused)
        assert len(link._frames) < MANY
        for _ in range(MANY):
            await link.receive(BOUND, "")
        assert not link.has_frames
        link.close()


async def test_a_milter_that_does_not_read_ends_the_wait(
    tmp_path: Path, time_unit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mta_link, "HIGH_WATER", 1024)
    gone = asyncio.Event()

    async def not_read(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await gone.wait()

    async with FakeChild(tmp_path / "s") as child:
        child.on_connect = not_read
        link = await Link.dial("scan", UnixEndpoint(str(child.path)), BOUND)
        link.write([bytes(1 << 22)])
        with pytest.raises(MilterLostError, match=r"scan at unix:.* does not read what it is sent within"):
            await link.drain(0.05 * time_unit)
        gone.set()
        await until(lambda: child.closed)
