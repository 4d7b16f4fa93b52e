"""Looking at mmx itself."""

import json
import os
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from mmx.aio.access import Account, own_account
from mmx.detect.facts import Failure
from mmx.errors import UnavailableError
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint
from mmx.tools.check import mmx_look as check_mmx_look
from mmx.tools.check.mmx_look import (
    SOCKET,
    MmxView,
    SocketView,
    ask_for_settings,
    look_at_account,
    look_at_files,
    look_at_sockets,
)
from mmx.tools.check.units import UnitView
from tests.tools.check_hosts import running

ME = own_account()


def test_a_unit_that_there_is() -> None:
    view = MmxView(units={SOCKET: running(SOCKET)})
    assert view.unit(SOCKET) is not None
    assert view.unit("other") is None
    assert MmxView(units=Failure("no")).unit(SOCKET) is None


def test_the_account_of_the_service() -> None:
    service = running("mmx.service", User=ME.name, MainPID=str(os.getpid()))
    account, listed = look_at_account(service, is_root=True)
    assert account is not None
    assert (account.name, account.uid) == (ME.name, ME.uid)
    assert account.groups == ME.groups, "those of the process"
    assert os.getegid() in listed
    for unit in (running("mmx.service", User=ME.name), running("mmx.service", MainPID="1", User=ME.name)):
        account, listed = look_at_account(unit, is_root=True)
        assert account is not None


def test_a_process_of_somebody_else_says_nothing() -> None:
    stranger = Account("mmx", 61_234, frozenset())
    assert check_mmx_look._account_of_process(os.getpid(), stranger) is None
    assert check_mmx_look._account_of_process(0, ME) is None
    assert check_mmx_look._account_of_process(1 << 22, ME) is None


def test_whoever_is_not_root_looks_as_himself() -> None:
    assert look_at_account(None, is_root=False) == (ME, ME.groups)
    nobody = running("mmx.service", User="no-user-of-this-name")
    assert look_at_account(nobody, is_root=True) == (None, frozenset())


def test_the_settings_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[object] = [{"json": json.dumps({"settings": {}})}, {"json": "[]"}, {"json": "{"}, {}]
    monkeypatch.setattr(check_mmx_look, "ask", lambda _path, _request, within: answers.pop(0))
    assert ask_for_settings("/run/c") == {"settings": {}}
    assert all(isinstance(ask_for_settings("/run/c"), Failure) for _ in range(3))
    assert isinstance(ask_for_settings(None), Failure)

    def refuse(_path: str, _request: object, within: float) -> object:
        raise UnavailableError("does not run")

    monkeypatch.setattr(check_mmx_look, "ask", refuse)
    assert ask_for_settings("/run/c") == Failure("does not run")


def socket_unit(fragment: Path, *listen: str) -> UnitView:
    view = running(SOCKET)
    return replace(view, unit=replace(view.unit, fragment=str(fragment), listen=listen))


def test_sockets_of_systemd(tmp_path: Path) -> None:
    path, unit = tmp_path / "s", tmp_path / "mmx.socket"
    unit.write_text(f"[Socket]\nListenStream={path}\nListenStream=0.0.0.0:8900\n")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    path.chmod(0o660)
    listen = (f"{path} (Stream)", "0.0.0.0:8900 (Stream)", "/run/x (Datagram)")
    first, second = look_at_sockets(socket_unit(unit, *listen), [InetEndpoint("127.0.0.1", 1)])
    assert (first.endpoint, first.by, first.place) == (UnixEndpoint(str(path)), SOCKET, f"{unit}:2")
    assert (first.mode, first.uid, first.missing) == (0o660, os.geteuid(), False)
    assert second == SocketView(InetEndpoint("0.0.0.0", 8900), SOCKET, f"{unit}:3")
    (gone,) = look_at_sockets(socket_unit(tmp_path / "none", f"{tmp_path}/none (Stream)"), [])
    assert (gone.place, gone.missing) == ("", True)


def test_sockets_of_mmx_itself(tmp_path: Path) -> None:
    place = InetEndpoint("127.0.0.1", 1)
    stopped = running(SOCKET, "inactive")
    assert list(look_at_sockets(stopped, [place])) == [SocketView(place)]
    (gone,) = look_at_sockets(None, [UnixEndpoint(f"{tmp_path}/none")])
    assert gone.missing


def test_files_that_mmx_cannot_read(tmp_path: Path) -> None:
    closed, open_file = tmp_path / "closed.yaml", tmp_path / "open.yaml"
    for file in (closed, open_file):
        file.touch()
    closed.chmod(0o600)
    open_file.chmod(0o644)
    tmp_path.chmod(0o755)
    stranger = Account("mmx", 61_234, frozenset())
    found = dict(look_at_files([closed, open_file], stranger))
    obstacles = found[str(closed)]
    assert obstacles[-1].wanted == stat.S_IROTH
    assert str(open_file) not in found or found[str(open_file)] == obstacles[:-1]
    assert list(look_at_files([closed], None)) == []
