"""Dialling: real sockets, and every way it can fail."""

import asyncio
import errno
import os
import socket
from pathlib import Path

import pytest

from mmx.aio import dial as module
from mmx.aio.access import Account
from mmx.aio.dial import Dialling, explain, resolve
from mmx.core.action import Loss
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint, parse_endpoint
from tests.aio.peers import CONTINUE, OPTNEG, FakeChild, KeepingOwner, until


class Attempt(KeepingOwner):
    """A dial and what comes of it."""

    def __init__(self, endpoint: str, within: float = 5.0) -> None:
        super().__init__(accepted=False)
        self.failures: list[Loss] = []
        self.dialling = Dialling(
            self.stream,
            self.failures.append,
            name="scanner",
            endpoint=parse_endpoint(endpoint),
            within=within,
            loop=asyncio.get_running_loop(),
        )
        self.at_once = self.dialling.start()


def full_backlog(path: Path) -> tuple[socket.socket, list[socket.socket]]:
    """A listening unix socket that takes no more connections, and those that fill it."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen(0)
    filling: list[socket.socket] = []
    while True:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            one.connect(str(path))
        except BlockingIOError:
            one.close()
            return listening, filling
        filling.append(one)


async def test_unix(child: FakeChild) -> None:
    attempt = Attempt(child.endpoint)
    assert attempt.at_once is None
    await until(lambda: attempt.heard == ["connected"])
    attempt.stream.write([OPTNEG])
    await until(lambda: len(attempt.frames) == 1)
    attempt.stream.write([b"\0\0\0\1N"])
    await until(lambda: attempt.frames[1:] == [CONTINUE])
    attempt.stream.close()
    assert attempt.failures == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_inet(host: str) -> None:
    owner = KeepingOwner()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: owner.stream, host.strip("[]"), 0)
    port = server.sockets[0].getsockname()[1]
    attempt = Attempt(f"inet:{host}:{port}")
    await until(lambda: attempt.heard == ["connected"])
    attempt.stream.write([OPTNEG])
    await until(lambda: owner.frames == [OPTNEG])
    attempt.stream.close()
    await until(lambda: owner.loss)
    server.close()


async def test_a_name_whose_first_address_refuses() -> None:
    """localhost is 127.0.0.1, then ::1; here only ::1 listens."""
    owner = KeepingOwner()
    server = await asyncio.get_running_loop().create_server(lambda: owner.stream, "::1", 0)
    attempt = Attempt(f"inet:localhost:{server.sockets[0].getsockname()[1]}")
    await until(lambda: attempt.heard == ["connected"])
    attempt.stream.close()
    await until(lambda: owner.loss)
    server.close()


async def test_a_missing_socket_fails_at_once(directory: Path) -> None:
    attempt = Attempt(f"unix:{directory}/none")
    assert attempt.at_once is not None
    assert attempt.at_once.reason == "missing"
    assert f"scanner at unix:{directory}/none: No such file or directory (ENOENT)" in attempt.at_once.detail
    assert "running" in attempt.at_once.detail


async def test_a_socket_nobody_listens_on_fails_at_once(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(directory / "stale"))
    attempt = Attempt(f"unix:{directory}/stale")
    assert attempt.at_once is not None
    assert attempt.at_once.reason == "refused"


async def test_a_refused_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        attempt = Attempt(f"inet:127.0.0.1:{port}")
        await until(lambda: attempt.failures)
    assert attempt.failures[0].reason == "refused"
    assert "ECONNREFUSED" in attempt.failures[0].detail


async def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_address(endpoint: InetEndpoint) -> list[module.Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(module, "resolve", no_address)
    attempt = Attempt("inet:nowhere.invalid:25")
    await until(lambda: attempt.failures)
    assert attempt.failures[0].reason == "other"
    assert "nowhere.invalid" in attempt.failures[0].detail


async def test_a_name_one_of_whose_addresses_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """localhost where IPv6 is switched off."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    addresses = [(socket.AF_INET, (host, port)) for host in ("127.0.0.1", "255.255.255.255")]

    async def both(endpoint: InetEndpoint) -> list[module.Address]:
        return list(addresses)

    monkeypatch.setattr(module, "resolve", both)
    attempt = Attempt(f"inet:localhost:{port}")
    await until(lambda: attempt.failures)
    assert attempt.failures[0].reason == "refused"


async def test_a_name_that_is_none() -> None:
    attempt = Attempt(f"inet:{'a' * 64}.example.net:25")
    await until(lambda: attempt.failures)
    assert attempt.failures[0].reason == "other"
    assert "not a host name" in attempt.failures[0].detail


