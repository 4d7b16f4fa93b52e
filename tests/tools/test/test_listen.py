"""Listening to the children, with a daemon that says what the test says."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mmx import __version__
from mmx.aio.control import PROTOCOL
from mmx.errors import MmxError
from mmx.tools.test import listen as try_listen
from mmx.tools.test.listen import Ear
from mmx.wire import command, reply
from mmx.wire.framing import frame
from tests.aio.peers import CONTINUE, until

CONNECTION = b"mail.example.net\x004\x10\x00192.0.2.7\0"
HELLO = {"mmx": __version__, "protocol": PROTOCOL, "pid": 1}


def event(what: str, received: bytes = b"", child: str = "", session: str = "ours") -> dict[str, Any]:
    said = {"at": 100.5, "session": session, "child": child, "what": what, "left_out": 0}
    return said | ({"data": base64.b64encode(received).decode()} if received else {})


class Daemon:
    """Greets, reads the request, and sends what `say` is told to those that trace."""

    def __init__(self, path: Path, hello: object = HELLO) -> None:
        self.path = path
        self.requests: list[dict[str, Any]] = []
        self._hello = hello
        self._tracing: list[asyncio.StreamWriter] = []
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Daemon", None]:
        server = await asyncio.start_unix_server(self._serve, self.path)
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
                await writer.wait_closed()

    def say(self, *lines: object) -> None:
        for line in lines:
            self._tracing[0].write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")

    def tell(self, *events: dict[str, Any]) -> None:
        self.say(*({"event": one} for one in events))

    def hang_up(self) -> None:
        for writer in self._tracing:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        writer.write(json.dumps(self._hello).encode() + b"\n")
        line = await reader.readline()
        if not line:
            writer.close()
            return
        request = json.loads(line)
        self.requests.append(request)
        if request["do"] == "trace":
            self._tracing.append(writer)
        else:
            writer.write(b'{"event":{}}\n{"result":{}}\n')
            writer.close()


@asynccontextmanager
async def listening(path: Path) -> AsyncGenerator[tuple[Daemon, Ear], None]:
    async with Daemon(path).running() as daemon:
        ear = await Ear.open(str(path), "192.0.2.7", CONNECTION, 100.0)
        yield daemon, ear
        await ear.close()


async def test_only_the_session_that_is_ours_is_heard(tmp_path: Path) -> None:
    async with listening(tmp_path / "s") as (daemon, ear):
        assert daemon.requests[0] == {"do": "trace", "client": "192.0.2.7"}
        daemon.tell(
            event("in", frame(command.CONNECT, b"another"), session="other"),
            event("out", CONTINUE, session="other"),
            event("in", CONTINUE, child="scan", session="other"),
            event("out", frame(command.CONNECT, CONNECTION), child="scan"),
            event("in", frame(command.CONNECT, CONNECTION)),
            event("in", CONTINUE, child="scan"),
            event("out", frame(reply.PROGRESS)),
            event("out", frame(reply.ADDHEADER, b"X\0y\0")),
            event("out", CONTINUE),
        )
        await ear.settle(1)
        assert [(line.by, line.at, line.event, line.text) for line in ear.take()] == [
            ("scan", 0.5, "CONNECT", "CONTINUE")
        ]
        assert ear.take() == []
        assert ear.trouble == ""


async def test_replies_that_are_not_told_of_end_the_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, time_unit: float
) -> None:
    monkeypatch.setattr(try_listen, "SETTLE", 0.05 * time_unit)
    async with listening(tmp_path / "s") as (_, ear):
        await ear.settle(1)
        assert "does not tell of all" in ear.trouble


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        ({"event": {"lost": 7}}, "7 events were lost"),
        ({"error": "internal error", "status": 70}, "internal error"),
        (b"no JSON\n", "is not mmx"),
        (b"x" * (try_listen.LONGEST_LINE + 1) + b"\n", "is not mmx"),
    ],
)
async def test_what_may_be_missing_is_told(tmp_path: Path, line: object, trouble: str) -> None:
    async with listening(tmp_path / "s") as (daemon, ear):
        daemon.say(line)
        await until(lambda: ear.trouble)
        assert trouble in ear.trouble


async def test_a_daemon_that_goes_ends_the_wait(tmp_path: Path) -> None:
    async with listening(tmp_path / "s") as (daemon, ear):
        daemon.hang_up()
        await ear.settle(1)
        assert "closed the connection" in ear.trouble


async def test_no_daemon(tmp_path: Path) -> None:
    with pytest.raises(MmxError, match="there is no control socket"):
        await Ear.open(str(tmp_path / "s"), "", CONNECTION, 0.0)
    async with Daemon(tmp_path / "s", {"protocol": 99}).running():
        with pytest.raises(MmxError, match="speaks version 99"):
            await Ear.open(str(tmp_path / "s"), "", CONNECTION, 0.0)
