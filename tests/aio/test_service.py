"""The life of the daemon, inside the test's own event loop."""

import asyncio
import logging
import os
import resource
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mmx.aio import service as module
from mmx.aio.access import Account
from mmx.aio.notify import Notifier
from mmx.aio.service import Service
from mmx.errors import UnavailableError
from mmx.settings.load import load
from tests.aio.peers import CONTINUE, FakeChild, FakeMta, until


@pytest.fixture(autouse=True)
def info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


class Daemon:
    """A service with its settings file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "mmx.yaml"
        self.socket = directory / "mmx.sock"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(directory / "notify"))
        self.manager.setblocking(False)
        self.told: list[str] = []

    def write(
        self,
        children: Iterable[FakeChild | Path],
        *more: str,
        listen: Path | None = None,
        http: str = "null",
    ) -> None:
        lines = [
            f"listen: unix:{listen or self.socket}",
            "socket_group: null",
            "detect: false",
            f"metrics: {{listen: {http}}}",
            f"spool_directory: {self.directory}",
            f"control_socket: {self.directory}/control.sock",
            *more,
            "children:",
        ]
        for child in children:
            path = child.path if isinstance(child, FakeChild) else child
            lines.append(f"  {path.stem}: {{endpoint: 'unix:{path}'}}")
        self.file.write_text("\n".join(lines) + "\n")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        notifier = Notifier({"NOTIFY_SOCKET": str(self.directory / "notify")})
        service = Service(load(self.file), self.file, notifier)
        task = asyncio.create_task(service.run())
        try:
            await until(lambda: task.done() or self.hears("READY=1"))
            yield service
        finally:
            service.stop()
            await task
            self.manager.close()

    def hears(self, word: str) -> bool:
        """Whether the service manager was told so since the last time."""
        while True:
            try:
                self.told.append(self.manager.recv(1000).decode())
            except BlockingIOError:
                break
        for number, text in enumerate(self.told):
            if word in text:
                del self.told[: number + 1]
                return True
        return False


@pytest.fixture
def daemon(directory: Path) -> Daemon:
    return Daemon(directory)


async def talk(path: Path) -> FakeMta:
    mta = await FakeMta.connect(path)
    await mta.greet()
    return mta


async def test_start_serve_stop(daemon: Daemon, child: FakeChild, caplog: pytest.LogCaptureFixture) -> None:
    daemon.write([child, daemon.directory / "gone.sock"], "default_action: accept")
    async with daemon.running():
        mta = await talk(daemon.socket)
        assert await mta.message() == CONTINUE
        os.kill(os.getpid(), signal.SIGTERM)
        assert await mta.hears_end()
        await mta.close()
        await until(lambda: daemon.hears("STOPPING=1"))
    assert not daemon.socket.exists()
    assert f"child child at {child.endpoint}: version 6" in caplog.text
    assert "child gone is down (missing)" in caplog.text


async def test_ready_tells_how_many_children_are_down(daemon: Daemon, child: FakeChild) -> None:
    daemon.write([child, daemon.directory / "gone.sock"])
    async with daemon.running() as service:
        service.reload()
        await until(lambda: daemon.hears("RELOADING=1\nMONOTONIC_USEC="))
        await until(lambda: daemon.hears("READY=1\nSTATUS=2 children, 1 down"))


async def test_a_message_may_end_after_sigterm(daemon: Daemon, child: FakeChild) -> None:
    daemon.write([child])
    async with daemon.running() as service:
        mta = await talk(daemon.socket)
        assert await mta.envelope() == CONTINUE
        service.stop()
        await until(lambda: daemon.hears("STOPPING=1"))
        with pytest.raises(OSError, match=r"No such file|refused"):
            await FakeMta.connect(daemon.socket)
        assert await mta.content() == CONTINUE
        assert await mta.hears_end()
        await mta.close()


async def test_a_first_message_may_begin_after_sigterm(daemon: Daemon, child: FakeChild) -> None:
    """The MTA that has connected would answer 4xx to MAIL if it lost its milter now."""
    daemon.write([child])
    async with daemon.running() as service:
        earlier = await talk(daemon.socket)
        await earlier.close()
        await until(lambda: not len(service._sessions))
        silent = await FakeMta.connect(daemon.socket)
        mta = await talk(daemon.socket)
        service.stop()
        await until(lambda: daemon.hears("STOPPING=1"))
        await silent.greet()
        for waiting in (mta, silent):
            assert await waiting.message() == CONTINUE
            assert await waiting.hears_end()
            await waiting.close()


async def test_signs_of_life(
    daemon: Daemon, child: FakeChild, monkeypatch: pytest.MonkeyPatch, time_unit: float
) -> None:
    monkeypatch.setattr("mmx.aio.notify._watchdog_pause", lambda _environment: 0.02 * time_unit)
    daemon.write([child])
    async with daemon.running() as service:
        for _ in range(3):
            await until(lambda: daemon.hears("WATCHDOG=1"))
        service.stop()
        await until(lambda: daemon.hears("STOPPING=1"))


async def test_reload_changes_the_chain(
    daemon: Daemon, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.write([child])
    async with FakeChild(daemon.directory / "second.sock") as second, daemon.running():
        mta = await talk(daemon.socket)
        assert await mta.message() == CONTINUE
        daemon.write([child, second])
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: daemon.hears("STATUS=2 children, 0 down"))
        assert second.connections == 1
        assert await mta.message() == CONTINUE
        assert second.connections == 2
        await mta.close()
    assert "child second added" in caplog.text


async def test_a_reload_that_adds_a_child_mmx_may_not_use_is_refused(
    daemon: Daemon, child: FakeChild, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmx.aio.service.own_account", lambda: Account("mmx", 65533, frozenset()))
    closed = daemon.directory / "closed"
    closed.mkdir(mode=0o700)
    daemon.write([child])
    async with FakeChild(closed / "second.sock") as second, daemon.running() as service:
        daemon.write([child, second])
        service.reload()
        await until(lambda: daemon.hears("STATUS=reload failed, former settings in force"))
        assert [plan.name for plan in service._sessions.chain.children] == ["child"]
    assert f"children.second: {daemon.directory}" in caplog.text
    assert "does not let user mmx in" in caplog.text or "do not let user mmx in" in caplog.text


async def test_reload_moves_the_listener(daemon: Daemon, child: FakeChild) -> None:
    daemon.write([child])
    async with daemon.running() as service:
        mta = await talk(daemon.socket)
        daemon.write([child], listen=daemon.directory / "new.sock")
        service.reload()
        await until(lambda: daemon.hears("READY=1"))
        assert not daemon.socket.exists()
        assert await mta.message() == CONTINUE
        other = await talk(daemon.directory / "new.sock")
        assert await other.message() == CONTINUE
        await mta.close()
        await other.close()


async def test_wrong_settings_change_nothing_and_are_all_told(
    daemon: Daemon, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.write([child])
    async with daemon.running() as service:
        daemon.write([], "no_such_key: 1", "another_wrong: 2")
        service.reload()
        await until(lambda: daemon.hears("reload failed"))
        mta = await talk(daemon.socket)
        assert await mta.message() == CONTINUE
        assert child.connections == 2
        await mta.close()
    assert "no_such_key" in caplog.text
    assert "another_wrong" in caplog.text


@pytest.mark.parametrize("cause", ["listener", "spool"])
async def test_what_cannot_be_had_changes_nothing(
    daemon: Daemon, child: FakeChild, caplog: pytest.LogCaptureFixture, cause: str
) -> None:
    daemon.write([child])
    async with daemon.running() as service:
        missing = daemon.directory / "missing"
        if cause == "listener":
            daemon.write([], listen=missing / "mmx.sock")
        else:
            daemon.write([])
            text = daemon.file.read_text().replace(
                f"spool_directory: {daemon.directory}", f"spool_directory: {missing}"
            )
            daemon.file.write_text(text)
        service.reload()
        await until(lambda: daemon.hears("reload failed"))
        mta = await talk(daemon.socket)
        assert await mta.message() == CONTINUE
        assert child.connections == 2
        await mta.close()
    assert str(missing) in caplog.text


async def test_a_fault_in_a_reload_changes_nothing(
    daemon: Daemon, child: FakeChild, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.write([child])
    async with daemon.running() as service:
        with monkeypatch.context() as patch:
            patch.setattr(module, "make_chain", lambda *_: 1 // 0)
            service.reload()
            await until(lambda: daemon.hears("reload failed"))
        mta = await talk(daemon.socket)
        assert await mta.message() == CONTINUE
        await mta.close()
        service.reload()
        await until(lambda: daemon.hears("READY=1"))
    assert "ZeroDivisionError" in caplog.text


async def test_reloads_become_one(daemon: Daemon, child: FakeChild, caplog: pytest.LogCaptureFixture) -> None:
    daemon.write([child])
    async with daemon.running() as service:
        for _ in range(10):
            service.reload()
        await until(lambda: daemon.hears("READY=1"))
    assert caplog.text.count("reloaded") == 1


async def test_a_second_daemon_leaves_the_first_alone(daemon: Daemon, child: FakeChild) -> None:
    daemon.write([child])
    async with daemon.running():
        second = Service(load(daemon.file), daemon.file, Notifier({}))
        with pytest.raises(UnavailableError, match=str(daemon.socket)) as caught:
            await second.run()
        assert caught.value.exit_code == 69
        mta = await talk(daemon.socket)
        assert await mta.message() == CONTINUE
        await mta.close()


async def test_a_missing_spool_directory_ends_the_start(daemon: Daemon) -> None:
    daemon.write([])
    text = daemon.file.read_text().replace(
        f"spool_directory: {daemon.directory}", "spool_directory: /nowhere/at/all"
    )
    daemon.file.write_text(text)
    service = Service(load(daemon.file), daemon.file, Notifier({}))
    with pytest.raises(UnavailableError, match="/nowhere/at/all does not exist: create it"):
        await service.run()
    assert not daemon.socket.exists()
    daemon.manager.close()


async def test_it_survives_a_lack_of_descriptors(
    daemon: Daemon, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    """Connections that cannot be accepted wait in the backlog."""
    daemon.write([child])
    async with daemon.running():
        clients = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for client in clients:
            client.connect(str(daemon.socket))
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        open_now = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208 - descriptors
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 6, limits[1]))
        try:
            before = time.process_time()
            await asyncio.sleep(0.2)
            spent = time.process_time() - before
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            for client in clients:
                client.close()
        assert spent < 0.15
        mta = await talk(daemon.socket)
        assert await mta.message() == CONTINUE
        await mta.close()
    assert caplog.text.count("cannot accept") <= 1
    assert "Traceback" not in caplog.text


async def test_a_fault_in_a_callback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    context = {"message": "something else", "exception": ZeroDivisionError()}
    Service._on_loop_error(asyncio.get_running_loop(), context)
    assert "something else" in caplog.text
    assert "ZeroDivisionError" in caplog.text
