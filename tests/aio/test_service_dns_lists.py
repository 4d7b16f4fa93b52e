"""The daemon and what DNS lists need: the package, and descriptors."""

import importlib.util
from pathlib import Path

import pytest

from mmx.aio import service as module
from mmx.aio.dns_lists import MAX_ASKED
from mmx.aio.service import Service
from mmx.core.plan import Chain
from mmx.errors import UnavailableError
from mmx.settings.load import load
from tests.aio.peers import FakeChild, until
from tests.aio.test_service import Daemon


@pytest.fixture
def daemon(directory: Path) -> Daemon:
    return Daemon(directory)


def asking_chain(*arguments: object) -> Chain:
    return Chain(dns_lists=("list.example",))


async def test_no_start_without_the_package_that_dns_lists_need(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.write([])
    monkeypatch.setattr(module, "make_chain", asking_chain)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match="needs dnspython, which is not installed"):
        await Service(load(daemon.file), daemon.file).run()
    daemon.manager.close()


async def test_no_reload_without_the_package_that_dns_lists_need(
    daemon: Daemon, child: FakeChild, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.write([child])
    async with daemon.running() as service:
        monkeypatch.setattr(module, "make_chain", asking_chain)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        service.reload()
        await until(lambda: daemon.hears("reload failed"))
    assert "needs dnspython, which is not installed" in caplog.text


async def test_questions_to_dns_lists_have_their_descriptors(daemon: Daemon) -> None:
    daemon.write([], "limits: {max_sessions: 10}")
    async with daemon.running() as service:
        settings = load(daemon.file).settings
        without, with_lists = service._bounds(settings, Chain()), service._bounds(settings, asking_chain())
    assert without["max_connections"] - with_lists["max_connections"] == MAX_ASKED
