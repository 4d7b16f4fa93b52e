"""An SMTP server for the tests of clients: it says what the test says, and keeps what it was told."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

GREETING: Final = "greeting"
CONTENT: Final = "content"
SILENCE: Final = ""
CLOSE: Final = "close"
_REPLIES: Final = {GREETING: "220 x", "DATA": "354 go", "QUIT": "221 bye"}


class SmtpServer:
    """Answers 250, or what `replies` has for the command, GREETING or CONTENT."""

    def __init__(self, replies: Mapping[str, str] | None = None) -> None:
        self._replies = {**_REPLIES, **(replies or {})}
        self.lines: list[bytes] = []
        self.contents: list[bytes] = []
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            is_open = self._say(writer, GREETING)
            while is_open and (line := await reader.readline()):
                self.lines.append(line.rstrip(b"\r\n"))
                word = line[:4].decode().strip().upper()
                is_open = self._say(writer, word)
                if word == "DATA" and self._replies[word].startswith("354"):
                    self.contents.append(await reader.readuntil(b"\r\n.\r\n"))
                    is_open = self._say(writer, CONTENT)
                is_open = is_open and word != "QUIT"
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _say(self, writer: asyncio.StreamWriter, word: str) -> bool:
        said = self._replies.get(word, "250 ok")
        if said == CLOSE:
            return False
        if said != SILENCE:
            writer.write(said.encode() + b"\r\n")
        return True
