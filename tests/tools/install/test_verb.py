"""The commands, on a tree and without root."""

import os
import sys
from pathlib import Path

import pytest

from mmx import cli
from mmx.errors import EX_NOPERM, EX_OK, PermissionsError, UnavailableError
from mmx.tools.install import verb as install
from mmx.tools.install.postfix import MILTER
from mmx.tools.install.steps import Target
from tests.tools.hosts import FakeHost


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/mmx"])
    return FakeHost(tmp_path)


def mmx(host: FakeHost, verb: str, *options: str) -> int:
    return install.main(verb, ["--root", str(host.root), *options], host.run)


def test_install_connect_and_back(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    assert mmx(host, "install") == EX_OK
    assert "ExecStart=/usr/bin/mmx\n" in host.text("/etc/systemd/system/mmx.service")
    assert mmx(host, "install", "--postfix", "--dry-run") == EX_OK
    assert f"main.cf: smtpd_milters: not set becomes `{MILTER}`" in capsys.readouterr().out
    assert host.postfix == {}
    mmx(host, "install", "--postfix")
    assert host.postfix == {"smtpd_milters": MILTER}
    with pytest.raises(UnavailableError, match=r"Postfix still uses mmx \(smtpd_milters\)"):
        mmx(host, "uninstall")
    mmx(host, "uninstall", "--postfix")
    assert host.postfix == {}
    assert not (host.root / "etc/systemd/system/mmx.service").exists()


def test_a_milter_that_would_get_lost_stops_it(host: FakeHost) -> None:
    host.postfix = {"smtpd_milters": "inet:127.0.0.1:2525"}
    with pytest.raises(UnavailableError, match="no child of mmx"):
        mmx(host, "install", "--postfix")
    assert host.postfix == {"smtpd_milters": "inet:127.0.0.1:2525"}


@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_root_is_needed(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PermissionsError, match=f"mmx {verb} changes /etc and needs root"):
        install.main(verb, [])
    assert cli.main([verb]) == EX_NOPERM
    assert "--dry-run" in capsys.readouterr().err


def test_postfix_is_not_connected_to_an_mmx_that_does_not_run(host: FakeHost) -> None:
    target = Target(Path("/"), host.run)
    host.statuses["is-active"] = 3
    with pytest.raises(UnavailableError, match="mmx does not run"):
        install._connect(target, dry=True)


def test_a_wrong_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        install.main("install", ["--nonsense"])
    assert end.value.code == 64
    assert "mmx install: unrecognized arguments: --nonsense" in capsys.readouterr().err
