"""The checks of mmx's settings."""

from dataclasses import replace
from pathlib import Path

import pytest

from mmx.aio.access import Obstacle
from mmx.detect.facts import Failure
from mmx.errors import Problem
from mmx.observe.history import HistoryView, Reload
from mmx.settings.detected import Detection, Found, Skipped
from mmx.settings.endpoint import UnixEndpoint, unknown_endpoint
from mmx.settings.load import load
from mmx.tools.check import ways_in as check_ways_in
from mmx.tools.check.finding import Finding, Level
from mmx.tools.check.host import HostView, WrongSettings
from mmx.tools.check.settings import CHECKS
from mmx.tools.check.table import examine
from tests.tools import check_hosts
from tests.tools.check_hosts import host, mmx_on


def bad(view: HostView) -> list[Finding]:
    return check_hosts.bad(view, CHECKS)


def test_every_problem() -> None:
    problems = (
        Problem("/etc/mmx/mmx.yaml", 3, "no_such", "1", "unknown key", "remove it"),
        Problem("/etc/mmx/conf.d", None, "", "", "cannot be read"),
    )
    first, second = bad(replace(host(), loaded=WrongSettings("wrong", problems)))
    assert (first.name, first.subject, first.seen) == (
        "settings.invalid",
        "/etc/mmx/mmx.yaml:3",
        "no_such: 1: unknown key; remove it",
    )
    assert (second.subject, second.seen) == ("/etc/mmx/conf.d", "cannot be read")


def test_what_cannot_be_told() -> None:
    assert [one.unseen for one in bad(replace(host(), loaded=Failure("systemctl does not answer")))] == [True]
    view = host()
    assert bad(replace(view, mmx=replace(view.mmx, in_force=Failure("not root")))) == []


def test_a_file_that_mmx_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_ways_in, "group_name", lambda _number: "root")
    view = host()
    closed = (("/etc/mmx/mmx.yaml", (Obstacle("/etc/mmx/mmx.yaml", 0o600, 0, 0, 4),)),)
    view = replace(view, mmx=replace(view.mmx, closed=closed))
    (finding,) = bad(view)
    assert (finding.name, finding.level) == ("settings.closed", Level.ERROR)
    assert finding.commands == (
        "chgrp mmx /etc/mmx/mmx.yaml",
        "chmod g+r /etc/mmx/mmx.yaml",
        "systemctl restart mmx",
    )
    assert bad(replace(view, is_root=False, user="nobody")) == []


def test_what_is_in_force() -> None:
    view = host()
    assert not isinstance(view.daemon, Failure)
    assert not isinstance(view.loaded, Failure)
    failed = replace(view, daemon=replace(view.daemon, settings_good=False))
    assert [(one.name, one.commands) for one in bad(failed)] == [("settings.reload-failed", ("mmx reload",))]
    history = HistoryView(reloads=(Reload(2.0, succeeded=False, text="the settings are wrong\nline 3"),))
    failed = replace(failed, daemon=replace(view.daemon, settings_good=False, history=history))
    assert bad(failed)[0].seen == "the last reload failed: the settings are wrong; line 3"
    other = replace(view.loaded.settings, name_in_reply=True, stressed_above=50)
    (finding,) = bad(replace(view, loaded=replace(view.loaded, settings=other)))
    assert (finding.name, finding.commands) == ("settings.changed", ("mmx reload",))
    assert finding.seen == "changed: name_in_reply, stressed_above"


TEXT = """\
listen: [inet:127.0.0.1:8900]
socket_mode: "0666"
metrics: {listen: "0.0.0.0:9850"}
order: [rspamd, opendkim]
children:
  opendkim: {when: [unauthenticated]}
  clamav-milter: {when: [authenticated]}
  milter-greylist: {}
  amavisd-milter: {}
  archive: {endpoint: "unix:/run/a"}
  second: {endpoint: "unix:/run/a"}
  picky: {endpoint: "unix:/run/b", when: [byname]}
conditions: {byname: {helo: ["*.example.com"]}}
"""


def test_no_warning_of_the_loader_is_lost(tmp_path: Path) -> None:
    """Each is a finding of its own, here or of the check that knows more."""
    (tmp_path / "mmx.yaml").write_text(TEXT)
    found = Detection(
        (
            Found("rspamd", UnixEndpoint("/run/r"), "unit", "rspamd.service is enabled, but does not run"),
            Found("opendkim", UnixEndpoint("/run/o"), "unit"),
            Found("clamav-milter", unknown_endpoint("cannot be read"), "unit"),
        ),
        (Skipped("amavisd-milter", "amavisd-milter.service is disabled"),),
        ("systemd does not run here",),
    )
    loaded = load(tmp_path / "mmx.yaml", lambda _wanted: found)
    assert len(loaded.warnings) > 9
    view = mmx_on(loaded, host())
    told = {finding.name for finding in examine(view) if finding.level is not Level.OK}
    kept = {
        *("settings.warning", "listener.http", "chain.order", "chain.shared", "chain.limited"),
        *("chain.absent", "chain.skipped", "child.unknown-socket", "listener.inet"),
    }
    assert kept <= told
