"""A scripted milter of the tests: the script of `mmx filter` on a unix socket, in this process."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from mmx.settings.endpoint import UnixEndpoint
from mmx.settings.section import Findings
from mmx.tools.filter.reader import parse_script
from mmx.tools.filter.session import Happening, Session
from mmx.tools.mta.dialogue import Terms
from mmx.tools.mta.macros import Client
from mmx.tools.mta.mta import Mta
from tests.tools.mta_peers import CLIENT


class FilterServer:
    """Context manager; keeps what happened."""

    def __init__(self, path: Path, script: str) -> None:
        self.path = path
        self.happenings: list[Happening] = []
        self._script = parse_script(script.encode(), Findings("script"))[0]
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._begin, self.path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def at(self) -> UnixEndpoint:
        return UnixEndpoint(str(self.path))

    def all(self, what: str) -> list[Happening]:
        """What happened of one kind."""
        return [happening for happening in self.happenings if happening.what == what]

    async def mta(self, terms: Terms | None = None, client: Client = CLIENT) -> Mta:
        """One that has opened its session."""
        mta = await Mta.connect("filter", self.at, client, terms or Terms())
        await mta.open()
        return mta

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self._script, self._next, reader, writer, self.happenings.append)
        self._tasks.add(asyncio.get_running_loop().create_task(session.run(), name="session"))

    def _next(self) -> int:
        self._count += 1
        return self._count
