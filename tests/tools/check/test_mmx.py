"""The checks of mmx as a service."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mmx.detect.facts import Absence, Failure
from mmx.tools.check.finding import Finding, Level
from mmx.tools.check.host import HostView
from mmx.tools.check.mmx import CHECKS
from mmx.tools.check.mmx_look import SERVICE, SOCKET
from mmx.tools.check.units import UnitView
from tests.tools import check_hosts
from tests.tools.check_hosts import host, running

START = "systemctl start mmx.socket mmx.service"
DEAD = Failure("there is no control socket")


def bad(view: HostView) -> list[Finding]:
    return check_hosts.bad(view, CHECKS)


def on(units: Mapping[str, UnitView] | Failure, daemon: Failure | None = None) -> HostView:
    view = host()
    return replace(view, mmx=replace(view.mmx, units=units), daemon=daemon or view.daemon)


def pair(service: UnitView, socket: UnitView | None = None) -> dict[str, UnitView]:
    return {SERVICE: service, SOCKET: socket or running(SOCKET)}


@pytest.mark.parametrize(
    ("view", "name", "level", "commands"),
    [
        (on(Absence("systemd does not run here"), DEAD), "no-service", Level.NOTE, ()),
        (on({}, DEAD), "no-service", Level.NOTE, ("mmx install",)),
        (
            on(pair(running(SERVICE, "inactive"), running(SOCKET, "inactive")), DEAD),
            "not-running",
            Level.ERROR,
            (START,),
        ),
        (
            on(pair(running(SERVICE, "failed", Result="start-limit-hit"))),
            "failed",
            Level.ERROR,
            ("systemctl reset-failed mmx.service", START),
        ),
        (
            on(pair(running(SERVICE, "failed"), running(SOCKET, "failed"))),
            "failed",
            Level.ERROR,
            ("systemctl reset-failed mmx.service mmx.socket", START),
        ),
        (
            on(pair(running(SERVICE, "activating")), DEAD),
            "starting",
            Level.NOTE,
            ("systemctl start mmx.service",),
        ),
        (on(pair(running(SERVICE)), DEAD), "no-answer", Level.ERROR, ("systemctl restart mmx",)),
        (
            on(pair(running(SERVICE, state="disabled"))),
            "not-enabled",
            Level.WARNING,
            ("systemctl enable mmx.socket mmx.service",),
        ),
        (
            on(pair(running(SERVICE, NeedDaemonReload="yes"))),
            "unit-changed",
            Level.WARNING,
            ("systemctl daemon-reload", "systemctl restart mmx.service"),
        ),
        (on(Failure("systemctl show: too slow")), "unseen", Level.NOTE, ()),
    ],
)
def test_units(view: HostView, name: str, level: Level, commands: tuple[str, ...]) -> None:
    assert [(one.name, one.level, one.commands) for one in bad(view)] == [(f"mmx.{name}", level, commands)]


def test_a_service_that_is_masked() -> None:
    masked = running(SERVICE, "inactive", "masked")
    masked = replace(masked, unit=replace(masked.unit, load_state="masked"))
    (finding,) = bad(on(pair(masked), DEAD))
    assert finding.commands == ("systemctl unmask mmx.service", START)


def test_a_service_that_the_next_connection_starts() -> None:
    assert bad(on(pair(running(SERVICE, "inactive")), DEAD)) == []


def test_a_service_that_is_started_again_and_again() -> None:
    again = running(SERVICE, "activating")
    again = replace(again, unit=replace(again.unit, sub_state="auto-restart"))
    assert [one.name for one in bad(on(pair(again), DEAD))] == ["mmx.failed"]


def test_why_it_failed() -> None:
    failed = replace(running(SERVICE, "failed"), last_line="mmx.yaml:3: no such key")
    assert "mmx.yaml:3: no such key" in bad(on(pair(failed)))[0].seen


def test_the_version_that_runs() -> None:
    view = host()
    assert not isinstance(view.daemon, Failure)
    (finding,) = bad(replace(view, daemon=replace(view.daemon, version="0.0.1")))
    assert (finding.name, finding.commands) == ("mmx.other-version", ("systemctl restart mmx",))
    assert "0.0.1" in finding.seen


def test_the_user_of_the_service() -> None:
    view = host()
    gone = replace(view, mmx=replace(view.mmx, account=None))
    assert [(one.name, one.commands) for one in bad(gone)] == [("mmx.no-user", ("mmx install",))]
    assert bad(replace(gone, is_root=False)) == []


def test_who_may_not_ask() -> None:
    view = replace(
        on(pair(running(SERVICE)), Failure("only root may: try sudo")), is_root=False, user="nobody"
    )
    assert [(one.unseen, one.seen) for one in bad(view)] == [(True, "only root may: try sudo")]
    by_choice = on(pair(running(SERVICE)), Absence("its settings say `control_socket: null`"))
    assert [one.unseen for one in bad(by_choice)] == [True]


def test_files_that_hide_those_of_a_package() -> None:
    view = host()
    path = "/etc/systemd/system/mmx.service"
    (finding,) = bad(replace(view, mmx=replace(view.mmx, hiding=(path,))))
    assert (finding.name, finding.level, finding.commands[0]) == (
        "mmx.hidden-package",
        Level.WARNING,
        f"rm {path}",
    )
