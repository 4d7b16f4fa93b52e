"""What goes wrong is in the answer that `mmx status` shows, and at the top of its text, at once."""

import time
from collections.abc import Callable
from pathlib import Path

from mmx.observe.status import Status
from mmx.observe.status_json import from_json
from mmx.tools.status import status_text
from mmx.wire import command
from mmx.wire.framing import CODE, frame
from tests.aio.control_client import ask
from tests.aio.peers import BOUND, CONTINUE, FakeChild, answer_continue
from tests.aio.test_service import Daemon, talk


async def shown(daemon: Daemon, said: Callable[[Status], str]) -> str:
    """The text of `mmx status` once it says so; fails if that takes long."""
    limit = time.monotonic() + BOUND
    while True:
        status = from_json((await ask(daemon.directory / "control.sock", do="status"))[-1]["result"])
        text = status_text(status)
        if said(status) in text:
            return text
        assert time.monotonic() < limit, text


async def test_a_dead_child(directory: Path, child: FakeChild) -> None:
    daemon = Daemon(directory)
    daemon.write([child])
    async with daemon.running():
        mta = await talk(daemon.socket)
        assert await mta.envelope() == CONTINUE
        child._server.close()
        child.path.unlink()
        child.cut()
        await shown(daemon, lambda _: "child has been down for 0 s (eof: closed the connection)")
        await mta.content()
        await mta.message()
        text = await shown(daemon, lambda _: "missing=")
        assert "default action tempfail" in text
        await mta.close()


async def test_a_slow_child_then_a_hung_one(directory: Path, child: FakeChild, time_unit: float) -> None:
    daemon = Daemon(directory)
    slow, hung = int(50 * time_unit), int(1000 * time_unit)
    daemon.write([child], f"status: {{slow_after: {slow}ms}}", f"content_timeout: {hung}ms")
    child.answer = lambda received: None if received[CODE] == command.EOM else answer_continue(received)
    async with daemon.running():
        mta = await talk(daemon.socket)
        assert await mta.envelope() == CONTINUE
        await mta.send(frame(command.EOH), frame(command.EOM))
        await shown(daemon, lambda _: "child is slow: 1 session waits for it")
        text = await shown(daemon, lambda _: "failed at EOM (timeout: no answer within")
        assert "child failed a session" in text
        await mta.close()


async def test_a_full_spool(directory: Path, child: FakeChild) -> None:
    daemon = Daemon(directory)
    daemon.write([child], "limits: {message_memory: 1KiB, max_spool: 64KiB}")
    async with daemon.running():
        mta = await talk(daemon.socket)
        assert await mta.envelope() == CONTINUE
        await mta.send(frame(command.EOH), *[frame(command.BODY, b"x" * 32768)] * 2)
        await shown(daemon, lambda status: "The spool is full" if status.spool_is_full else "spool is full")
        await mta.close()
