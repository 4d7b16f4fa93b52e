"""HTTP connections: over real sockets where the kernel has a say, else with a transport made up here."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.aio.http import HEADERS, Request, Response
from mmx.aio.http_connection import LONGEST_HEAD, HttpConnection
from mmx.aio.http_server import HttpServer
from mmx.settings.endpoint import InetEndpoint
from mmx.settings.model import MetricsSettings
from tests.aio.http_client import Answer, free_port, read_answer
from tests.aio.peers import until

BIG = 8 << 20
SETTINGS = MetricsSettings(request_timeout=20.0, idle_timeout=20.0)


def fault(_: Request) -> Response:
    raise RuntimeError("a fault in a page")


ROUTES = {
    "/page": lambda request: Response(body=b"the page", content_type="text/html; charset=utf-8"),
    "/big": lambda request: Response(body=b"x" * BIG),
    "/fault": fault,
}


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *lines: str, raw: bytes = b"") -> None:
        head = "\r\n".join([*lines, "", ""]).encode("latin-1") if lines else b""
        self.writer.write(head + raw)

    async def answer(self, *, head: bool = False) -> Answer:
        return await read_answer(self.reader, head=head)

    async def closed(self) -> bool:
        return await self.reader.read() == b""


class Place:
    """A server on a free port."""

    def __init__(self, server: HttpServer, port: int) -> None:
        self.server = server
        self.port = port
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        return Client(reader, writer)

    async def close(self) -> None:
        self.server.close()
        for writer in self._writers:
            writer.close()
            try:
                await writer.wait_closed()
            except ConnectionError:
                pass
        await until(lambda: not len(self.server))


@asynccontextmanager
async def serving(settings: MetricsSettings = SETTINGS) -> AsyncIterator[Place]:
    port = free_port()
    server = HttpServer(ROUTES, asyncio.get_running_loop())
    server.serve(await server.open(replace(settings, listen=InetEndpoint("127.0.0.1", port))))
    place = Place(server, port)
    try:
        yield place
    finally:
        await place.close()


HOST = "Host: localhost"
REQUESTS: dict[str, tuple[int, bytes]] = {
    "page": (200, b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "old client": (200, b"GET /page HTTP/1.0\r\n\r\n"),
    "no body after all": (200, b"GET /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"),
    "not found": (404, b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "method": (405, b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "wrong host": (421, b"GET /page HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    "no host": (400, b"GET /page HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET /page HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
    "no HTTP": (400, b"EHLO mail.example.com\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "cut short": (400, b"GET /page HTT"),
    "body": (413, b"POST /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"),
    "chunks": (413, b"POST /page HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "waiting body": (
        413,
        b"PUT /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\nExpect: 100-continue\r\n\r\n",
    ),
    "long head": (431, b"GET /page HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * (2 * LONGEST_HEAD)),
    "long line": (431, b"GET /" + b"x" * (2 * LONGEST_HEAD)),
    "fault": (500, b"GET /fault HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "coding": (501, b"POST /page HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n"),
}


def has_the_headers(answer: Answer) -> None:
    for header, value in HEADERS:
        assert answer.headers[header.lower()] == value
    assert answer.headers["date"].endswith(" GMT")
    assert answer.headers["content-type"].startswith("text/")
    assert "server" not in answer.headers


@pytest.mark.parametrize("name", REQUESTS)
async def test_every_answer_has_the_headers(name: str, caplog: pytest.LogCaptureFixture) -> None:
    status, request = REQUESTS[name]
    async with serving() as place:
        client = await place.connect()
        client.send(raw=request)
        client.writer.write_eof()
        answer = await client.answer()
        assert answer.status == status
        has_the_headers(answer)
        assert await client.closed()
    assert [r.levelno for r in caplog.records if r.exc_info] == ([logging.ERROR] if status == 500 else [])


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    async with serving() as place:
        client = await place.connect()
        client.send("HEAD /page HTTP/1.1", HOST)
        answer = await client.answer(head=True)
        assert (answer.status, answer.headers["content-length"]) == (200, "8")
        client.send("GET /page HTTP/1.1", HOST, "Connection: close")
        assert (await client.answer()).body == b"the page"
        assert await client.closed()


async def test_requests_sent_at_once_are_answered_in_order_and_in_turns() -> None:
    async with serving() as place:
        client = await place.connect()
        for number in range(50):
            client.send(f"GET {'/page' if number % 2 else '/nowhere'} HTTP/1.1", HOST)
        statuses = [(await client.answer()).status for _ in range(50)]
        assert statuses == [404, 200] * 25


async def test_no_more_is_read_while_answers_are_not_taken() -> None:
    async with serving() as place:
        client = await place.connect()
        for _ in range(3):
            client.send("GET /big HTTP/1.1", HOST)
        for _ in range(3):
            assert len((await client.answer()).body) == BIG


async def test_a_client_that_takes_nothing_is_dropped(time_unit: float) -> None:
    async with serving(replace(SETTINGS, request_timeout=0.05 * time_unit)) as place:
        client = await place.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send("GET /big HTTP/1.1", HOST)
        await until(lambda: len(place.server))
        await until(lambda: not len(place.server))


async def test_a_request_must_be_whole_in_time_however_it_trickles(time_unit: float) -> None:
    async with serving(replace(SETTINGS, request_timeout=0.1 * time_unit)) as place:
        client = await place.connect()
        client.send(raw=b"GET /page HTTP/1.1\r\n")
        trickle = asyncio.create_task(_trickle(client))
        answer = await client.answer()
        assert answer.status == 408
        has_the_headers(answer)
        assert await client.closed()
        trickle.cancel()


async def _trickle(client: Client) -> None:
    while True:
        client.send(raw=b"X")
        await asyncio.sleep(0.005)


async def test_a_connection_between_requests_ends_after_the_idle_time(time_unit: float) -> None:
    async with serving(replace(SETTINGS, idle_timeout=0.02 * time_unit)) as place:
        silent, served = await place.connect(), await place.connect()
        served.send("GET /page HTTP/1.1", HOST)
        assert (await served.answer()).status == 200
        for client in (silent, served):
            assert await client.closed()


class Line(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 9850)})
        self.written = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        assert not self.closed

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Nothing is read here."""

    def close(self) -> None:
        self.closed = True

    abort = close


