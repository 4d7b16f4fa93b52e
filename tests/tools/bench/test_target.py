"""What a benchmark loads, and where that may be."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from mmx.errors import InvalidValueError, UnavailableError
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint
from mmx.tools.bench.target import LostError, Mail, MilterTarget, SmtpTarget, addresses_of, reached
from mmx.tools.mta.dialogue import Terms
from tests.aio.peers import BOUND
from tests.tools.filter_server import FilterServer
from tests.tools.mta_peers import CLIENT, MESSAGE, envelope
from tests.tools.smtp_server import CLOSE, CONTENT, GREETING, SmtpServer

MAIL = Mail(CLIENT, envelope(), [MESSAGE])


def milter(path: Path) -> MilterTarget:
    return MilterTarget("milter", UnixEndpoint(str(path)), MAIL, Terms(command_timeout=BOUND))


def smtp(server: SmtpServer) -> SmtpTarget:
    return SmtpTarget("smtp", InetEndpoint("127.0.0.1", server.port), MAIL, BOUND)


async def test_a_milter_gives_verdicts(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "rules: [{at: eom, when: {message: 2}, do: reject}]") as server:
        target = milter(server.path)
        assert await reached(target) is None
        session = target.session()
        await session.open()
        results = [await session.deliver(number) for number in range(2)]
        await session.quit()
    assert [result.verdict for result in results] == ["accept", "reject"]
    assert all(result.seconds > 0 for result in results)
    assert not session.is_refused


async def test_a_milter_may_refuse_the_session(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "rules: [{at: connect, do: reject}]") as server:
        session = milter(server.path).session()
        await session.open()
        assert session.is_refused
        assert (await session.deliver(0)).verdict == "reject"
        session.close()


async def test_a_milter_that_dies(tmp_path: Path) -> None:
    async with FilterServer(tmp_path / "s", "rules: [{at: eom, do: close}]") as server:
        session = milter(server.path).session()
        await session.open()
        with pytest.raises(LostError, match="closed the connection"):
            await session.deliver(0)
        session.close()


async def test_no_milter(tmp_path: Path) -> None:
    why = await reached(milter(tmp_path / "none"))
    assert "No such file" in str(why)


async def test_a_server_gives_verdicts() -> None:
    async with SmtpServer({CONTENT: "550 no"}) as server:
        target = smtp(server)
        assert await reached(target) is None
        session = target.session()
        await session.open()
        assert (await session.deliver(0)).verdict == "reject"
        await session.quit()
        assert not session.is_refused


@pytest.mark.parametrize(("word", "verdict"), [(GREETING, "tempfail"), ("EHLO", "tempfail")])
async def test_a_server_may_refuse_the_session(word: str, verdict: str) -> None:
    async with SmtpServer({word: "450 later"}) as server:
        session = smtp(server).session()
        await session.open()
        assert session.is_refused
        assert (await session.deliver(0)).verdict == verdict
        session.close()


async def test_a_421_ends_the_use_of_a_session() -> None:
    async with SmtpServer({"MAIL": "421 bye"}) as server:
        session = smtp(server).session()
        await session.open()
        assert (await session.deliver(0)).verdict == "shutdown"
        assert session.is_refused
        session.close()


@pytest.mark.parametrize("word", [GREETING, "MAIL", "QUIT"])
async def test_a_server_that_goes_away(word: str) -> None:
    async def whole() -> None:
        await session.open()
        await session.deliver(0)
        await session.quit()

    async with SmtpServer({word: CLOSE}) as server:
        session = smtp(server).session()
        with pytest.raises(LostError) as lost:
            await whole()
        session.close()
    assert lost.value.kind == "closed"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "localhost"])
async def test_loopback_may_be_loaded(host: str) -> None:
    assert await addresses_of(InetEndpoint(host, 25), allow_remote=False)


@pytest.mark.parametrize("host", ["192.0.2.1", "0.0.0.0", "::", "fe80::1", "::ffff:192.0.2.1", "10.1.2.3"])
async def test_other_addresses_may_not(host: str) -> None:
    with pytest.raises(InvalidValueError, match="--allow-remote"):
        await addresses_of(InetEndpoint(host, 25), allow_remote=False)
    assert await addresses_of(InetEndpoint(host, 25), allow_remote=True) == [InetEndpoint(host, 25)]


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 25)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


async def test_each_address_of_a_name_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "127.0.0.1", "192.0.2.1")
    with pytest.raises(InvalidValueError, match=r"another machine \(192\.0\.2\.1\)"):
        await addresses_of(InetEndpoint("mx.example.net", 25), allow_remote=False)
    resolving(monkeypatch, "127.0.0.1")
    found = await addresses_of(InetEndpoint("mx.example.net", 25), allow_remote=False)
    assert found == [InetEndpoint("127.0.0.1", 25)]


async def test_a_name_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch)
    with pytest.raises(UnavailableError, match="check the host name"):
        await addresses_of(InetEndpoint("mx.example.net", 25), allow_remote=False)
