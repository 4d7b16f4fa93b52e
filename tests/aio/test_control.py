"""The control socket: who may ask, what is refused, what happens to slow and vanished clients."""

import asyncio
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mmx import __version__
from mmx.aio import control as module
from mmx.aio.control import MOST, PROTOCOL, REQUEST_LIMIT, Client, ControlSocket, Request, user_name
from mmx.errors import UnavailableError
from tests.aio.control_client import ControlClient, ask
from tests.aio.peers import until

HELLO = {"mmx": __version__, "protocol": PROTOCOL, "pid": os.getpid()}


class Server:
    """A control socket with commands of the test."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "control.sock"
        self.cancelled = False
        commands = {"echo": self.echo, "count": self.count, "hang": self.hang, "flood": self.flood}
        commands |= {"refuse": self.refuse, "fail": self.fail}
        self.control = ControlSocket(commands, asyncio.get_running_loop())
        self.control.change(str(self.path))

    async def echo(self, request: Request, client: Client) -> object:
        return {"said": request.get("word"), "uid": client.uid}

    async def count(self, _request: Request, client: Client) -> object:
        for number in range(3):
            await client.event(number)
        return "done"

    async def hang(self, _request: Request, _client: Client) -> object:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return None

    async def flood(self, _request: Request, client: Client) -> object:
        try:
            while True:
                await client.event("x" * 10_000)
        finally:
            self.cancelled = True

    async def refuse(self, _request: Request, _client: Client) -> object:
        raise UnavailableError("not now; try later")

    async def fail(self, _request: Request, _client: Client) -> object:
        raise ZeroDivisionError("a bug")


@pytest_asyncio.fixture
async def server(directory: Path) -> AsyncIterator[Server]:
    made = Server(directory)
    yield made
    made.control.close()
    await until(lambda: len(asyncio.all_tasks()) == 1)


async def test_a_request_and_its_result(server: Server) -> None:
    client = await ControlClient.connect(server.path)
    assert await client.line() == HELLO
    client.send({"do": "echo", "word": "\u00fc"})
    assert await client.lines() == [{"result": {"said": "\u00fc", "uid": os.getuid()}}]
    await client.close()


async def test_events_come_before_the_result(server: Server) -> None:
    assert await ask(server.path, do="count") == [
        {"event": 0},
        {"event": 1},
        {"event": 2},
        {"result": "done"},
    ]


async def test_only_its_owner_may_open_it(server: Server) -> None:
    found = server.path.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, os.getuid())


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"{}\n", "no such request; known are echo, count"),
        (b'{"do": ["echo"]}\n', "no such request"),
        (b'{"do": "ECHO"}\n', "no such request"),
        (b"[1]\n", "no JSON object"),
        (b"\xff\xfe\n", "no JSON"),
        (b"[" * 4000 + b"\n", "no JSON"),
        (b"GET / HTTP/1.1\r\n", "no JSON"),
        (b'{"do": "' + b"x" * REQUEST_LIMIT + b'"}\n', ""),
    ],
)
async def test_what_is_no_request(server: Server, sent: bytes, said: str) -> None:
    client = await ControlClient.connect(server.path)
    await client.line()
    client.writer.write(sent)
    (answer,) = await client.lines()
    assert answer["status"] == 64
    assert said in answer["error"]
    await client.close()
    assert (await ask(server.path, do="echo"))[0]["result"]


async def test_a_refusal_has_its_exit_status(server: Server) -> None:
    assert await ask(server.path, do="refuse") == [{"error": "not now; try later", "status": 69}]


async def test_a_fault_is_told_and_logged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    (answer,) = await ask(server.path, do="fail")
    assert answer["status"] == 70
    assert "a bug" in caplog.text
    caplog.clear()


async def test_other_users_are_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A stand-in for a socket whose mode somebody has changed: mmx asks the kernel who connects."""
    monkeypatch.setattr(Client, "may_ask", False)
    client = await ControlClient.connect(server.path)
    hello, answer = await client.lines()
    assert hello == HELLO
    assert answer["status"] == 77
    assert user_name(os.getuid()) in answer["error"]
    assert f"{user_name(os.getuid())} (uid {os.getuid()}) was refused" in caplog.text
    await client.close()


