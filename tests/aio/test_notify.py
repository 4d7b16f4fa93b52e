"""Datagrams to the service manager."""

import asyncio
import logging
import os
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


async def test_signs_of_life_come_twice_in_the_time_allowed(manager: socket.socket, time_unit: float) -> None:
    allowed = 0.2 * time_unit
    notifier = Notifier(
        {
            "NOTIFY_SOCKET": manager.getsockname(),
            "WATCHDOG_USEC": str(int(allowed * 1_000_000)),
            "WATCHDOG_PID": str(os.getpid()),
        }
    )
    loop = asyncio.get_running_loop()
    manager.setblocking(False)
    notifier.start_watchdog(loop)
    times = []
    for _ in range(3):
        assert await asyncio.wait_for(loop.sock_recv(manager, 100), 5 * time_unit) == b"WATCHDOG=1"
        times.append(loop.time())
    notifier.stop_watchdog()
    assert allowed * 0.9 <= times[2] - times[0]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(loop.sock_recv(manager, 100), allowed)


async def test_a_hanging_loop_gives_no_sign_of_life(manager: socket.socket, time_unit: float) -> None:
    allowed = 0.1 * time_unit
    notifier = Notifier(
        {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": str(int(allowed * 1_000_000))}
    )
    notifier.start_watchdog(asyncio.get_running_loop())
    assert manager.recv(100) == b"WATCHDOG=1"
    manager.settimeout(allowed * 2)
    with pytest.raises(TimeoutError):
        manager.recv(100)
    notifier.stop_watchdog()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "nonsense"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
    ],
)
async def test_nobody_waits_for_signs_of_life(manager: socket.socket, environment: dict[str, str]) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname(), **environment})
    notifier.start_watchdog(asyncio.get_running_loop())
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
