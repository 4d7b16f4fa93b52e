"""Children that only observe, and the daemon: they are greeted, and hold up neither start nor reload."""

import logging
from pathlib import Path

import pytest

from mmx.aio.chain_change import describe_change
from mmx.core.plan import Chain, ChildPlan, ObservedPlan
from tests.aio.observing import records
from tests.aio.peers import CONTINUE, FakeChild, FakeMta, until
from tests.aio.test_service import Daemon


@pytest.fixture
def daemon(directory: Path, caplog: pytest.LogCaptureFixture) -> Daemon:
    caplog.set_level(logging.INFO)
    return Daemon(directory)


def observe(daemon: Daemon, observer: FakeChild) -> None:
    """Let this child of the settings file only observe."""
    endpoint = f"endpoint: 'unix:{observer.path}'"
    daemon.file.write_text(daemon.file.read_text().replace(endpoint, f"{endpoint}, mode: observe"))


async def message(daemon: Daemon) -> None:
    mta = await FakeMta.connect(daemon.socket)
    await mta.greet()
    assert await mta.message() == CONTINUE
    await mta.close()


async def test_it_is_greeted_and_shown_mail(
    daemon: Daemon, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.write([child, observer])
    observe(daemon, observer)
    async with daemon.running():
        assert observer.connections == 1
        await message(daemon)
        await until(lambda: len(records(caplog)) == 1)


async def test_one_that_is_down_holds_up_nothing(
    daemon: Daemon, child: FakeChild, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = FakeChild(directory / "gone.sock")
    daemon.write([child, gone])
    observe(daemon, gone)
    async with daemon.running() as service:
        await message(daemon)
        service.reload()
        await until(lambda: daemon.hears("READY=1\nSTATUS=1 children, 0 down, 1 only observing"))
    assert "child gone is down (missing)" in caplog.text
    assert "it only observes: no effect on mail" in caplog.text


async def test_a_reload_gives_it_a_say(
    daemon: Daemon, child: FakeChild, observer: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.write([child, observer])
    observe(daemon, observer)
    async with daemon.running() as service:
        daemon.write([child, observer])
        service.reload()
        await until(lambda: daemon.hears("STATUS=2 children, 0 down"))
        await message(daemon)
        assert records(caplog) == []
    assert "child observer added; observing child observer removed" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "x", ["observing child x added"]),
        ("x", "", ["observing child x removed"]),
        ("x", "X", ["observing child x changed"]),
        ("x", "x", []),
    ],
)
def test_what_a_reload_changes_is_told(old: str, new: str, said: list[str]) -> None:
    def chain(names: str) -> Chain:
        plans = (ChildPlan(name.lower(), f"unix:/{name}") for name in names)
        return Chain(observed=tuple(ObservedPlan(plan, frozenset()) for plan in plans))

    assert describe_change(chain(old), chain(new)) == said
