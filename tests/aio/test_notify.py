"""Datagrams to the service manager."""

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmx.aio.notify import Notifier


@pytest.fixture
def manager(directory: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(directory / "notify"))
        receiver.settimeout(5)
        yield receiver


def test_tells_each_change(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready("3 children, 1 down")
    assert manager.recv(1000) == b"READY=1\nSTATUS=3 children, 1 down"
    notifier.status("well")
    assert manager.recv(1000) == b"STATUS=well"
    notifier.stopping()
    assert manager.recv(1000) == b"STOPPING=1\nSTATUS=stopping"


def test_a_reload_travels_with_its_time_in_one_datagram(manager: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    Notifier({"NOTIFY_SOCKET": manager.getsockname()}).reloading()
    first, _, second = manager.recv(1000).partition(b"\n")
    assert first == b"RELOADING=1"
    assert before <= int(second.removeprefix(b"MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("")  # the kernel chooses an abstract address
        receiver.settimeout(5)
        name = receiver.getsockname()[1:].decode()
        Notifier({"NOTIFY_SOCKET": "@" + name}).status("x")
        assert receiver.recv(100) == b"STATUS=x"


def test_without_a_manager_nothing_happens() -> None:
    Notifier({}).ready("x")


def test_a_manager_that_is_gone_is_a_debug_line(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    Notifier({"NOTIFY_SOCKET": str(directory / "nobody")}).ready("x")
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
