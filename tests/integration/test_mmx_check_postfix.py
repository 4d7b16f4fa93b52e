"""`mmx check` on a real host whose Postfix is broken in named ways: each is found, and what it says mends it.

Most breakages do not touch each other, so they are made together and looked for in one go; then the commands
of each finding are run as they stand, and another look finds nothing of them.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.integration.machine import MailHost
from tests.integration.postfix import eventually

pytestmark = pytest.mark.timeout(240)
"""The host may have to boot first."""

Findings = dict[tuple[str, str], tuple[str, ...]]
"""By name and subject: the commands."""

SUBMISSION: Final = "submission inet n - y - - smtpd"
SMTPS: Final = "smtps inet n - y - - smtpd"

CONFIGURATION: Final = {
    "a path that the chroot hides": (
        "postconf -e smtpd_milters=unix:/var/spool/postfix/mmx/mmx.sock",
        ("postfix.entry-path", "main.cf: smtpd_milters"),
    ),
    "a service without mmx": (
        f"postconf -M 'submission/inet={SUBMISSION}'; postconf -P submission/inet/smtpd_milters=",
        ("postfix.entry-missing", "master.cf: submission/inet/smtpd_milters"),
    ),
    "mmx twice": (
        (
            f"postconf -M 'smtps/inet={SMTPS}'; "
            "postconf -P smtps/inet/smtpd_milters=unix:mmx/mmx.sock,unix:mmx/mmx.sock"
        ),
        ("postfix.listed-twice", "master.cf: smtps/inet/smtpd_milters"),
    ),
    "a child beside mmx": (
        "postconf -P 10025/inet/smtpd_milters=inet:localhost:11332,unix:mmx/mmx.sock",
        ("postfix.child-beside", "master.cf: 10025/inet/smtpd_milters"),
    ),
    "local mail past mmx": (
        "postconf -e non_smtpd_milters=",
        ("postfix.local-mail", "main.cf: non_smtpd_milters"),
    ),
    "mail passes while mmx is away": (
        "postconf -P submission/inet/milter_default_action=accept",
        ("postfix.default-action-accept", "master.cf: submission/inet/milter_default_action"),
    ),
    "an old protocol": (
        "postconf -e milter_protocol=2",
        ("postfix.protocol", "main.cf: milter_protocol"),
    ),
    "no patience": (
        "postconf -e milter_command_timeout=3s",
        ("postfix.timeout", "main.cf: milter_command_timeout"),
    ),
    "macros that children need": (
        "postconf -e 'milter_mail_macros=i {mail_addr}'",
        ("postfix.macros-missing", "main.cf: milter_mail_macros"),
    ),
    "clients without milters": (
        "postconf -e smtpd_milter_maps=inline:{192.0.2.99=DISABLE}",
        ("postfix.milter-maps", "main.cf: smtpd_milter_maps"),
    ),
    "milters switched off": (
        "postconf -P smtps/inet/receive_override_options=no_milters",
        ("postfix.no-milters", "master.cf: smtps/inet/receive_override_options"),
    ),
    "mail filtered again": (
        (
            "postconf -M '127.0.0.1:10027/inet=127.0.0.1:10027 inet n - y - - smtpd'; "
            "postconf -P 'submission/inet/content_filter=smtp:[127.0.0.1]:10024'"
        ),
        ("postfix.filtered-again", "master.cf: 127.0.0.1:10027/inet/smtpd_milters"),
    ),
    "a misspelt parameter": (
        "postconf -e smtpd_milter=inet:localhost:8891",
        ("postfix.unused-parameter", "main.cf: smtpd_milter"),
    ),
    "the world in mynetworks": (
        "postconf -e 'mynetworks=127.0.0.0/8 192.0.2.0/24 0.0.0.0/0'",
        ("postfix.mynetworks", "main.cf: mynetworks"),
    ),
    "no restriction of relaying": (
        "postconf -e smtpd_relay_restrictions= smtpd_recipient_restrictions=permit_mynetworks",
        ("postfix.open-relay", "main.cf: smtpd_relay_restrictions"),
    ),
}


def look(host: MailHost) -> Findings:
    """What there is to find of Postfix, above ok."""
    done = host.attempt("mmx check --json")
    assert done.returncode in {0, 1, 2}, done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return {
        (finding["name"], finding["subject"]): tuple(finding["commands"])
        for finding in told
        if finding["level"] != "ok" and finding["name"].startswith("postfix.")
    }


@pytest.fixture(scope="module")
def host(mail_host: MailHost) -> Iterator[MailHost]:
    """The host with a Postfix in which there is nothing to find."""
    saved = "/root/postfix-before-check"
    mail_host.run(f"cp -a /etc/postfix {saved}")
    mail_host.run("postconf -P 10026/inet/smtpd_milters=unix:mmx/mmx.sock")
    mail_host.run("postconf -e non_smtpd_milters=unix:mmx/mmx.sock; postfix reload")
    yield mail_host
    mail_host.run(f"cp -a {saved}/main.cf {saved}/master.cf /etc/postfix/; postfix reload; rm -r {saved}")


def mend(host: MailHost, findings: Findings) -> None:
    for (name, subject), commands in findings.items():
        assert commands, f"nothing mends {name} at {subject}"
        for command in commands:
            done = host.attempt(command)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def passes_mmx(host: MailHost) -> None:
    """Mail comes to mmx."""
    since = host.mark()

    def try_it() -> bool:
        host.send()
        return "message " in host.log(since)

    assert eventually(try_it, 30.0, 0.5), host.log(since)


def test_the_configuration_of_postfix(host: MailHost) -> None:
    assert look(host) == {}
    for breakage, _ in CONFIGURATION.values():
        host.run(breakage)
    host.run("postfix reload")
    found = look(host)
    expected = {name: key for name, (_, key) in CONFIGURATION.items()}
    assert {name for name, key in expected.items() if key not in found} == set(), found
    assert set(found) == set(expected.values())
    mend(host, found)
    assert look(host) == {}
    passes_mmx(host)


@pytest.mark.parametrize("command", ["systemctl stop postfix", "postfix stop"])
def test_a_postfix_that_does_not_run(host: MailHost, command: str) -> None:
    """Behind the back of systemd, too."""
    host.run(command)
    found = look(host)
    assert set(found) == {("postfix.not-running", "Postfix")}
    mend(host, found)
    assert look(host) == {}


def test_a_directory_that_postfix_may_not_enter(host: MailHost) -> None:
    place = "/var/spool/postfix/mmx"
    host.run(f"chgrp mmx {place} && chmod 0700 {place}")
    found = look(host)
    assert set(found) == {("postfix.unreached", f"unix:{place}/mmx.sock")}
    mend(host, found)
    assert look(host) == {}
    passes_mmx(host)
    host.run(f"chmod 0750 {place}")


def test_who_is_not_root_is_told_what_he_does_not_see(host: MailHost) -> None:
    done = host.attempt("runuser -u nobody -- mmx check --json")
    findings = json.loads(done.stdout)["findings"]
    unseen = [finding["subject"] for finding in findings if finding["unseen"]]
    assert "unix:/var/spool/postfix/mmx/mmx.sock" in unseen
    judged = {finding["subject"] for finding in findings if finding["level"] == "ok"}
    assert {"main.cf: smtpd_milters", "main.cf: mynetworks"} <= judged