@pytest.mark.parametrize("where", ["resolve", "connect"])
async def test_a_wait_that_is_too_long(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    async def never(*args: object) -> list[module.Address]:
        await asyncio.sleep(60)
        return []

    if where == "resolve":
        monkeypatch.setattr(module, "resolve", never)
        attempt = Attempt("inet:192.0.2.1:25", within=0.05)
    else:
        with socket.socket() as listening:
            # A full TCP backlog drops the SYN: the connect hangs, as towards a host that is gone.
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            port = listening.getsockname()[1]
            fill = [socket.socket() for _ in range(3)]
            for one in fill:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            await asyncio.sleep(0.01)
            attempt = Attempt(f"inet:127.0.0.1:{port}", within=0.05)
            await until(lambda: attempt.failures)
            for one in fill:
                one.close()
    await until(lambda: attempt.failures)
    assert attempt.failures[0].reason == "timeout"


async def test_a_full_backlog_is_waited_for(directory: Path) -> None:
    listening, filling = full_backlog(directory / "busy")
    attempt = Attempt(f"unix:{directory}/busy")
    assert attempt.at_once is None
    await asyncio.sleep(0.02)
    assert attempt.heard == []
    while filling:
        accepted, _ = listening.accept()
        accepted.close()
        filling.pop().close()
    await until(lambda: attempt.heard[:1] == ["connected"])
    attempt.stream.abort()
    listening.close()
    assert attempt.failures == []


async def test_a_backlog_that_stays_full_is_a_shortage(directory: Path) -> None:
    listening, filling = full_backlog(directory / "busy")
    attempt = Attempt(f"unix:{directory}/busy", within=0.05)
    await until(lambda: attempt.failures)
    assert attempt.failures[0].reason == "busy"
    assert "EAGAIN" in attempt.failures[0].detail
    for one in (listening, *filling):
        one.close()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
@pytest.mark.parametrize("scheme", ["unix", "inet"])
async def test_shortages_are_retried(
    child: FakeChild, monkeypatch: pytest.MonkeyPatch, number: int, scheme: str
) -> None:
    failures = [number, number]
    server = await asyncio.start_server(child._accept, "127.0.0.1", 0)
    endpoint = child.endpoint if scheme == "unix" else f"inet:127.0.0.1:{server.sockets[0].getsockname()[1]}"

    class Short(socket.socket):
        def __init__(self, *args: int, **options: int) -> None:
            if failures:
                raise OSError(failures.pop(), "short")
            super().__init__(*args, **options)

    monkeypatch.setattr(socket, "socket", Short)
    attempt = Attempt(endpoint)
    await until(lambda: attempt.heard == ["connected"])
    assert attempt.failures == []
    attempt.stream.close()
    server.close()


async def test_cancel_while_retrying(directory: Path) -> None:
    listening, filling = full_backlog(directory / "busy")
    attempt = Attempt(f"unix:{directory}/busy", within=0.05)
    attempt.dialling.cancel()
    await asyncio.sleep(0.1)
    assert (attempt.heard, attempt.failures) == ([], [])
    for one in (listening, *filling):
        one.close()


async def test_cancel_before_the_loop_has_the_socket(child: FakeChild) -> None:
    attempt = Attempt(child.endpoint)
    attempt.dialling.cancel()
    await until(lambda: child.closed == 1)
    assert (attempt.heard, attempt.failures) == ([], [])


async def test_cancel_while_connecting() -> None:
    attempt = Attempt("inet:localhost:9")
    attempt.dialling.cancel()
    await asyncio.sleep(0.01)
    assert (attempt.heard, attempt.failures) == ([], [])


async def test_a_permission_denied_names_the_place_and_the_user(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = directory / "guarded"
    inner.mkdir(mode=0o750)
    monkeypatch.setattr("mmx.aio.dial.own_account", lambda: Account("mmx", 65533, frozenset()))
    loss = explain("scanner", UnixEndpoint(f"{inner}/s"), PermissionError(errno.EACCES, "denied"))
    assert loss.reason == "denied"
    assert f"{inner} (0750 " in loss.detail
    assert "not let user mmx in" in loss.detail


async def test_a_refusal_that_the_modes_do_not_explain(directory: Path) -> None:
    loss = explain("scanner", UnixEndpoint(f"{directory}/s"), PermissionError(errno.EACCES, "denied"))
    assert "SELinux" in loss.detail


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOENT, "missing"),
        (errno.ECONNREFUSED, "refused"),
        (errno.EACCES, "denied"),
        (errno.EAGAIN, "busy"),
        (errno.EMFILE, "resources"),
        (errno.ETIMEDOUT, "timeout"),
        (errno.ECONNRESET, "reset"),
        (errno.EHOSTUNREACH, "other"),
        (errno.ENETUNREACH, "other"),
    ],
)
def test_explain(number: int, reason: str) -> None:
    loss = explain("scanner", InetEndpoint("192.0.2.1", 25), OSError(number, os.strerror(number)))
    assert loss.reason == reason
    assert loss.detail.startswith("scanner at inet:192.0.2.1:25: ")
    assert errno.errorcode[number] in loss.detail


async def test_resolve() -> None:
    assert [address[0] for _, address in await resolve(InetEndpoint("localhost", 25))] == ["127.0.0.1", "::1"]
    assert await resolve(InetEndpoint("192.0.2.1", 25)) == [(socket.AF_INET, ("192.0.2.1", 25))]
    assert await resolve(InetEndpoint("2001:db8::1", 25)) == [(socket.AF_INET6, ("2001:db8::1", 25, 0, 0))]
