"""The set of listeners at start and reload."""

import os
import socket
import stat
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mmx.aio import listener as module
from mmx.aio.listeners import Listeners
from mmx.aio.stream import Stream
from mmx.errors import UnavailableError
from mmx.settings.endpoint import UnixEndpoint
from mmx.settings.model import Listener, Settings
from tests.aio.peers import FakeMta, KeepingOwner, until


def settings_for(*paths: Path, mode: int = 0o660) -> Settings:
    listeners = tuple(Listener(path.name, UnixEndpoint(str(path))) for path in paths)
    return Settings(listeners=listeners, socket_mode=mode, socket_group=None)


def make() -> Listeners:
    return Listeners(lambda _name: KeepingOwner().stream)


async def answers(path: Path) -> bool:
    try:
        mta = await FakeMta.connect(path)
    except OSError:
        return False
    await mta.close()
    return True


async def test_several_at_once(directory: Path) -> None:
    listeners = make()
    paths = [directory / "a", directory / "b"]
    await listeners.start(settings_for(*paths), {})
    assert listeners.names == [f"unix:{path}" for path in paths]
    assert [await answers(path) for path in paths] == [True, True]
    listeners.close()
    assert os.listdir(directory) == []  # noqa: PTH208 - as plain as can be
    assert listeners.names == []


async def test_a_reload_opens_and_closes(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    listeners = make()
    a, b, c = (directory / name for name in "abc")
    await listeners.start(settings_for(a, b), {})
    identity = os.lstat(a).st_ino
    await listeners.change(settings_for(a, c, mode=0o600))
    assert [await answers(path) for path in (a, b, c)] == [True, False, True]
    found = os.lstat(a)
    assert (found.st_ino, stat.S_IMODE(found.st_mode)) == (identity, 0o600)
    listeners.close()


async def test_a_reload_that_cannot_open_one_changes_none(directory: Path) -> None:
    listeners = make()
    a, b, c = (directory / name for name in "abc")
    c.symlink_to(directory / "elsewhere")
    await listeners.start(settings_for(a), {})
    with pytest.raises(UnavailableError):
        await listeners.change(settings_for(b, c))
    assert [await answers(path) for path in (a, b)] == [True, False]
    listeners.close()
    assert os.listdir(directory) == ["c"]  # noqa: PTH208 - as plain as can be


async def test_a_reload_that_fails_leaves_the_mode(directory: Path) -> None:
    listeners = make()
    a, missing = directory / "a", directory / "none" / "b"
    await listeners.start(settings_for(a), {})
    with pytest.raises(UnavailableError):
        await listeners.change(settings_for(a, missing, mode=0o600))
    assert stat.S_IMODE(os.lstat(a).st_mode) == 0o660
    listeners.close()


async def test_a_reload_brings_back_a_socket_that_somebody_removed(directory: Path) -> None:
    listeners = make()
    a, b = directory / "a", directory / "b"
    await listeners.start(settings_for(a, b), {})
    a.unlink()
    await listeners.change(settings_for(a, b))
    assert [await answers(path) for path in (a, b)] == [True, True]
    assert sorted(listeners.names) == [f"unix:{path}" for path in (a, b)]
    listeners.close()
    assert os.listdir(directory) == []  # noqa: PTH208 - as plain as can be


async def test_a_reload_does_not_touch_what_is_not_ours_any_more(directory: Path) -> None:
    listeners = make()
    a = directory / "a"
    other = directory / "other"
    other.touch(0o644)
    await listeners.start(settings_for(a), {})
    a.unlink()
    a.symlink_to(other)
    with pytest.raises(UnavailableError, match="symbolic link"):
        await listeners.change(settings_for(a, mode=0o666))
    assert stat.S_IMODE(os.lstat(other).st_mode) == 0o644
    listeners.close()


async def test_a_reload_gives_a_listener_another_name(directory: Path) -> None:
    names: list[str] = []

    def accept(name: str) -> Stream:
        names.append(name)
        return KeepingOwner().stream

    listeners = Listeners(accept)

    def heard(number: int) -> bool:
        return len(names) == number

    path = directory / "a"
    called = ("smtp", "submission")
    for number, name in enumerate(called, 1):
        listener = Listener(name, UnixEndpoint(str(path)))
        settings = Settings(listeners=(listener,), socket_group=None)
        await (listeners.start(settings, {}) if name == "smtp" else listeners.change(settings))
        assert await answers(path)
        await until(partial(heard, number))
    assert tuple(names) == called
    listeners.close()


async def test_a_start_that_cannot_open_one_opens_none(directory: Path) -> None:
    listeners = make()
    with pytest.raises(UnavailableError):
        await listeners.start(settings_for(directory / "a", directory / "none" / "b"), {})
    assert os.listdir(directory) == []  # noqa: PTH208 - as plain as can be


async def test_sockets_from_systemd_win(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = socket.socket(socket.AF_UNIX)
    given.bind(str(directory / "given"))
    given.listen()
    monkeypatch.setattr(module, "FIRST_INHERITED", given.detach())
    listeners = make()
    settings = settings_for(directory / "configured")
    await listeners.start(settings, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})
    assert await answers(directory / "given")
    await listeners.change(replace(settings, socket_mode=0o600))
    await listeners.change(settings_for(directory / "given"))
    listeners.close()
    assert os.listdir(directory) == ["given"]  # noqa: PTH208 - as plain as can be
