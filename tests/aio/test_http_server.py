"""The sockets of the HTTP server, and how many connections it has."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mmx.aio.http import HEADERS, Response
from mmx.aio.http_server import HttpServer
from mmx.errors import UnavailableError
from mmx.settings.endpoint import InetEndpoint
from mmx.settings.model import MetricsSettings
from tests.aio.http_client import free_port
from tests.aio.peers import until

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def at(port: int) -> MetricsSettings:
    return MetricsSettings(listen=InetEndpoint("127.0.0.1", port), max_connections=2)


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    server = HttpServer({"/": lambda request: Response(body=b"here")}, asyncio.get_running_loop())
    yield server
    server.close()
    await until(lambda: len(server) == 0)


async def start(server: HttpServer) -> int:
    port = free_port()
    server.serve(await server.open(at(port)))
    return port


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def refused(port: int) -> bool:
    try:
        await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    return False


async def test_it_serves_until_it_is_closed(server: HttpServer) -> None:
    port = await start(server)
    assert (await ask(port)).endswith(b"\r\n\r\nhere")
    server.close()
    assert await refused(port)


async def test_a_port_that_is_taken_is_told_with_what_to_do(server: HttpServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            UnavailableError, match=f"127.0.0.1:{port}: Address already in use; set metrics.listen"
        ):
            await server.open(at(port))


async def test_another_address_takes_the_place_of_the_old_one(server: HttpServer) -> None:
    old, new = await start(server), free_port()
    opened = await server.open(at(new))
    assert (await ask(old)).endswith(b"here")
    server.serve(opened)
    assert (await ask(new)).endswith(b"here")
    assert await refused(old)


async def test_what_is_not_served_after_all_leaves_the_old_one(server: HttpServer) -> None:
    old, new = await start(server), free_port()
    (await server.open(at(new))).close()
    assert await refused(new)
    assert (await ask(old)).endswith(b"here")


async def test_the_same_address_stays_open_with_other_settings(server: HttpServer) -> None:
    port = await start(server)
    settings = replace(at(port), max_connections=7)
    server.serve(await server.open(settings))
    assert server.settings == settings
    assert (await ask(port)).endswith(b"here")


async def test_none_is_nowhere(server: HttpServer) -> None:
    port = await start(server)
    server.serve(await server.open(MetricsSettings(listen=None)))
    assert await refused(port)


async def test_one_between_requests_gives_way_and_one_too_many_is_told(
    server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = await start(server)
    clients = []
    for _ in range(2):
        clients.append(await asyncio.open_connection("127.0.0.1", port))
        await until(lambda: len(server) == len(clients))
    assert (await ask(port)).endswith(b"here")
    assert await clients[0][0].read() == b""  # the oldest has given way
    await until(lambda: len(server) == 1)
    busy = await asyncio.open_connection("127.0.0.1", port)
    for writer in (busy[1], clients[1][1]):
        writer.write(b"GET")
    await until(lambda: all(not connection.idle for connection in server._connections))
    told = (await ask(port)).lower()
    assert told.startswith(b"http/1.1 503 ")
    assert all(f"\r\n{header}: {value}\r\n".lower().encode() in told for header, value in HEADERS)
    for writer in (busy[1], *(writer for _, writer in clients)):
        writer.close()
