import asyncio
import logging
from pathlib import Path

import pytest

from mmx.aio.return_watch import ReturnWatch
from mmx.aio.sessions import Sessions
from mmx.core.action import Loss
from mmx.core.plan import Chain, ChildPlan
from mmx.settings.model import Settings
from tests.aio.peers import FakeChild, until


async def test_a_child_that_is_back_is_noticed_without_mail(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    path = directory / "child.sock"
    plans = ChildPlan("child", f"unix:{path}"), ChildPlan("gone", f"unix:{directory}/gone.sock")
    loop = asyncio.get_running_loop()
    sessions = Sessions(
        Settings(spool_directory=str(directory)), Chain(children=plans), max_sessions=9, loop=loop
    )
    for plan in plans:
        sessions.greeted(plan, Loss("missing", "no such file"))
    watch = ReturnWatch(sessions, max_frame=65536, period=0.001)
    watch.start()
    async with FakeChild(path):
        await until(lambda: sessions.outages.of(plans[0]) is None)
    assert "child is back" in caplog.text
    assert sessions.knowledge.of("child") is not None
    assert sessions.outages.of(plans[1]) is not None
    watch.stop()
    await sessions.drain(0)


async def test_nobody_is_asked_while_all_answer(directory: Path, child: FakeChild) -> None:
    plan = ChildPlan("child", f"unix:{child.path}")
    loop = asyncio.get_running_loop()
    sessions = Sessions(
        Settings(spool_directory=str(directory)), Chain(children=(plan,)), max_sessions=9, loop=loop
    )
    await ReturnWatch(sessions, max_frame=65536)._look()
    assert sessions.knowledge.of("child") is None
    await sessions.drain(0)