def ask_as_another_process(path: Path) -> bytes:
    told = b""
    with socket.socket(socket.AF_UNIX) as connection, suppress(ConnectionError):
        connection.connect(str(path))
        connection.sendall(b'{"do": "echo"}\n')
        while data := connection.recv(1000):
            told += data
    return told


# Only root can be somebody else.
@pytest.mark.parametrize(("uid", "allowed"), [(os.getuid(), True), (65533, False)][: 1 if os.getuid() else 2])
async def test_the_kernel_says_who_connects(server: Server, uid: int, allowed: bool) -> None:
    for path in (server.path, server.path.parent):
        path.chmod(0o777)
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setuid(uid)
            code = 0 if b'"result"' in ask_as_another_process(server.path) else 77
        finally:
            os._exit(code)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == (0 if allowed else 77)


async def test_more_connections_than_there_may_be(server: Server) -> None:
    hanging = [await ControlClient.connect(server.path) for _ in range(MOST)]
    for client in hanging:
        await client.line()
        client.send({"do": "hang"})
    client = await ControlClient.connect(server.path)
    _, answer = await client.lines()
    assert answer["status"] == 75
    for one in [*hanging, client]:
        await one.close()
    await until(lambda: len(server.control._tasks) == 0)
    assert (await ask(server.path, do="echo"))[0]["result"]


async def test_a_client_that_goes_away_ends_its_request(server: Server) -> None:
    client = await ControlClient.connect(server.path)
    client.send({"do": "hang"})
    await client.line()
    await client.close()
    await until(lambda: server.cancelled)


async def test_a_client_that_says_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch, time_unit: float
) -> None:
    monkeypatch.setattr(module, "REQUEST_TIME", 0.05 * time_unit)
    client = await ControlClient.connect(server.path)
    assert await client.lines() == [HELLO]
    await client.close()


async def test_a_client_that_reads_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch, time_unit: float
) -> None:
    monkeypatch.setattr(module, "TAKE_TIME", 0.05 * time_unit)
    client = await ControlClient.connect(server.path)
    client.send({"do": "flood"})
    await until(lambda: server.cancelled and not server.control._tasks)
    await client.close()


async def test_the_socket_moves(server: Server, directory: Path) -> None:
    other = directory / "other.sock"
    server.control.change(str(other))
    assert not server.path.exists()
    assert (await ask(other, do="echo"))[0]["result"]
    server.control.change(None)
    assert not other.exists()


async def test_a_socket_that_somebody_removed_is_made_anew(server: Server) -> None:
    server.path.unlink()
    server.control.change(str(server.path))
    assert (await ask(server.path, do="echo"))[0]["result"]


async def test_a_socket_left_behind_is_replaced_and_one_in_use_is_not(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(directory / "control.sock"))
    left.close()
    first = Server(directory)
    caplog.set_level(logging.WARNING)
    second = Server(directory)
    assert "another program listens there, perhaps another mmx; stop it, or set control_socket" in caplog.text
    second.control.close()
    assert (await ask(first.path, do="echo"))[0]["result"]
    first.control.close()


@pytest.mark.parametrize("place", ["missing/control.sock", "file"])
async def test_without_a_place_there_is_a_warning(
    directory: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    (directory / "file").write_text("")
    control = ControlSocket({}, asyncio.get_running_loop())
    control.change(str(directory / place))
    assert "no control socket" in caplog.text
    assert str(directory / place) in caplog.text
    control.close()


def test_a_user_without_a_name() -> None:
    nobody: Any = 4_000_000_001
    assert user_name(nobody) == "4000000001"
