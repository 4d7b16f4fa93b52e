"""Accepting: with room at once, without room from the backlog, later; one line says why."""

import asyncio
import errno
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mmx.aio.acceptor import AT_ONCE, Acceptor
from mmx.aio.stream import Stream
from tests.aio.peers import KeepingOwner, until


class Scarce(socket.socket):
    """A listening socket whose accept fails as often as `failures` says."""

    failures = 0

    def accept(self) -> tuple[socket.socket, str]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


class Setup:
    """An acceptor with room for `room` links at a time."""

    def __init__(self, path: Path, room: int) -> None:
        self.path = path
        self.room = room
        self.owners: list[KeepingOwner] = []
        self.socket = Scarce(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(path))
        self.socket.listen(500)
        self.acceptor = Acceptor(
            self.socket, self._make, lambda: self.open < self.room, asyncio.get_running_loop()
        )

    @property
    def open(self) -> int:
        return sum(owner.loss is None for owner in self.owners)

    def _make(self) -> Stream:
        self.owners.append(KeepingOwner())
        return self.owners[-1].stream

    def connect(self, count: int) -> list[socket.socket]:
        found = []
        for _ in range(count):
            found.append(socket.socket(socket.AF_UNIX))
            found[-1].connect(str(self.path))
        return found


@pytest.fixture
async def setup(directory: Path) -> AsyncIterator[Setup]:
    setup = Setup(directory / "s", 1000)
    yield setup
    setup.acceptor.close()
    setup.socket.close()


async def test_many_at_once(setup: Setup) -> None:
    clients = setup.connect(3 * AT_ONCE)
    await until(lambda: len(setup.owners) == 3 * AT_ONCE)
    await until(lambda: all(owner.heard == ["connected"] for owner in setup.owners))
    for client in clients:
        client.close()
    await until(lambda: setup.open == 0)


async def test_without_room_they_wait(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.room = 2
    clients = setup.connect(5)
    await until(lambda: setup.open == 2)
    await asyncio.sleep(0.25)
    assert setup.open == len(setup.owners) == 2
    for client in clients:
        await until(lambda: setup.open == min(2, 5 - sum(client.fileno() < 0 for client in clients)))
        client.close()
    await until(lambda: setup.open == 0)
    (record,) = caplog.records
    assert "too many connections for the limit of file descriptors (LimitNOFILE)" in record.getMessage()


async def test_without_descriptors_they_wait(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.socket.failures = 3
    before = time.process_time()
    (client,) = setup.connect(1)
    await until(lambda: setup.open == 1)
    assert time.process_time() - before < 0.1
    client.close()
    await until(lambda: setup.open == 0)
    (record,) = caplog.records
    assert "cannot accept a connection: [Errno 24] Too many open files" in record.getMessage()


async def test_closed_it_leaves_the_socket_open(setup: Setup) -> None:
    setup.acceptor.close()
    (client,) = setup.connect(1)
    await asyncio.sleep(0.05)
    assert not setup.owners
    client.close()


async def test_closed_while_there_is_no_room(setup: Setup) -> None:
    setup.room = 0
    (client,) = setup.connect(1)
    await asyncio.sleep(0.05)
    setup.acceptor.close()
    setup.room = 1
    await asyncio.sleep(0.2)
    assert not setup.owners
    client.close()
