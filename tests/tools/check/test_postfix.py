"""Checks of Postfix as a whole."""

import errno
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mmx.aio.access import Obstacle
from mmx.detect.facts import Absence, Failure
from mmx.tools.check.finding import Level
from mmx.tools.check.host import HostView
from mmx.tools.check.postfix_look import PostfixView
from mmx.tools.check.postfix_reach import Reached
from mmx.tools.check.table import examine
from tests.tools.check_hosts import SOCKET, bad, host, only


def changed(values: Mapping[str, str] | None = None, **facts: Any) -> HostView:
    view = host(values)
    assert isinstance(view.postfix, PostfixView)
    return replace(view, postfix=replace(view.postfix, **facts))


def test_a_host_without_postfix() -> None:
    finding = only(replace(host(), postfix=Absence("Postfix is not installed")))
    assert (finding.name, finding.seen, finding.unseen) == (
        *("postfix.unseen", "Postfix is not installed", True),
    )


@pytest.mark.parametrize(
    ("version", "is_old"), [("2.5.17", True), ("2.10.1", False), ("3.12-20260821", False)]
)
def test_version(version: str, is_old: bool) -> None:
    assert [finding.name for finding in bad(changed({"mail_version": version}))] == [
        "postfix.version"
    ] * is_old


def test_overrides_that_are_not_told() -> None:
    finding = only(changed(unread="postconf -P: usage"))
    assert (finding.name, finding.unseen) == ("postfix.unseen", True)
    assert finding.seen == "its overrides are not told: postconf -P: usage"


def test_it_does_not_run() -> None:
    view = changed(running=False)
    assert only(view).commands == ("systemctl restart postfix",)
    assert only(replace(view, systemd=False)).commands == ("postfix start",)
    assert only(changed(running=False, directory="/etc/p")).commands == ("postfix -c /etc/p start",)
    assert only(changed(running=Failure("nobody tells"))).unseen


@pytest.mark.parametrize(
    ("text", "subject", "command", "level"),
    [
        (
            "/etc/postfix/main.cf: unused parameter: smtpd_milter=unix:a",
            "main.cf: smtpd_milter",
            "postconf -X smtpd_milter",
            Level.WARNING,
        ),
        (
            "/etc/postfix/master.cf: unused parameter: foo=bar",
            "master.cf: foo",
            "postconf -PX '*/*/foo'",
            Level.NOTE,
        ),
    ],
)
def test_misspelt(text: str, subject: str, command: str, level: Level) -> None:
    finding = only(changed(remarks=(text,)))
    assert (finding.subject, finding.commands[0], finding.level) == (subject, command, level)


def test_other_remarks() -> None:
    assert only(changed(remarks=("/etc/postfix/main.cf, line 3: overriding earlier entry",))).commands == ()


def test_instances() -> None:
    view = changed({"multi_instance_directories": "/etc/postfix-out, /etc/postfix-in"})
    assert only(view).commands == (
        "mmx check --postfix /etc/postfix-out",
        "mmx check --postfix /etc/postfix-in",
    )
    chosen = {"multi_instance_directories": "/etc/postfix-out"}
    assert bad(changed(chosen, directory="/etc/postfix-out")) == []


@pytest.mark.parametrize(
    ("error", "command"),
    [
        (errno.ENOENT, "systemctl start mmx.socket mmx.service"),
        (errno.ECONNREFUSED, "systemctl restart mmx.socket mmx.service"),
        (errno.ETIMEDOUT, "systemctl restart mmx.socket mmx.service"),
        (errno.ECONNRESET, "systemctl restart mmx.socket mmx.service"),
    ],
)
def test_nobody_there(error: int, command: str) -> None:
    view = changed(reached={SOCKET: Reached(error)})
    finding = only(view)
    assert (finding.name, finding.commands) == ("postfix.unreached", (command,))
    assert only(replace(view, systemd=False)).commands == ()


def test_kept_out() -> None:
    path = SOCKET.removeprefix("unix:")
    obstacles = (
        Obstacle("/var/spool", 0o750, 0, 0, 1),
        Obstacle("/var/spool/postfix/mmx", 0o700, 0, 0, 1),
        Obstacle(path, 0o600, 0, 0, 2),
    )
    for error in (errno.EACCES, None):
        finding = only(changed(reached={SOCKET: Reached(error, obstacles=obstacles)}))
        assert finding.level is Level.ERROR
        assert finding.commands == (
            "chmod a+x /var/spool",
            "chgrp postfix /var/spool/postfix/mmx && chmod g+x /var/spool/postfix/mmx",
            f"chgrp postfix {path} && chmod g+rw {path}",
        )


def test_kept_out_by_something_else() -> None:
    finding = only(changed(reached={SOCKET: Reached(errno.EACCES)}))
    assert (finding.name, finding.commands) == ("postfix.unreached", ())


def test_who_is_not_root_cannot_try() -> None:
    view = changed(reached={SOCKET: Reached(None)})
    finding = only(view)
    assert (finding.level, finding.unseen) == (Level.NOTE, True)
    assert "rights to become that user are missing" in finding.seen
    seen = [one.seen for one in examine(replace(view, is_root=False)) if one.name == "postfix.unseen"]
    assert "use sudo" in seen[0]


def test_nobody_to_try_as() -> None:
    assert only(changed(reached={})).seen == "whether Postfix reaches it: there is no user postfix"
