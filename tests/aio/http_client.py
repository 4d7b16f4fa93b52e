"""One HTTP request."""

import asyncio
import socket
from typing import NamedTuple


class Answer(NamedTuple):
    """What came; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def read_answer(reader: asyncio.StreamReader, *, head: bool = False) -> Answer:
    """The next answer; that to a HEAD request has no body."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    body = b"" if head else await reader.readexactly(int(headers["content-length"]))
    return Answer(int(lines[0].split(" ")[1]), headers, body)


async def fetch(port: int, target: str, *headers: str) -> Answer:
    """GET from the loopback address."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = (f"GET {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", "")
    writer.write("\r\n".join(lines).encode())
    try:
        return await read_answer(reader)
    finally:
        writer.close()
        await writer.wait_closed()
