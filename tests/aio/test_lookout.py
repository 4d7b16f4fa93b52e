import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from mmx.aio.lookout import Lookout
from mmx.settings.load import Loaded
from mmx.settings.model import Settings

FOUND = "found rspamd: joins at the next reload"


class Host:
    """A loader with news prepared; `asked` counts the looks."""

    def __init__(self, *news: tuple[str, ...]) -> None:
        self.prepared = list(news)
        self.asked = 0
        self.enough = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def load(self, path: Path, former: Loaded | None = None, /) -> Loaded:
        raise AssertionError

    def news(self, loaded: Loaded, /) -> tuple[str, ...]:
        self.asked += 1
        if len(self.prepared) == 1:
            self.loop.call_soon_threadsafe(self.enough.set)
            return self.prepared[0]
        return self.prepared.pop(0)


def settings(interval: float, *, detect: bool = True) -> Loaded:
    return Loaded(replace(Settings(), detect=detect, detect_interval=interval), {})


async def test_each_piece_of_news_is_told_once(caplog: pytest.LogCaptureFixture, time_unit: float) -> None:
    caplog.set_level(logging.INFO)
    host = Host((), (FOUND,), (FOUND, "other"), (FOUND,), (FOUND,))
    lookout = Lookout(host)
    lookout.watch(settings(0.001))
    async with asyncio.timeout(10 * time_unit):
        await host.enough.wait()
    lookout.stop()
    assert [record.message for record in caplog.records if record.name == "mmx.aio.lookout"] == [
        FOUND,
        "other",
    ]


@pytest.mark.parametrize(("interval", "detect"), [(0, True), (0.001, False)])
async def test_nobody_looks_unless_asked_to(interval: float, detect: bool) -> None:
    host = Host(())
    lookout = Lookout(host)
    lookout.watch(settings(interval, detect=detect))
    assert {task.get_name() for task in asyncio.all_tasks()} & {"lookout"} == set()
    lookout.stop()
    assert host.asked == 0


async def test_new_settings_end_the_former_look() -> None:
    lookout = Lookout(Host(()))
    lookout.watch(settings(1000))
    lookout.watch(settings(2000))
    await asyncio.sleep(0)
    assert len([task for task in asyncio.all_tasks() if task.get_name() == "lookout"]) == 1
    lookout.stop()
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "lookout"]
