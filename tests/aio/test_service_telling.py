"""What the service tells of itself: its status, and its log after a reload."""

import logging
from pathlib import Path

import pytest

from mmx.observe.log import JsonFormatter
from tests.aio.peers import FakeChild, until
from tests.aio.test_service import Daemon


@pytest.fixture
def daemon(directory: Path) -> Daemon:
    return Daemon(directory)


async def test_it_remembers_its_reloads(daemon: Daemon, child: FakeChild) -> None:
    daemon.write([child])
    async with daemon.running() as service:
        daemon.write([child, daemon.directory / "second.sock"])
        service.reload()
        await until(lambda: daemon.hears("STATUS=2 children, 1 down"))
        daemon.write([], "no_such_key: 1")
        service.reload()
        await until(lambda: daemon.hears("reload failed"))
        failed, reloaded, started = service.status().history.reloads
        assert (started.text, reloaded.text) == ("started, children: 1", "child second added")
        assert failed.text.startswith("the settings are wrong; the former settings stay in force\n")
        assert "no_such_key" in failed.text
        assert [one.succeeded for one in (started, reloaded, failed)] == [True, True, False]
        status = service.status()
        assert not status.settings_good
        assert [(one.name, one.state) for one in status.children] == [("child", "up"), ("second", "down")]
        assert status.children[1].origin == f"{daemon.file}:9"
        assert status.listeners == (f"unix:{daemon.socket}",)


@pytest.mark.parametrize(("origin", "level"), [("mmx.yaml:1", logging.WARNING), ("--verbose", logging.DEBUG)])
async def test_a_reload_changes_the_log_but_not_what_verbose_asks_for(
    daemon: Daemon, child: FakeChild, logger_restored: None, origin: str, level: int
) -> None:
    daemon.write([child])
    async with daemon.running() as service:
        service._log_is_fixed = origin == "--verbose"
        daemon.write([child], "log: {format: json, level: warning}")
        service.reload()
        await until(lambda: service._settings.log.format == "json")
        logger = logging.getLogger("mmx")
        assert logger.level == level
        assert type(logger.handlers[0].formatter) is JsonFormatter
