"""The Debian package: built, seen by lintian, installed on a mail host, upgraded, removed and purged there.

From the first installation on the tests follow one another on one machine. It has no mmx but the package's.
"""

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import mmx
from tests.integration import machine, packages
from tests.integration.checkout import copy_project
from tests.integration.machine import SOURCE, VIRUS, MailHost
from tests.integration.postfix import eventually
from tests.integration.test_systemd import DEFERRED

FORMER = "inet:127.0.0.1:11332"
NEWER = "99.0rc1"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends"
SYSTEM = "/usr /etc /opt /srv /home /var /lib /bin /sbin"
NOISE = re.compile(
    r"/var/(log|cache|mail|vmail|lib/(PackageKit|dpkg|apt|amavis|clamav|rspamd|spamassassin|private))|"
    r"/var/spool/postfix/(active|bounce|corrupt|defer|deferred|flush|hold|incoming|maildrop|private|public|pid)/|"
    r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|/etc/\.pwd\.lock|/etc/systemd/system(/[a-z]+\.target\.wants)?$"
)
"""What changes on a running mail host, and the accounts: the user mmx stays."""


@dataclass(frozen=True)
class Built:
    """A package, and what `make deb` printed."""

    path: Path
    said: str


def build(source: Path, version: str = "") -> Built:
    """`make deb` in a copy of the project, of another version with other default settings if one is given."""
    copy_project(source)
    if version:
        for name, old, new in (
            ("mmx/__init__.py", mmx.__version__, version),
            ("etc/mmx.yaml", "\nsocket_mode:", "\n# A later release.\nsocket_mode:"),
        ):
            text = (source / name).read_text()
            assert old in text
            (source / name).write_text(text.replace(old, new))
    done = subprocess.run(
        ["make", "--silent", "deb"],
        cwd=source,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SOURCE_DATE_EPOCH": "1700000000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return Built(Path(done.stdout.splitlines()[-1]), done.stdout)


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Built, Built]:
    """This version, the same once more, and a newer one."""
    packages.require(packages.DEBIAN_PACKAGING)
    places = [tmp_path_factory.mktemp(name) for name in ("this", "again", "newer")]
    with ThreadPoolExecutor(2) as pool:
        first, again, newer = pool.map(build, places, ("", "", NEWER))
    return first, again, newer


@dataclass(frozen=True)
class Packaged:
    """The machine, both packages as it sees them, and what was there before."""

    host: MailHost
    this: str
    newer: str
    before: frozenset[str]
    main_cf: str


@pytest.fixture(scope="module")
def packaged(debs: tuple[Built, Built, Built]) -> Iterator[Packaged]:
    packages.require((*machine.PACKAGES, *packages.DEBIAN_RUNTIME, "swaks"))
    with MailHost(with_mmx=False) as host:
        host.run("echo 'MILTERSOCKETMODE=\"0660\"' >> /etc/default/amavisd-milter")
        host.run("systemctl daemon-reload; systemctl restart amavisd-milter")
        host.run("newaliases")
        host.give_postfix(FORMER)
        host.start_rspamd()
        paths = [shutil.copy(built.path, host.share) for built in (debs[0], debs[2])]
        made = Packaged(host, str(paths[0]), str(paths[1]), frozenset(), "")
        before, main_cf = frozenset(files(host)), host.read("/etc/postfix/main.cf")
        yield replace(made, before=before, main_cf=main_cf)


def files(host: MailHost) -> set[str]:
    """Every file, directory and link with owner and mode; those of /etc with what is in them."""
    # Some files go while find looks at them.
    found = host.attempt(
        f"find {SYSTEM} -xdev -path /var/tmp -prune -o -printf '%p %y %m %u:%g %l\\n'"
    ).stdout.splitlines()
    contents = host.attempt("find /etc -xdev -type f -exec md5sum {} +").stdout.splitlines()
    rows = [*found, *(f"{path} {digest}" for digest, path in (line.split(None, 1) for line in contents))]
    return {row for row in rows if not NOISE.match(row.partition(" ")[0])}


# The package.


