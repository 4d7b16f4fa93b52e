"""`mmx check` on a real mail host that is broken in one way after the other.

Each way is found under its name, and nothing else is; the commands that the finding suggests, pasted into a
shell, mend it; mail flows again. What Postfix itself may have wrong is in test_mmx_check_postfix.py.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration import packages
from tests.integration.machine import PACKAGES, MailHost, require_python
from tests.integration.postfix import eventually

WITHOUT = "children: {amavisd-milter: {enabled: no}, dkimpy-milter: {enabled: no}}"
"""Two that the check has to say something about: one sets up a socket that only its user may use, both sign
or change what another has signed."""
SAME_RSPAMADM = (
    "rspamadm configdump --json worker > /opt/workers; "
    "printf '#!/bin/sh\\ncat /opt/workers\\n' > /usr/bin/rspamadm"
)
"""rspamadm takes seconds of every look at the host, and nothing here changes what it says."""
SETTINGS = "/etc/mmx/conf.d/m.yaml"
UNITS = "/etc/systemd/system"
BOTH = "systemctl restart mmx.socket mmx.service"

pytestmark = pytest.mark.timeout(240)
"""The host has to boot first."""

Found = dict[str, Any]


def each(*commands: str) -> str:
    """One after the other."""
    return "; ".join(commands)


def settings(text: str) -> str:
    """Commands that have these settings in force."""
    return f"echo '{text}' > {SETTINGS}; mmx reload"


def over(unit: str, section: str, line: str) -> str:
    """Commands that lay a line over a unit."""
    return f"mkdir -p {UNITS}/{unit}.d; printf '[{section}]\\n{line}\\n' > {UNITS}/{unit}.d/m.conf"


def socket_with(line: str) -> str:
    """Commands that have the socket unit with a line more."""
    return each(over("mmx.socket", "Socket", line), "systemctl daemon-reload", BOTH)


def without(unit: str) -> str:
    """Commands that leave nothing over a unit."""
    return f"rm -r {UNITS}/{unit}.d; systemctl daemon-reload"


NO_SETTINGS = "rm -f /etc/mmx/conf.d/[mz]*.yaml; mmx reload"
OPENDKIM = "/etc/opendkim.conf"
CLAMAV = "/etc/clamav/clamav-milter.conf"
PYSPF = "/etc/pyspf-milter/pyspf-milter.conf"
VERSION = "/opt/mmx/lib/python3.*/site-packages/mmx/__init__.py"


@dataclass(frozen=True)
class Breakage:
    """A way to break the host; `restore` undoes what the mending leaves behind. `also` are findings that
    follow from it.
    """

    finding: str
    subject: str
    damage: str
    restore: str = ""
    also: frozenset[str] = frozenset()


BREAKAGES = {
    "a milter is stopped": Breakage("child.not-running", "opendkim", "systemctl stop opendkim"),
    "a milter has crashed": Breakage(
        "child.failed", "pyspf-milter", "systemctl kill -s KILL pyspf-milter; sleep 0.5"
    ),
    "a milter died and left its socket": Breakage(
        "child.refused",
        "opendmarc",
        'python3 -c \'import os, socket; path = "/run/opendmarc/opendmarc.sock"; os.unlink(path); '
        "socket.socket(socket.AF_UNIX).bind(path); os.chmod(path, 0o777)'",
    ),
    "the socket of a milter is gone": Breakage(
        "child.socket-missing", "opendmarc", "rm /run/opendmarc/opendmarc.sock"
    ),
    "a milter hangs": Breakage("child.silent", "opendkim", "systemctl kill -s STOP opendkim"),
    "mmx is no member of a group": Breakage(
        "child.denied", "opendkim", "gpasswd -d mmx opendkim && systemctl restart mmx"
    ),
    "mmx is older than its membership": Breakage(
        "child.denied",
        "opendkim",
        "gpasswd -d mmx opendkim && systemctl restart mmx && usermod -aG opendkim mmx",
    ),
    "a socket is closed to its group": Breakage(
        "child.denied",
        "opendkim",
        f"sed -i 's/^UMask.*/UMask 022/' {OPENDKIM}; systemctl restart opendkim",
    ),
    "a directory is closed to its group": Breakage(
        "child.denied",
        "opendkim",
        "chmod 700 /run/opendkim",
        without("opendkim.service"),
    ),
    "the settings name another socket": Breakage(
        "child.elsewhere",
        "clamav-milter",
        settings('children: {clamav-milter: {endpoint: "unix:/run/clamav/clamd.ctl"}}'),
        NO_SETTINGS,
    ),
    "the settings name what is no milter": Breakage(
        "child.no-milter",
        "archive",
        settings('children: {archive: {endpoint: "unix:/run/clamav/clamd.ctl"}}'),
        NO_SETTINGS,
    ),
    "a milter of the settings is not enabled": Breakage(
        "child.disabled",
        "opendmarc",
        each(
            settings('children: {opendmarc: {endpoint: "unix:/run/opendmarc/opendmarc.sock"}}'),
            "systemctl disable opendmarc",
        ),
        NO_SETTINGS,
    ),
    "mmx cannot read where a milter listens": Breakage(
        "child.conf-closed",
        "clamav-milter",
        f"chmod 600 {CLAMAV}; systemctl restart mmx",
        f"chgrp root {CLAMAV}; chmod 644 {CLAMAV}",
    ),
    "a socket is where the unit of mmx hides it": Breakage(
        "child.hidden",
        "opendkim",
        f"cp {OPENDKIM} /root; sed -i 's|^Socket.*|Socket local:/tmp/opendkim.sock|' {OPENDKIM}; "
        "systemctl restart opendkim; mmx reload",
        each(
            f"cp /root/opendkim.conf {OPENDKIM}; systemctl restart opendkim",
            without("mmx.service"),
            "systemctl restart mmx",
        ),
    ),
    "a milter listens for all the world": Breakage(
        "child.outward",
        "pyspf-milter",
        f"sed -i 's/^Socket.*/Socket = inet:8893@0.0.0.0/' {PYSPF}; systemctl restart pyspf-milter; "
        "sleep 1; mmx reload",
    ),
    "somebody took a milter out": Breakage("child.out", "clamav-milter", "mmx disable clamav-milter"),
    "mmx is stopped": Breakage(
        "mmx.not-running",
        "mmx",
        "systemctl stop mmx.socket mmx.service",
        also=frozenset({"postfix.unreached"}),
    ),
    "mmx does not start at boot": Breakage("mmx.not-enabled", "mmx", "systemctl disable mmx.service"),
    "a unit has changed": Breakage(
        "mmx.unit-changed",
        "mmx",
        over("mmx.service", "Service", "LimitNOFILE=60000"),
        each(without("mmx.service"), "systemctl restart mmx"),
    ),
    "mmx was updated and not restarted": Breakage(
        "mmx.other-version",
        "mmx",
        f"cp {VERSION} /root; echo '__version__ = \"9.9\"' > $(echo {VERSION})",
        f"cp /root/__init__.py $(echo {VERSION}); systemctl restart mmx",
    ),
    "the settings are closed to mmx": Breakage(
        "settings.closed",
        "/etc/mmx/mmx.yaml",
        "chmod 600 /etc/mmx/mmx.yaml",
        "chgrp root /etc/mmx/mmx.yaml; chmod 644 /etc/mmx/mmx.yaml",
    ),
    "settings are not in force": Breakage(
        "settings.changed", "/etc/mmx/mmx.yaml", f"echo 'name_in_reply: yes' > {SETTINGS}", NO_SETTINGS
    ),
    "a reload has failed": Breakage(
        "settings.reload-failed",
        "/etc/mmx/mmx.yaml",
        each(settings("no_such_key: 1"), f"rm {SETTINGS}"),
    ),
    "every user may use the socket of mmx": Breakage(
        "listener.open",
        "unix:/var/spool/postfix/mmx/mmx.sock",
        socket_with("SocketMode=0666"),
        each(without("mmx.socket"), BOTH),
    ),
    "mmx listens for all the world": Breakage(
        "listener.outward",
        "inet:0.0.0.0:8900",
        socket_with("ListenStream=0.0.0.0:8900"),
        each(without("mmx.socket"), BOTH),
    ),
    "metrics are for all the world": Breakage(
        "listener.http",
        "metrics.listen",
        each(settings('metrics: {listen: "0.0.0.0:9850"}'), "systemctl restart mmx"),
        NO_SETTINGS,
    ),
    "a verifier stands behind a scanner": Breakage(
        "chain.order", "order", settings("order: [spamass-milter, pyspf-milter]"), NO_SETTINGS
    ),
    "two children have one socket": Breakage(
        "chain.shared",
        "archive",
        settings('children: {archive: {endpoint: "unix:/run/opendkim/opendkim.sock"}}'),
        NO_SETTINGS,
    ),
    "a milter was installed since": Breakage(
        "chain.joins",
        "opendmarc",
        "systemctl disable opendmarc; mmx reload; systemctl enable opendmarc",
    ),
}


@pytest.fixture(scope="module")
def host() -> Iterator[MailHost]:
    """A host on which nothing is wrong."""
    packages.require(PACKAGES)
    require_python()
    with MailHost() as running:
        running.install("inet:127.0.0.1:11332")
        running.run(SAME_RSPAMADM)
        running.write("/etc/mmx/conf.d/lab.yaml", WITHOUT)
        running.run("mmx reload; postconf -e non_smtpd_milters=unix:mmx/mmx.sock; postconf -MX 10026/inet")
        running.run("postfix reload")
        yield running


def check(host: MailHost, options: str = "", user: str = "root") -> tuple[int, list[Found]]:
    """The exit status, and what is not as it should be."""
    done = host.attempt(f"runuser -u {user} -- mmx check --json {options}")
    assert done.returncode in {0, 1, 2}, done.stderr
    findings: list[Found] = json.loads(done.stdout)["findings"]
    return done.returncode, [finding for finding in findings if finding["level"] != "ok"]


def names(findings: list[Found]) -> set[str]:
    return {finding["name"] for finding in findings}


def test_a_healthy_host(host: MailHost) -> None:
    assert check(host) == (0, [])
    text = host.run("mmx check")
    assert "opendkim: unix:/run/opendkim/opendkim.sock, package 2.11" in text
    assert "milter version 6, may use ADDHDRS CHGHDRS" in text
    assert re.fullmatch(r"[0-9]+ ok\n", host.run("mmx check --quiet"))


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES.keys())
def test_a_broken_host(host: MailHost, breakage: Breakage) -> None:
    host.attempt(breakage.damage)
    status, findings = check(host)
    assert names(findings) == {breakage.finding} | breakage.also, findings
    found = next(finding for finding in findings if finding["name"] == breakage.finding)
    assert found["subject"] == breakage.subject
    assert status == {"note": 0, "warning": 1, "error": 2}[found["level"]]
    host.run(" && ".join(found["commands"]))
    assert eventually(lambda: check(host) == (0, []), 30.0, 0.5), check(host)
    assert host.send()[0] == 250, host.log()[-3000:]
    if breakage.restore:
        host.run(breakage.restore)


def test_settings_that_are_wrong(host: MailHost) -> None:
    """Only the administrator knows what was meant, so every problem is told and there is no command."""
    host.run(f"echo 'no_such_key: 1' > {SETTINGS}")
    status, findings = check(host)
    assert (status, names(findings)) == (2, {"settings.invalid"})
    assert findings[0]["subject"] == f"{SETTINGS}:1"
    assert "no_such_key" in findings[0]["seen"]
    host.run(NO_SETTINGS)
    assert check(host) == (0, [])


def test_another_user_says_what_he_could_not_see(host: MailHost) -> None:
    status, findings = check(host, user="nobody")
    assert status == 0
    assert all(finding["unseen"] for finding in findings), findings
    assert {"child.unseen", "listener.unseen", "mmx.unseen", "postfix.unseen"} <= names(findings)
    subjects = {finding["subject"] for finding in findings if finding["name"] == "child.unseen"}
    assert subjects == {"opendkim", "opendmarc", "spamass-milter"}
    assert check(host, user="mmx")[0] == 0
