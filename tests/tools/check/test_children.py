"""The checks of each child."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmx.aio import access
from mmx.aio.access import Obstacle
from mmx.detect.facts import Failure
from mmx.settings.detected import Detection, Found
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint, unknown_endpoint
from mmx.tools.check import ways_in as check_ways_in
from mmx.tools.check.amend import left_out, replaced
from mmx.tools.check.children import children
from mmx.tools.check.finding import Finding, Level
from mmx.tools.check.greeting import Greeting
from mmx.tools.check.host import HostView
from mmx.tools.check.mmx_look import SERVICE
from tests.tools.check_hosts import OPTIONS, host, running

UNIT = "opendkim.service"
RESTART = f"systemctl restart {UNIT}"


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (access, check_ways_in):
        monkeypatch.setattr(module, "group_name", lambda _number: "opendkim")


def only(view: HostView) -> Finding:
    (finding,) = children(view)
    return finding


def changed(view: HostView, **what: Any) -> HostView:
    """The host with something else seen of its child."""
    return replace(view, child_views=(replace(view.child_views[0], **what),))


def told(view: HostView, **what: Any) -> HostView:
    """The host whose daemon says something else of its child."""
    assert not isinstance(view.daemon, Failure)
    return replace(view, daemon=replace(view.daemon, children=(replace(view.daemon.children[0], **what),)))


def failing(reason: str, detail: str = "") -> HostView:
    return changed(host(), greeting=Greeting(0.1, None, reason, detail))


SOCKET = Obstacle("/run/opendkim/opendkim.sock", 0o770, 950, 902, 2)
CONF = Obstacle("/etc/opendkim.conf", 0o640, 0, 902, 4)


def test_a_child_that_is_well() -> None:
    finding = only(changed(host(), version="2.11"))
    assert finding.level is Level.OK
    for part in ("package 2.11", "version 6", "may use ADDHDRS CHGHDRS", "answered in 10 ms"):
        assert part in finding.seen


@pytest.mark.parametrize(
    ("view", "name", "seen", "commands"),
    [
        (failing("missing"), "socket-missing", "there is no unix:/run/opendkim", (RESTART,)),
        (
            changed(failing("missing"), missing="directory /run/opendkim"),
            "socket-missing",
            "there is no directory /run/opendkim",
            (RESTART,),
        ),
        (failing("refused"), "refused", "nobody answers at unix:/run/opendkim", (RESTART,)),
        (failing("timeout", "does not negotiate"), "silent", "does not negotiate", (RESTART,)),
        (failing("busy", "EAGAIN"), "silent", "EAGAIN", (RESTART,)),
        (failing("eof", "closed"), "hangs-up", "closed", (RESTART,)),
        (failing("frame", "no milter?"), "no-milter", "no milter?", ()),
        (failing("other", "no address"), "unreachable", "no address", (RESTART,)),
        (failing("denied"), "denied", "a security module", ()),
        (
            changed(failing("denied"), obstacles=(SOCKET,)),
            "denied",
            "user mmx is not let in by /run/opendkim/opendkim.sock (0770",
            ("usermod -aG opendkim mmx", "systemctl restart mmx"),
        ),
        (
            changed(failing("missing"), unit=running(UNIT, "inactive")),
            "not-running",
            f"{UNIT} does not run (inactive)",
            (f"systemctl start {UNIT}",),
        ),
        (
            changed(failing("missing"), unit=running(UNIT, "inactive", "masked")),
            "not-running",
            f"{UNIT} does not run",
            (f"systemctl unmask {UNIT}", f"systemctl start {UNIT}"),
        ),
        (
            changed(
                failing("refused"),
                unit=replace(running(UNIT, "failed", Result="exit-code"), last_line="no key"),
            ),
            "failed",
            f"{UNIT} has failed (exit-code); it logged last: no key",
            (f"systemctl reset-failed {UNIT}", RESTART),
        ),
        (changed(host(), endpoint=unknown_endpoint("no idea")), "unknown-socket", "no idea", ()),
    ],
)
def test_a_child_that_is_down(view: HostView, name: str, seen: str, commands: tuple[str, ...]) -> None:
    finding = only(view)
    assert (finding.name, finding.level, finding.commands) == (f"child.{name}", Level.ERROR, commands)
    assert seen in finding.seen
    assert only(changed(view, required=False)).level is Level.WARNING


def test_a_child_behind_a_socket_of_systemd_need_not_run() -> None:
    unit = replace(running(UNIT, "inactive"), socket="opendkim.socket")
    assert only(changed(host(), unit=unit)).level is Level.OK


def test_a_child_without_a_unit() -> None:
    assert only(changed(failing("refused"), unit=None)).commands == ()


def test_a_child_that_nothing_starts_at_boot() -> None:
    finding = only(changed(host(), unit=running(UNIT, state="disabled")))
    assert (finding.name, finding.level) == ("child.disabled", Level.WARNING)
    assert finding.commands == (f"systemctl enable {UNIT}",)


def test_a_slow_child() -> None:
    assert only(changed(host(), greeting=Greeting(1.5, OPTIONS))).name == "child.slow"


@pytest.mark.parametrize(
    ("name", "origin", "first"),
    [
        (
            "pyspf-milter",
            "/etc/pyspf-milter/pyspf-milter.conf:7",
            r"""sed -i -E '7s/inet:8893(@[^[:space:]"'"'"']*)?/inet:8893@localhost/' /etc/pyspf""",
        ),
        ("rspamd", "rspamadm configdump worker", "touch /etc/rspamd/override.d/worker-proxy.inc && "),
        ("archive", "default", None),
    ],
)
def test_a_child_that_faces_outwards(name: str, origin: str, first: str | None) -> None:
    endpoint = InetEndpoint("localhost", 8893)
    view = changed(host(), name=name, endpoint=endpoint, origin=origin, outward=("0.0.0.0", "::"))
    finding = only(view)
    assert (finding.name, finding.level) == ("child.outward", Level.WARNING)
    assert finding.seen == "it listens on 0.0.0.0 port 8893 and :: port 8893"
    if first is None:
        assert finding.commands == ()
    else:
        assert finding.commands[0].startswith(first)
        assert finding.commands[-2:] == (RESTART, "mmx reload")


def elsewhere(view: HostView) -> HostView:
    assert not isinstance(view.loaded, Failure)
    found = Detection((Found("opendkim", UnixEndpoint("/run/real.sock"), "/etc/opendkim.conf:3"),))
    return replace(view, loaded=replace(view.loaded, detection=found))


def test_settings_that_name_another_socket() -> None:
    view = elsewhere(changed(failing("missing"), origin="/etc/mmx/mmx.yaml:7"))
    finding = only(view)
    assert finding.name == "child.elsewhere"
    assert "it listens at unix:/run/real.sock (/etc/opendkim.conf:3)" in finding.seen
    assert finding.commands == replaced("/etc/mmx/mmx.yaml:7", "endpoint", "unix:/run/real.sock")
    assert only(elsewhere(host())).level is Level.OK, "it answers where the settings say"


def test_a_file_that_mmx_may_not_read() -> None:
    view = changed(host(), closed=(CONF,))
    assert only(view).level is Level.WARNING, "mmx knows the socket from before"
    lost = told(view, endpoint="unknown:cannot be read", state="down")
    finding = only(lost)
    assert (finding.name, finding.level) == ("child.conf-closed", Level.ERROR)
    assert finding.commands == ("usermod -aG opendkim mmx", "systemctl restart mmx")
    assert only(replace(lost, is_root=False, user="nobody")).name != "child.conf-closed"


def test_what_the_daemon_says() -> None:
    finding = only(told(host(), state="disabled", why="disabled by root"))
    assert (finding.name, finding.seen) == ("child.out", "disabled by root")
    assert finding.commands == ("mmx enable opendkim",)
    finding = only(told(host(), state="down", why="denied: EACCES"))
    assert (finding.name, finding.commands) == ("child.down", ("systemctl restart mmx",))
    assert only(told(host(), state="down", endpoint="unix:/before")).level is Level.OK
    assert only(replace(host(), daemon=Failure("no"))).level is Level.OK


def test_a_socket_that_the_unit_of_mmx_hides() -> None:
    view = changed(host(), endpoint=UnixEndpoint("/tmp/a.sock"))
    units = {SERVICE: running(SERVICE, PrivateTmp="yes")}
    view = replace(view, mmx=replace(view.mmx, units=units))
    finding = only(view)
    assert finding.name == "child.hidden"
    assert finding.commands[-1] == "systemctl restart mmx.service"
    assert "PrivateTmp=no" in finding.commands[1]


def test_who_is_not_mmx_says_what_he_could_not_see() -> None:
    view = replace(failing("denied"), is_root=False, user="nobody")
    assert only(view).unseen
    assert only(replace(changed(failing("missing"), visible=False), is_root=False, user="nobody")).unseen
    assert only(replace(failing("missing"), is_root=False, user="nobody")).name == "child.socket-missing"
    assert only(replace(view, user="mmx")).name == "child.denied"


def test_another_program_is_taken_out_of_the_settings() -> None:
    view = changed(failing("frame", "no milter?"), origin="/etc/mmx/mmx.yaml:7")
    assert not isinstance(view.loaded, Failure)
    view = replace(view, loaded=replace(view.loaded, files=(Path("/etc/mmx/mmx.yaml"),)))
    assert only(view).commands == left_out(view.config, "opendkim")
