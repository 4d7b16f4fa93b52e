"""The daemon with a loader that finds milters: what a reload hands it, and what it keeps."""

import asyncio
import logging
from pathlib import Path

import pytest

from mmx.aio.notify import Notifier
from mmx.aio.service import Service
from mmx.errors import TemporaryError
from mmx.settings.endpoint import UnixEndpoint, unknown_endpoint
from mmx.settings.load import Loaded
from mmx.settings.model import ChildSettings, Listener, MetricsSettings, Settings
from tests.aio.peers import CONTINUE, FakeChild, FakeMta, until

NEWS = "found rspamd: joins at the next reload"


class Host:
    """A loader whose loads are prepared; an exception among them is raised."""

    def __init__(self, *loads: Loaded | Exception) -> None:
        self.loads = list(loads)
        self.formers: list[Loaded | None] = []

    def load(self, path: Path, former: Loaded | None = None, /) -> Loaded:
        self.formers.append(former)
        loaded = self.loads.pop(0)
        if isinstance(loaded, Exception):
            raise loaded
        return loaded

    def news(self, loaded: Loaded, /) -> tuple[str, ...]:
        return (NEWS,)


def loaded(directory: Path, *children: ChildSettings) -> Loaded:
    endpoint = UnixEndpoint(str(directory / "mmx.sock"))
    settings = Settings(
        listeners=(Listener("mta", endpoint),),
        socket_group=None,
        metrics=MetricsSettings(listen=None),
        spool_directory=str(directory),
        control_socket=None,
        detect_interval=0.01,
        children=children,
    )
    return Loaded(settings, {})


async def test_a_reload_takes_what_the_host_has_now(
    directory: Path, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    down = ChildSettings("scanner", unknown_endpoint("/etc/x: cannot be read"))
    first = loaded(directory, down)
    second = loaded(directory, ChildSettings("words", UnixEndpoint(str(child.path))))
    host = Host(TemporaryError("systemctl did not answer"), second)
    service = Service(first, directory / "mmx.yaml", Notifier({}), loader=host)
    task = asyncio.create_task(service.run())

    def said(text: str) -> bool:
        return any(text in record.getMessage() for record in caplog.records)

    await until(lambda: said("child scanner is down"))
    assert said("where scanner listens is not known: /etc/x: cannot be read")
    await until(lambda: said(NEWS))
    service.reload()
    await until(lambda: said("the former settings stay in force"))
    mta = await FakeMta.connect(directory / "mmx.sock")
    await mta.greet()
    assert await mta.message() != CONTINUE
    await mta.close()
    service.reload()
    await until(lambda: said("child words added"))
    mta = await FakeMta.connect(directory / "mmx.sock")
    await mta.greet()
    assert await mta.message() == CONTINUE
    await mta.close()
    service.stop()
    await task
    assert host.formers == [first, first]
