"""What an installation is made of, on Debian and on EL."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmx.errors import UnavailableError
from mmx.settings.catalog import CATALOG
from mmx.settings.load import load
from mmx.tools.install import host as install_host
from mmx.tools.install.host import facts_of, install_steps, program, shipped, uninstall_steps, unreachable
from mmx.tools.install.steps import carry_out
from tests.tools.hosts import EL, FakeHost

COMMAND = "/opt/mmx/bin/mmx"


def install(host: FakeHost, *, dry: bool = False) -> list[str]:
    said: list[str] = []
    target = host.target()
    carry_out(install_steps(facts_of(target), target, COMMAND), target, said.append, dry=dry)
    return said


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")
    return FakeHost(tmp_path)


def test_debian(host: FakeHost) -> None:
    install(host)
    assert host.text("/etc/sysusers.d/mmx.conf").splitlines()[-5:] == [
        'u mmx - "milter multiplexer" /var/lib/mmx',
        *("m mmx postfix", "m mmx opendkim", "m mmx clamav", "m mmx _rspamd"),
    ]
    service = host.text("/etc/systemd/system/mmx.service")
    assert f"\nExecStart={COMMAND}\n" in service
    assert f"\nExecReload={COMMAND} --check-config --quiet\n" in service
    assert "/usr/bin/mmx" not in service
    assert "ListenStream=/var/spool/postfix/mmx/mmx.sock" in host.text("/etc/systemd/system/mmx.socket")
    assert "d /var/spool/postfix/mmx 0750 mmx postfix" in host.text("/etc/tmpfiles.d/mmx.conf")
    assert load(host.root / "etc/mmx/mmx.yaml").settings.listeners
    for words in (
        ["systemd-sysusers", "mmx.conf"],
        ["systemd-tmpfiles", "--create"],
        ["enable", "mmx.socket"],
    ):
        assert host.ran(f"--root={host.root}", *words), words
    assert not host.ran("daemon-reload"), "a tree has no running systemd"


def test_el(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")
    host = FakeHost(tmp_path, EL)
    install(host)
    members = re.findall(r"^m mmx (\S+)$", host.text("/etc/sysusers.d/mmx.conf"), re.MULTILINE)
    assert members == ["postfix", "opendkim", "clamilt", "sa-milt", "grmilter", "mail"]


def test_without_sysusers(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name, **_: None)
    install(host)
    assert host.ran("useradd", "--root", str(host.root), "--system", "--user-group", "mmx")
    assert host.ran("usermod", "-aG", "postfix,opendkim,clamav,_rspamd", "mmx")
    host.commands.clear()
    assert install(host) == ["nothing to do"]


def test_a_second_run_does_nothing(host: FakeHost) -> None:
    install(host)
    (host.root / "etc/mmx/mmx.yaml").write_text("detect: yes  # mine\n")
    host.commands.clear()
    assert install(host) == ["nothing to do"]
    assert {command[2] for command in host.commands} == {"is-enabled"}
    assert "mine" in host.text("/etc/mmx/mmx.yaml")


def test_a_milter_that_came_later_adds_its_group(host: FakeHost) -> None:
    install(host)
    with (host.root / "etc/group").open("a") as group:
        group.write("opendmarc:x:112:\n")
    said = install(host)
    assert [line.split(",")[0] for line in said][:1] == [f"write {host.root}/etc/sysusers.d/mmx.conf"]
    assert "opendmarc:x:112:mmx\n" in host.text("/etc/group")


def test_a_dry_run_changes_nothing(host: FakeHost) -> None:
    before = sorted(host.root.rglob("*"))
    said = "\n".join(install(host, dry=True))
    assert sorted(host.root.rglob("*")) == before
    assert {command[2] for command in host.commands} == {"is-enabled"}
    for words in ("ExecStart=/opt/mmx/bin/mmx", "m mmx opendkim", "systemd-sysusers", "enable mmx.socket"):
        assert words in said


def test_another_queue_directory(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_host, "_queue_directory", lambda _target: "/srv/queue")
    install(host)
    assert "ListenStream=/srv/queue/mmx/mmx.sock" in host.text("/etc/systemd/system/mmx.socket")
    assert "d /srv/queue/mmx " in host.text("/etc/tmpfiles.d/mmx.conf")
    assert "unix:/srv/queue/mmx/mmx.sock" in host.text("/etc/mmx/mmx.yaml")


@pytest.mark.parametrize(
    ("missing", "said"), [("usr/bin/systemctl", "systemd is not installed"), ("etc/group", "Postfix is not")]
)
def test_what_mmx_cannot_do_without(host: FakeHost, missing: str, said: str) -> None:
    (host.root / missing).unlink()
    with pytest.raises(UnavailableError, match=said):
        facts_of(host.target())


def test_uninstall_undoes_it(host: FakeHost) -> None:
    install(host)
    target = host.target()
    carry_out(uninstall_steps(target), target, lambda _line: None, dry=False)
    left = {str(path.relative_to(host.root)) for path in host.root.rglob("*mmx*") if path.is_file()}
    assert left == {"etc/mmx/mmx.yaml"}
    assert host.ran("disable", "mmx.socket", "mmx.service")
    target.changed = False
    said: list[str] = []
    carry_out(uninstall_steps(target), target, said.append, dry=False)
    assert said == ["nothing to do"]


def test_the_program_is_the_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "mmx"
    command.touch()
    monkeypatch.setattr(sys, "argv", [str(command)])
    monkeypatch.setattr(install_host, "unreachable", lambda _path: "")
    assert program() == str(command)
    monkeypatch.setattr(install_host, "unreachable", lambda path: "closed" if path == command else "")
    with pytest.raises(UnavailableError, match=f"cannot use {command}: closed; install mmx where"):
        program()
    monkeypatch.setattr(sys, "argv", ["/usr/lib/python3/pytest"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
    with pytest.raises(UnavailableError, match="run this as the command mmx"):
        program()


def test_where_the_service_cannot_look(tmp_path: Path) -> None:
    assert unreachable(Path("/root/venv/bin/mmx")) == "its unit hides /root"
    assert unreachable(Path("/usr/bin/env")) == ""
    assert unreachable(tmp_path / "mmx").startswith("its unit hides")


def test_a_closed_directory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_host, "_HIDDEN", ())
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "mmx").touch()
    assert unreachable(closed / "mmx").endswith("is closed to other users")


def test_every_shipped_file_is_found() -> None:
    names = ("systemd/mmx.service", "systemd/mmx.socket", "systemd/mmx.sysusers", "systemd/mmx.tmpfiles")
    for name in (*names, "etc/mmx.yaml"):
        assert shipped(name)
    with pytest.raises(UnavailableError, match=r"systemd/other was not installed"):
        shipped("systemd/other")


def test_the_unit_starts_behind_every_milter_of_the_catalog() -> None:
    lines = re.findall(r"^After=(.*)$", shipped("systemd/mmx.service"), re.MULTILINE)
    units = {f"{unit}.service" for milter in CATALOG for unit in milter.units}
    assert units <= set(" ".join(lines).split())


def test_what_the_unit_must_and_must_not_say() -> None:
    text = shipped("systemd/mmx.service")
    for line in (
        *(
            "Type=notify",
            "User=mmx",
            "SyslogFacility=mail",
            "LimitNOFILE=65536",
            "StateDirectory=mmx mmx/spool",
        ),
        *("SystemCallErrorNumber=EPERM", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"),
        *("Requires=mmx.socket", "ExecReload=/usr/bin/mmx --check-config --quiet"),
    ):
        assert f"\n{line}\n" in text, line
    assert not re.search(r"^(MemoryDenyWriteExecute|PrivateUsers|DynamicUser)=", text, re.MULTILINE)
    assert "Backlog=4096\n" in shipped("systemd/mmx.socket")


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    """Runs where systemd-analyze is installed; the integration tests demand it."""
    program = Path("/usr/bin/systemd-analyze")
    if not program.exists():
        return
    for name in ("mmx.service", "mmx.socket"):
        text = shipped(f"systemd/{name}").replace("/usr/bin/mmx", "/bin/true")
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [program, "verify", "--man=no", tmp_path / "mmx.service"], capture_output=True, text=True, check=False
    )
    assert "mmx." not in done.stderr, done.stderr
