"""Conditions over the life of the daemon."""

import logging
from pathlib import Path

import pytest

from tests.aio.peers import CONTINUE, FakeChild, until
from tests.aio.test_service import Daemon, talk


@pytest.fixture
def daemon(directory: Path) -> Daemon:
    return Daemon(directory)


async def test_a_reload_reads_the_files_of_lists_anew(
    daemon: Daemon, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    table = daemon.directory / "names"
    drop_in = daemon.directory / "conf.d" / "conditions.yaml"
    drop_in.parent.mkdir()
    drop_in.write_text(
        f"conditions: {{listed: {{helo: 'file:{table}'}}}}\nchildren: {{child: {{when: [listed]}}}}\n"
    )
    daemon.write([child])
    table.write_text("elsewhere.example\n")
    async with daemon.running() as service:
        mta = await talk(daemon.socket)
        before = child.connections
        assert await mta.message() == CONTINUE
        assert child.connections == before
        table.write_text("*\n")
        service.reload()
        await until(lambda: daemon.hears("READY=1"))
        assert "child child changed" in caplog.text
        before = child.connections
        assert await mta.message() == CONTINUE
        assert child.connections == before + 1
        table.write_text("a b\n")
        service.reload()
        await until(lambda: daemon.hears("reload failed"))
        assert f"{table}:1: a b: more than one word" in caplog.text
        await mta.close()
