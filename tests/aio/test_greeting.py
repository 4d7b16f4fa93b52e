"""Handshakes in the background, and what is told of them."""

import asyncio
import logging
from pathlib import Path

import pytest

from mmx.aio.greeting import Greeting
from mmx.aio.notify import Notifier
from mmx.aio.plan import make_chain
from mmx.aio.sessions import Sessions
from mmx.settings.model import Settings
from tests.aio.peers import LIMIT, FakeChild, until
from tests.aio.test_sessions import child_at


class Heard(Notifier):
    """Keeps what systemd would be told."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[str] = []

    def ready(self, status: str) -> None:
        self.statuses.append(status)


async def test_ready_is_told_when_every_child_has_answered_or_failed(
    child: FakeChild, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = Settings(
        children=(child_at(child.endpoint), child_at(f"unix:{tmp_path}/missing.sock")),
        spool_directory=str(tmp_path),
    )
    chain = make_chain(settings)
    sessions = Sessions(settings, chain, max_sessions=1, loop=asyncio.get_running_loop())
    heard = Heard()
    greeting = Greeting(sessions, heard)
    greeting.begin(chain, LIMIT)
    greeting.begin(chain, LIMIT)
    await until(lambda: bool(heard.statuses))
    assert heard.statuses == ["2 children, 1 down"]
    up, down = chain.children
    assert f"child {up.name} at {child.endpoint}: version 6" in caplog.text
    assert f"child {down.name} is down (missing)" in caplog.text
    assert [sessions.outages.of(plan) is None for plan in (up, down)] == [True, False]
    await sessions.drain(0)


async def test_what_is_cancelled_tells_nothing(child: FakeChild, tmp_path: Path) -> None:
    settings = Settings(children=(child_at(child.endpoint),), spool_directory=str(tmp_path))
    chain = make_chain(settings)
    sessions = Sessions(settings, chain, max_sessions=1, loop=asyncio.get_running_loop())
    heard = Heard()
    greeting = Greeting(sessions, heard)
    greeting.cancel()
    greeting.begin(chain, LIMIT)
    greeting.cancel()
    assert greeting._task is not None
    await asyncio.wait([greeting._task])
    assert heard.statuses == []
    await sessions.drain(0)
