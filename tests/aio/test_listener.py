"""Listeners: who may use them, what they refuse to take, what they clean up."""

import asyncio
import errno
import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from mmx.aio import listener as module
from mmx.aio.listener import Access, ProtocolFactory, bind_unix, inherited_listeners, open_listener
from mmx.aio.stream import Stream
from mmx.errors import PermissionsError, UnavailableError
from mmx.settings.endpoint import parse_endpoint
from mmx.settings.model import Listener as ListenerSettings
from tests.aio.peers import OPTNEG, FakeMta, KeepingOwner, until

OPEN = Access(0o660, None)


def wanted(endpoint: str) -> ListenerSettings:
    return ListenerSettings(endpoint, parse_endpoint(endpoint))


def keeping() -> tuple[list[KeepingOwner], ProtocolFactory]:
    """The owners of the links that a listener accepts, and what makes them."""
    owners: list[KeepingOwner] = []

    def make(_name: str) -> Stream:
        owners.append(KeepingOwner())
        return owners[-1].stream

    return owners, make


async def test_unix(directory: Path) -> None:
    path = directory / "s"
    listener = await open_listener(wanted(f"unix:{path}"), OPEN)
    owners, factory = keeping()
    listener.serve(factory, 4096)
    mta = await FakeMta.connect(path)
    await mta.send(OPTNEG)
    await until(lambda: owners and owners[0].frames == [OPTNEG])
    await mta.close()
    await until(lambda: owners[0].loss)
    listener.close()
    assert not path.exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_inet(host: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listener = await open_listener(wanted(f"inet:{host}:{port}"), OPEN)
    owners, factory = keeping()
    listener.serve(factory, 100)
    for address in {"localhost": ["127.0.0.1", "::1"]}.get(host, [host.strip("[]")]):
        _, writer = await asyncio.open_connection(address, port)
        await until(lambda: owners and owners[-1].heard == ["connected"])
        writer.close()
        await until(lambda: owners[-1].loss)
    listener.close()


async def test_a_port_in_use(directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match="another program listens there"):
            await open_listener(wanted(f"inet:127.0.0.1:{port}"), OPEN)


def test_mode_and_group(directory: Path) -> None:
    path = directory / "s"
    with bind_unix(str(path), Access(0o640, None)):
        found = path.lstat()
        assert stat.S_IMODE(found.st_mode) == 0o640


def test_nobody_may_connect_before_mode_and_group_are_set(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(module, "_permit", lambda path, access: seen.append(os.lstat(path).st_mode & 0o777))
    old = os.umask(0)
    try:
        bind_unix(str(directory / "s"), Access(0o666, None)).close()
        assert os.umask(0) == 0
    finally:
        os.umask(old)
    assert seen == [0o600]


def test_a_group_that_does_not_exist(directory: Path) -> None:
    path = directory / "s"
    with pytest.raises(UnavailableError, match="no such group"):
        bind_unix(str(path), Access(0o660, "no-such-group"))
    with pytest.raises(UnavailableError, match="set --group"):
        bind_unix(str(path), Access(0o660, "no-such-group", "--group"))
    assert not path.exists()


def test_a_group_that_may_not_be_given(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(PermissionsError, match="add the user"):
        bind_unix(str(directory / "s"), Access(0o660, "root"))
    assert list(directory.iterdir()) == []


def test_a_live_socket_is_not_stolen(directory: Path) -> None:
    path = directory / "s"
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        with pytest.raises(UnavailableError, match=rf"{path}: another program listens") as caught:
            bind_unix(str(path), OPEN)
        assert caught.value.exit_code == 69
        assert path.is_socket()


def test_a_live_socket_with_a_full_backlog_is_not_stolen(directory: Path) -> None:
    path = directory / "s"
    with socket.socket(socket.AF_UNIX) as living, socket.socket(socket.AF_UNIX) as first:
        living.bind(str(path))
        living.listen(0)
        first.connect(str(path))
        with pytest.raises(UnavailableError, match="another program listens"):
            bind_unix(str(path), OPEN)


def test_a_stale_socket_is_replaced(directory: Path) -> None:
    path = directory / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    before = path.lstat().st_ctime_ns
    bind_unix(str(path), OPEN).close()
    assert path.lstat().st_ctime_ns != before


def test_what_is_no_socket_stays(directory: Path) -> None:
    file = directory / "file"
    file.write_text("precious")
    with pytest.raises(UnavailableError, match="it is no socket"):
        bind_unix(str(file), OPEN)
    assert file.read_text() == "precious"


def test_a_symbolic_link_is_not_followed(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(directory / "dead"))
    link = directory / "link"
    link.symlink_to(directory / "dead")
    with pytest.raises(UnavailableError, match="symbolic link"):
        bind_unix(str(link), OPEN)
    assert (directory / "dead").exists()


def test_a_missing_directory(directory: Path) -> None:
    with pytest.raises(UnavailableError, match="install -d"):
        bind_unix(str(directory / "none" / "s"), OPEN)


def test_a_directory_without_permission(directory: Path) -> None:
    error = module._explain_bind(str(directory / "s"), PermissionError(errno.EACCES, "Permission denied"))
    assert isinstance(error, PermissionsError)
    assert str(directory) in str(error)
    assert error.exit_code == 77


def test_a_privileged_port() -> None:
    error = module._explain_bind("inet:127.0.0.1:25", PermissionError(errno.EACCES, "Permission denied"))
    assert "above" in str(error)


async def test_close_leaves_a_socket_that_is_not_ours_any_more(directory: Path) -> None:
    path = directory / "s"
    listener = await open_listener(wanted(f"unix:{path}"), OPEN)
    listener.serve(lambda _name: KeepingOwner().stream, 100)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        listener.close()
        assert path.is_socket()


async def test_permit_changes_an_open_one(directory: Path) -> None:
    path = directory / "s"
    listener = await open_listener(wanted(f"unix:{path}"), OPEN)
    listener.permit(Access(0o600, None))
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    listener.close()


def listening_backlog(path: Path) -> int:
    """What ss(8) shows as the queue's size; the kernel allows net.core.somaxconn at most."""
    shown = subprocess.run(["ss", "-xlH", "src", str(path)], capture_output=True, check=True).stdout.split()
    return int(shown[3])


@pytest.mark.parametrize("backlog", [7, 4096])
async def test_backlog(directory: Path, backlog: int) -> None:
    path = directory / "s"
    listener = await open_listener(wanted(f"unix:{path}"), OPEN)
    listener.serve(lambda _name: KeepingOwner().stream, backlog)
    shown = await asyncio.to_thread(listening_backlog, path)
    listener.close()
    assert shown == backlog


# Sockets from systemd.


def test_inherited_are_none_for_another_process() -> None:
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"}
    assert inherited_listeners(environment) == []
    assert environment == {}
    assert inherited_listeners({}) == []


async def test_inherited(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = directory / "s"
    given = socket.socket(socket.AF_UNIX)
    given.bind(str(path))
    given.listen()
    descriptor = given.detach()
    monkeypatch.setattr(module, "FIRST_INHERITED", descriptor)
    (listener,) = inherited_listeners(
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "submission"}
    )
    assert (listener.name, listener.endpoint) == ("submission", "systemd:submission")
    assert not os.get_inheritable(descriptor)
    owner = KeepingOwner()
    names: list[str] = []

    def make(name: str) -> Stream:
        names.append(name)
        return owner.stream

    listener.serve(make, 100)
    mta = await FakeMta.connect(path)
    await until(lambda: owner.heard == ["connected"])
    await mta.close()
    await until(lambda: owner.loss)
    assert names == ["submission"]
    listener.close()
    assert path.is_socket()


@pytest.mark.parametrize(
    ("named", "name"),
    [
        ([("smtp", "unix:{}/s"), ("other", "unix:{}/o")], "smtp"),
        ([("smtp", "unix:{}/./s")], "smtp"),
        ([("other", "unix:{}/o")], "mmx.socket"),
        ([("unix:{}/s", "unix:{}/s")], "mmx.socket"),  # the settings give it no name
        ([("inet", "inet:127.0.0.1:1")], "mmx.socket"),
        ([], "mmx.socket"),
    ],
)
def test_a_socket_of_systemd_has_the_name_that_the_settings_give_its_endpoint(
    directory: Path, named: list[tuple[str, str]], name: str
) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(directory / "s"))
        listener = module.Listener("mmx.socket", "systemd:mmx.socket", [bound])
        for each in ([("before", f"unix:{directory}/s")], named):
            listener.take_name(
                ListenerSettings(called.format(directory), parse_endpoint(place.format(directory)))
                for called, place in each
            )
        assert listener.name == name


def test_a_port_of_systemd_is_known_by_its_address() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        listener = module.Listener("mmx.socket", "systemd:mmx.socket", [bound])
        port = bound.getsockname()[1]
        listener.take_name([ListenerSettings("smtp", parse_endpoint(f"inet:localhost:{port}"))])
        assert listener.name == "smtp"


def test_inherited_without_a_name(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = socket.socket(socket.AF_UNIX)
    given.bind(str(directory / "s"))
    given.listen()
    monkeypatch.setattr(module, "FIRST_INHERITED", given.detach())
    (listener,) = inherited_listeners({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})
    assert listener.name == f"fd{module.FIRST_INHERITED}"
    listener.close()


def test_inherited_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    with socket.socket(socket.AF_UNIX) as given:
        monkeypatch.setattr(module, "FIRST_INHERITED", os.dup(given.fileno()))
        with pytest.raises(UnavailableError, match="ListenStream"):
            inherited_listeners(told)


def test_inherited_that_is_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as given:
        monkeypatch.setattr(module, "FIRST_INHERITED", given.fileno())
        with pytest.raises(UnavailableError, match="from systemd"):
            inherited_listeners({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})