PIECES = st.sampled_from(
    rb"GET |HEAD |/page|/fault| HTTP/1.1~| HTTP/1.0~|Host: localhost~|~|Content-Length: 5~|"
    rb"Connection: close~|Upgrade: h2c~|Transfer-Encoding: chunked~|GET /page HTTP/1.1~Host: x~~|"
    rb"CONNECT x:1 HTTP/1.1~Host: x~~".replace(b"~", b"\r\n").split(b"|")
)


@given(st.lists(st.binary(min_size=1, max_size=20) | PIECES, max_size=12), st.booleans())
def test_whatever_comes_ends_in_an_answer_or_a_closed_connection(chunks: list[bytes], eof: bool) -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        server = HttpServer(ROUTES, loop)
        server.settings = SETTINGS
        line, connection = Line(), HttpConnection(server, loop)
        connection.connection_made(line)
        for chunk in chunks:
            if not line.closed:
                connection.data_received(chunk)
            await asyncio.sleep(0)
        if eof and not line.closed:
            connection.eof_received()
        await until(lambda: connection._next is None)
        if not line.closed:
            connection._give_up()
            connection._give_up()
        assert line.closed
        # Blank lines before a request are let pass, and a connection that says nothing is not answered.
        asked = b"".join(chunks).strip(b"\r\n")
        assert line.written.startswith(b"HTTP/1.1 ") or not (line.written or asked)
        connection.connection_lost(None)
        assert not len(server)

    logging.getLogger("mmx.aio.http_connection").disabled = True
    try:
        asyncio.run(play())
    finally:
        logging.getLogger("mmx.aio.http_connection").disabled = False
