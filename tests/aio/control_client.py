"""A client of the control socket inside the test's event loop."""

import asyncio
import json
from pathlib import Path
from typing import Any, Self

from tests.aio.peers import BOUND


class ControlClient:
    """One connection, whose lines are read as they come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, path: Path) -> Self:
        return cls(*await asyncio.open_unix_connection(str(path), limit=1 << 20))

    async def line(self) -> Any:
        """The next object; None at the end."""
        async with asyncio.timeout(BOUND):
            text = await self.reader.readline()
        return json.loads(text) if text else None

    async def lines(self) -> list[Any]:
        """Everything up to the end."""
        found = []
        while (line := await self.line()) is not None:
            found.append(line)
        return found

    async def ask(self, **request: Any) -> list[Any]:
        """What is answered, without the greeting."""
        await self.line()
        self.send(request)
        answer = await self.lines()
        await self.close()
        return answer

    def send(self, request: object) -> None:
        self.writer.write(json.dumps(request).encode() + b"\n")

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass


async def ask(path: Path, **request: Any) -> list[Any]:
    """The answer to one request."""
    client = await ControlClient.connect(path)
    return await client.ask(**request)
