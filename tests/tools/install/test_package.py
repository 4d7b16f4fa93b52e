"""A host on which a package has installed mmx: `mmx install` does what is left, says what is in the way."""

import re
import sys
from pathlib import Path

import pytest

from mmx.errors import EX_OK, UnavailableError
from mmx.settings.catalog import CATALOG
from mmx.tools.install import verb as install
from mmx.tools.install.host import facts_of
from mmx.tools.install.package import PROGRAM, is_packaged, join_steps, notes, refuse_another
from tests.tools.hosts import FakeHost

PACKAGING = Path(__file__).parents[3] / "etc/packaging"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "argv", [PROGRAM])
    made = FakeHost(tmp_path)
    for name in ("lib/systemd/system/mmx.service", "usr/lib/sysusers.d/mmx.conf"):
        (made.root / name).parent.mkdir(parents=True)
        (made.root / name).touch()
    made.add_user([])
    return made


def mmx(host: FakeHost, verb: str, *options: str) -> int:
    return install.main(verb, ["--root", str(host.root), *options], host.run)


def files(host: FakeHost) -> set[str]:
    return {str(path.relative_to(host.root)) for path in host.root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("options", [(), ("--groups",)])
def test_only_the_groups_are_left_to_do(
    host: FakeHost, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(host)
    assert mmx(host, "install", *options) == EX_OK
    assert files(host) == before
    assert host.ran("usermod", "--root", "-aG", "postfix,opendkim,clamav,_rspamd", "mmx")
    assert not host.ran("enable")
    capsys.readouterr()
    mmx(host, "install", *options)
    said = capsys.readouterr()
    assert (said.out.partition("\n")[0], said.err) == ("nothing to do", "")


def test_the_user_is_made_if_the_package_has_not_yet(host: FakeHost) -> None:
    (host.root / "etc/passwd").write_text("postfix:x:102:105::/var/spool/postfix:/usr/sbin/nologin\n")
    target = host.target()
    steps = join_steps(facts_of(target), target)
    assert [step.describe(target).split()[1] for step in steps] == ["systemd-sysusers", "usermod"]


def test_groups_alone_where_no_package_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")
    host = FakeHost(tmp_path)
    assert not is_packaged(host.target())
    mmx(host, "install", "--groups")
    assert "m mmx opendkim\n" in host.text("/etc/sysusers.d/mmx.conf")
    assert "mmx" in host.text("/etc/group")
    assert not (host.root / "etc/systemd").exists()


def test_files_of_an_earlier_installation_are_told(
    host: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    mmx(host, "install")
    unit = host.root / "etc/systemd/system/mmx.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    capsys.readouterr()
    mmx(host, "install", "--groups")
    assert capsys.readouterr().err.startswith(f"mmx: {unit}: of an earlier installation")
    assert unit.exists()
    unit.unlink()
    unit.symlink_to("/dev/null")
    assert notes(facts_of(host.target()), host.target()) == [], "a masked unit is the administrator's will"


def test_another_queue_directory_is_told(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmx.tools.install.host._queue_directory", lambda _target: "/srv/queue")
    (note,) = notes(facts_of(host.target()), host.target())
    assert "systemctl edit mmx.socket" in note


def test_another_program_does_not_hide_the_package() -> None:
    refuse_another(PROGRAM)
    with pytest.raises(UnavailableError, match="units for /opt/mmx/bin/mmx in /etc would hide the package's"):
        refuse_another("/opt/mmx/bin/mmx")


def test_uninstall_leaves_the_package_to_apt(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    host.postfix = {"smtpd_milters": "unix:/var/spool/postfix/mmx/mmx.sock"}
    with pytest.raises(UnavailableError, match=r"Postfix still uses mmx \(smtpd_milters\)"):
        mmx(host, "uninstall", "--dry-run")
    host.postfix = {}
    mmx(host, "uninstall")
    assert "apt-get remove mmx" in capsys.readouterr().out
    assert not host.ran("disable")


def test_the_package_hears_of_every_milter_of_the_catalog() -> None:
    text = (PACKAGING / "triggers").read_text()
    watched = set(re.findall(r"^interest-noawait (\S+)$", text, re.MULTILINE))
    units = {unit for milter in CATALOG for unit in milter.units}
    for place in ("/etc/init.d/{}", "/lib/systemd/system/{}.service", "/usr/lib/systemd/system/{}.service"):
        assert {place.format(unit) for unit in units} <= watched


def test_the_package_asks_for_what_the_program_needs() -> None:
    """Each bound of pyproject.toml stands in the control file; the DNS library is only recommended."""
    project = (PACKAGING.parents[1] / "pyproject.toml").read_text()
    fields = dict(re.findall(r"^(\w+):\n((?: .*\n)+)", (PACKAGING / "control").read_text(), re.MULTILINE))
    needed = project.partition("test = ")[0]
    bounds = re.findall(r'^(?:dns = \[| +)"([\w-]+)>=([\d.]+)[";]', needed, re.MULTILINE)
    assert len(bounds) == 5
    for name, least in bounds:
        field = {"uvloop": "Suggests", "dnspython": "Recommends"}.get(name, "Depends")
        assert f" python3-{name.removeprefix('py')} (>= {least}),\n" in fields[field], name
