"""The checks of the chain."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mmx.detect.facts import Failure
from mmx.settings.detected import Detection, Found, Skipped
from mmx.settings.endpoint import UnixEndpoint
from mmx.settings.load import Loaded
from mmx.settings.model import ChildSettings
from mmx.tools.check.chain import CHECKS
from mmx.tools.check.finding import Finding, Level
from mmx.tools.check.host import HostView
from tests.tools import check_hosts
from tests.tools.check_hosts import OPENDKIM, host

FILE = Path("/etc/mmx/mmx.yaml")


def bad(view: HostView) -> list[Finding]:
    return check_hosts.bad(view, CHECKS)


def child(name: str, path: str = "") -> ChildSettings:
    return ChildSettings(name, UnixEndpoint(path or f"/run/{name}"))


def with_loaded(view: HostView, loaded: Loaded) -> HostView:
    return replace(view, loaded=loaded)


def loaded_of(view: HostView) -> Loaded:
    assert not isinstance(view.loaded, Failure)
    return view.loaded


def test_nothing_is_said_of_settings_that_are_wrong() -> None:
    assert bad(replace(host(), loaded=Failure("wrong"))) == []


def test_an_empty_chain() -> None:
    (finding,) = bad(host(children=[replace(OPENDKIM, enabled=False)]))
    assert (finding.name, finding.level) == ("chain.empty", Level.WARNING)


def test_an_order_that_the_catalog_mends() -> None:
    names = ["rspamd", "opendkim", "opendmarc"]
    found = bad(host(children=map(child, names)))
    assert {finding.name for finding in found} == {"chain.order"}
    assert "opendkim verifies mail behind rspamd" in found[0].seen
    assert found[0].commands == (
        "mkdir -p /etc/mmx/conf.d",
        "echo 'order: []' > /etc/mmx/conf.d/zz-order.yaml",
        "mmx reload",
    )


def test_two_signers() -> None:
    (finding,) = bad(host(children=map(child, ["opendkim", "dkimpy-milter"])))
    assert "both sign" in finding.seen
    assert "'children: {\"dkimpy-milter\": {enabled: no}}'" in finding.commands[1]


def test_an_order_that_nobody_can_mend() -> None:
    found = bad(host(children=map(child, ["opendkim", "amavisd-milter"])))
    assert [finding.commands for finding in found] == [()]


@pytest.mark.parametrize(
    ("origin", "found", "commands"),
    [
        ("/etc/mmx/mmx.yaml:3", "", ("mkdir", "echo 'children: {\"archive\": {enabled: no}}'", "mmx reload")),
        ("/etc/mmx/mmx.yaml:3", "/run/real", ("sed -i -E '3s!", "mmx reload")),
        ("/etc/opendkim.conf:3", "", ()),
    ],
)
def test_one_endpoint_for_two(origin: str, found: str, commands: Sequence[str]) -> None:
    view = host(children=[OPENDKIM, child("archive", "/run/opendkim/../opendkim/opendkim.sock")])
    assert bad(view) == [], "nobody follows dots"
    view = host(children=[OPENDKIM, replace(OPENDKIM, name="archive")])
    detected = (Found("archive", UnixEndpoint(found), "unit"),) if found else ()
    loaded = replace(
        loaded_of(view),
        origins={"children.archive.endpoint": origin},
        files=(FILE,),
        detection=Detection(detected),
    )
    shared = [finding for finding in bad(with_loaded(view, loaded)) if finding.name == "chain.shared"]
    assert [finding.subject for finding in shared] == ["archive"]
    assert len(shared[0].commands) == len(commands)
    assert all(line.startswith(start) for line, start in zip(shared[0].commands, commands, strict=True))


def detecting(view: HostView, detection: Detection) -> HostView:
    return with_loaded(view, replace(loaded_of(view), detection=detection))


def test_milters_that_are_skipped() -> None:
    skipped = (
        Skipped("opendmarc", "opendmarc.service is disabled"),
        Skipped("rspamd", "rspamd.service is masked"),
        Skipped("milter-greylist", "its init script starts nothing: ENABLED=0"),
        Skipped("opendkim", "opendkim.service is disabled"),
    )
    found = bad(detecting(host(), Detection(skipped=skipped)))
    assert [finding.subject for finding in found] == ["opendmarc", "rspamd", "milter-greylist"]
    assert {finding.level for finding in found} == {Level.NOTE}
    assert found[0].commands == ("systemctl enable --now opendmarc.service", "mmx reload")
    assert found[1].commands[0] == "systemctl unmask rspamd.service"
    assert found[2].commands == ()


def test_a_name_without_a_milter() -> None:
    view = host(children=[OPENDKIM, ChildSettings("rspamd")])
    assert [finding.name for finding in bad(view)] == ["chain.absent"]
    off = host(children=[OPENDKIM, ChildSettings("rspamd", enabled=False)])
    assert bad(off) == []


def test_what_limits_detection() -> None:
    (finding,) = bad(detecting(host(), Detection(notes=("systemd does not run here",))))
    assert (finding.name, finding.level) == ("chain.limited", Level.NOTE)


def test_what_the_next_reload_brings() -> None:
    before = host(children=[OPENDKIM, child("rspamd")])
    after = host(children=[child("opendkim", "/elsewhere"), child("opendmarc")])
    found = tuple(
        Found(one.name, one.endpoint, "unit") for one in loaded_of(after).settings.children if one.endpoint
    )
    in_force = before.mmx.in_force
    assert not isinstance(in_force, Failure)
    view = detecting(after, Detection(found))
    view = replace(view, mmx=replace(view.mmx, in_force={**in_force, "found": [{"name": "rspamd"}]}))
    found_bad = bad(view)
    assert [(one.name, one.subject) for one in found_bad] == [
        ("chain.joins", "opendmarc"),
        ("chain.leaves", "rspamd"),
        ("chain.moves", "opendkim"),
    ]
    assert {one.commands for one in found_bad} == {("mmx reload",)}
    unasked = replace(view, mmx=replace(view.mmx, in_force=Failure("not root")))
    assert bad(unasked) == []