@pytest.mark.timeout(240)
def test_lintian_finds_nothing(debs: tuple[Built, Built, Built]) -> None:
    (changes,) = debs[0].path.parent.glob("*.changes")
    command = ["lintian", "--fail-on", "error,warning", "--allow-root", str(changes)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_it_brings_manual_pages_completion_and_monitoring(debs: tuple[Built, Built, Built]) -> None:
    listed = subprocess.run(
        ["dpkg-deb", "-c", debs[0].path], capture_output=True, text=True, check=True
    ).stdout
    for path in (
        *("man/man8/mmx.8.gz", "man/man8/mmx-status.8.gz", "man/man5/mmx.yaml.5.gz"),
        *("bash-completion/completions/mmx", "zsh/vendor-completions/_mmx"),
        *("fish/vendor_completions.d/mmx.fish", "mmx/grafana/mmx.json", "mmx/prometheus/mmx.rules.yml"),
    ):
        assert f" ./usr/share/{path}\n" in listed
    assert "__pycache__" not in listed


def test_the_version_is_that_of_the_program(debs: tuple[Built, Built, Built]) -> None:
    assert debs[0].path.name == f"mmx_{mmx.__version__}_all.deb"
    assert debs[2].path.name == "mmx_99.0~rc1_all.deb", "before 99.0"


def test_the_same_source_gives_the_same_package(debs: tuple[Built, Built, Built]) -> None:
    assert debs[0].path.read_bytes() == debs[1].path.read_bytes()


def test_missing_packages_are_named(tmp_path: Path) -> None:
    for name in ("sh", "dirname", "sed", "tr"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    command = [str(SOURCE / "etc/packaging/make-deb")]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 69
    assert (
        "apt-get install --no-install-recommends dpkg-dev debhelper dh-python python3 python3-h11"
        in done.stderr
    )


# The host. Each test goes on where the one before it ended.


@pytest.mark.timeout(240)
def test_installation_starts_the_service_and_leaves_postfix_alone(packaged: Packaged) -> None:
    host = packaged.host
    said = host.run(f"{APT} install {packaged.this} 2>&1")
    assert "warning" not in said.lower(), said
    assert host.read("/etc/postfix/main.cf") == packaged.main_cf
    assert host.run("command -v mmx").strip() == "/usr/bin/mmx"
    assert host.run("mmx --version").strip() == f"mmx {mmx.__version__}"
    assert host.run("systemctl is-active mmx.socket mmx.service").split() == ["active"] * 2
    assert host.run("systemctl is-enabled mmx.socket mmx.service").split() == ["enabled"] * 2
    assert host.show("FragmentPath") == "/lib/systemd/system/mmx.service"
    assert host.show("StatusText") == f"{len(machine.MILTERS)} children, 0 down", host.log()
    assert tuple(host.look().chain) == machine.MILTERS
    groups = set(host.run("id -Gn mmx").split())
    assert {"mmx", "postfix", "opendkim", "opendmarc", "clamav", "amavis", "dkimpy-milter"} <= groups
    assert host.run("stat -c %a:%U:%G /var/spool/postfix/mmx").strip() == "750:mmx:postfix"
    assert host.run("mmx install").startswith("nothing to do")
    done = host.attempt("systemd-analyze verify --man=no mmx.service mmx.socket")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_test_that_the_source_package_brings(packaged: Packaged) -> None:
    host = packaged.host
    script = shutil.copy(SOURCE / "etc/packaging/tests/mail-passes", host.share)
    done = host.attempt(str(script))
    assert done.returncode == 0, done.stdout + done.stderr + host.log()[-3000:]


def test_mail_passes(packaged: Packaged) -> None:
    host = packaged.host
    host.run("mmx install --postfix")
    before = host.delivered()
    assert host.send(subject="clean")[0] == 250
    line = host.last_message()
    for name in machine.MILTERS:
        assert re.search(rf"child\.{name}=(accept|continue)@EOM", line), line
    assert eventually(lambda: host.delivered() == before + 1, 30)
    mail = host.run("cat /var/vmail/inbox/new/*")
    for header in ("Authentication-Results: ", "X-Virus-Scanned: ", "X-Spam-Checker-Version: "):
        assert f"\n{header}" in mail, mail
    assert host.send(VIRUS) == (550, "5.7.1 Command rejected")


def test_metrics_with_the_library_of_debian(packaged: Packaged) -> None:
    host = packaged.host
    host.write("/etc/mmx/conf.d/metrics.yaml", 'metrics: {listen: "127.0.0.1:9850"}\n')
    host.run("systemctl restart mmx")
    for kind, end in (("text/plain", "\n"), ("application/openmetrics-text; version=1.0.0", "# EOF\n")):
        ask = f"urllib.request.Request('http://127.0.0.1:9850/metrics', headers={{'Accept': '{kind}'}})"
        script = f"import urllib.request; print(urllib.request.urlopen({ask}).read().decode(), end='')"
        text = host.run(f'/usr/bin/python3 -c "{script}"')
        assert "mmx_" in text
        assert text.endswith(end)
    page = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9850/').read().decode())"
    assert "clamav-milter" in host.run(f'/usr/bin/python3 -c "{page}"')


def test_a_milter_installed_later_is_no_stranger(packaged: Packaged) -> None:
    """A package of our own brings the unit and the group of milter-regex; dpkg tells mmx's."""
    host = packaged.host
    host.write("/tmp/p/lib/systemd/system/milter-regex.service", "")
    fields = (
        "Package: milter-regex",
        "Version: 1",
        "Architecture: all",
        "Maintainer: nobody",
        "Description: x",
    )
    host.write("/tmp/p/DEBIAN/control", "".join(f"{field}\n" for field in fields))
    host.write("/tmp/p/DEBIAN/postinst", "#!/bin/sh\ngroupadd --system milter-regex\n")
    host.write("/etc/systemd/system/mmx.service", "# of an earlier installation\n")
    said = host.run(
        "chmod 755 /tmp/p/DEBIAN/postinst; dpkg-deb -b /tmp/p /tmp/p.deb >/dev/null; dpkg -i /tmp/p.deb 2>&1"
    )
    assert "run usermod -aG milter-regex mmx" in said
    assert "mmx runs with its former units and groups: systemctl restart mmx" in said
    assert "/etc/systemd/system/mmx.service: of an earlier installation" in said
    assert "mmx.hidden-package" in host.attempt("mmx check --json").stdout
    assert "milter-regex" in host.run("id -Gn mmx").split()
    host.run("rm -r /tmp/p /tmp/p.deb /etc/systemd/system/mmx.service")
    host.run("dpkg --purge milter-regex 2>&1; groupdel milter-regex; systemctl daemon-reload")


@pytest.mark.timeout(180)
def test_an_upgrade_loses_no_mail_and_keeps_the_settings(packaged: Packaged) -> None:
    host = packaged.host
    host.run("cat >> /etc/mmx/mmx.yaml", stdin="\n# mine\n")
    host.run("sed -i 's/^default_action: tempfail/default_action: {died: reject}/' /etc/mmx/mmx.yaml")
    settings = host.run("cat /etc/mmx/mmx.yaml /etc/mmx/conf.d/*")
    socket_since = host.show("ActiveEnterTimestampMonotonic", "mmx.socket")
    pid, before = host.show("MainPID"), host.delivered()
    replies: list[tuple[int, str]] = []
    is_over = threading.Event()

    def send() -> None:
        while not is_over.is_set():
            replies.append(host.send())

    with ThreadPoolExecutor(3) as pool:
        senders = [pool.submit(send) for _ in range(3)]
        try:
            assert eventually(lambda: len(replies) >= 5, 60)
            host.run(f"{APT} -o Dpkg::Options::=--force-confold install {packaged.newer} 2>&1")
            passed = len(replies)
            assert eventually(lambda: len(replies) >= passed + 5, 60)
        finally:
            is_over.set()
    for sender in senders:
        sender.result()
    assert {code for code, _ in replies} == {250}, replies
    assert eventually(lambda: host.delivered() == before + len(replies), 60, 0.2)
    assert host.run("cat /etc/mmx/mmx.yaml /etc/mmx/conf.d/*") == settings
    assert host.run("mmx status").split()[:2] == ["mmx", f"{NEWER},"]
    assert host.show("MainPID") != pid
    assert host.show("ActiveEnterTimestampMonotonic", "mmx.socket") == socket_since
    assert host.send(VIRUS)[0] == 550


def test_removal_warns_and_keeps_the_settings(packaged: Packaged) -> None:
    host = packaged.host
    settings = host.run("cat /etc/mmx/mmx.yaml")
    said = host.run(f"{APT} remove mmx 2>&1")
    assert "Postfix still uses mmx" in said
    assert f"-e smtpd_milters={FORMER}" in said
    assert host.attempt("systemctl is-active mmx.socket mmx.service").stdout.split() == ["inactive"] * 2
    assert host.run("cat /etc/mmx/mmx.yaml") == settings
    assert host.send() == DEFERRED
    host.run(f"{APT} install {packaged.newer} 2>&1")
    assert host.send()[0] == 250, host.log()[-3000:]
    assert host.run("cat /etc/mmx/mmx.yaml") == settings


def test_purge_leaves_nothing(packaged: Packaged) -> None:
    host = packaged.host
    host.run("mmx uninstall --postfix")
    assert host.run("postconf -nh smtpd_milters").strip() == FORMER
    said = host.run(f"{APT} purge mmx 2>&1")
    assert "Postfix still uses mmx" not in said
    assert host.send()[0] == 250, "without mmx"
    after = files(host)
    assert after - packaged.before == set()
    assert packaged.before - after == set()
    assert (
        host.attempt("find / -xdev -path /var/tmp -prune -o '(' -user mmx -o -group mmx ')' -print").stdout
        == ""
    )
    assert host.run("id -Gn mmx").split() == ["mmx"]
    assert host.attempt("systemctl status mmx").returncode == 4, "no such unit"
