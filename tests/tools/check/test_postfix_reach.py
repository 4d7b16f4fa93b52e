"""Trying to reach mmx as another user."""

import errno
import os
import socket
from pathlib import Path

import pytest

from mmx.aio.access import Account, own_account
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint
from mmx.tools.check import postfix_reach as check_postfix_reach
from mmx.tools.check.postfix_reach import Reached, connect_as, try_to_reach

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_nobody_of_that_name() -> None:
    assert try_to_reach((UnixEndpoint("/run/a"),), "no-such-user", is_root=False) == {}


def test_who_is_no_root_does_not_try(tmp_path: Path) -> None:
    place = UnixEndpoint(str(tmp_path / "a"))
    assert try_to_reach((place,), own_account().name, is_root=False)[str(place)].error is None


@needs_root
def test_outcomes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    place, account = UnixEndpoint(str(path)), own_account()
    assert connect_as(place, account) == errno.ENOENT
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert connect_as(place, account) == errno.ECONNREFUSED
        listener.listen()
        assert connect_as(place, account) == 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert connect_as(InetEndpoint("127.0.0.1", port), account) == 0
    assert connect_as(InetEndpoint("127.0.0.1", port), account) == errno.ECONNREFUSED


def test_an_identity_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_account: Account) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(check_postfix_reach, "become", refuse)
    assert connect_as(UnixEndpoint("/run/a"), own_account()) is None


@pytest.mark.parametrize("error", [KeyboardInterrupt, KeyError])
def test_the_process_never_comes_back(monkeypatch: pytest.MonkeyPatch, error: type[BaseException]) -> None:
    """It would do what is for its parent to do."""

    def interrupt(_account: Account) -> None:
        raise error

    monkeypatch.setattr(check_postfix_reach, "become", interrupt)
    assert connect_as(UnixEndpoint("/run/a"), own_account()) is None


@needs_root
def test_another_user_is_held_back(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o600)
        found = try_to_reach((UnixEndpoint(str(path)),), "nobody", is_root=True)[f"unix:{path}"]
    assert (found.error, found.user) == (errno.EACCES, "nobody")
    assert str(path) in [obstacle.path for obstacle in found.obstacles]
    assert Reached(0).obstacles == ()
