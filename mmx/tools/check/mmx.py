"""The checks of mmx as a service: its units, its process, its version, its account."""

from collections.abc import Iterator
from typing import Final

from mmx import __version__
from mmx.detect.facts import Absence, Failure
from mmx.tools.check.finding import Finding, Kind, Level, good, shell, unseen
from mmx.tools.check.host import Check, HostView
from mmx.tools.check.mmx_look import SERVICE, SOCKET
from mmx.tools.check.units import UnitView
from mmx.tools.check.ways_in import RESTART
from mmx.tools.install.package import uncover

AREA = "mmx"
_DEFERRED: Final = "Postfix takes its milter_default_action for all mail"
UNSEEN = unseen("mmx.unseen")
NO_SERVICE = Kind("mmx.no-service", Level.NOTE, "nothing starts mmx at boot, or again when it ends")
NOT_RUNNING = Kind("mmx.not-running", Level.ERROR, _DEFERRED)
FAILED = Kind("mmx.failed", Level.ERROR, _DEFERRED)
STARTING = Kind("mmx.starting", Level.NOTE, "what it says of its children is not known yet; check again")
NO_ANSWER = Kind("mmx.no-answer", Level.ERROR, f"its event loop hangs or is overloaded; {_DEFERRED}")
NOT_ENABLED = Kind("mmx.not-enabled", Level.WARNING, f"after the next boot {_DEFERRED}")
UNIT_CHANGED = Kind("mmx.unit-changed", Level.WARNING, "systemd runs mmx by unit files of before")
OTHER_VERSION = Kind("mmx.other-version", Level.WARNING, "after an update mmx runs as it was until a restart")
HIDDEN = Kind("mmx.hidden-package", Level.WARNING, "an update of the package changes nothing of what runs")
NO_USER = Kind("mmx.no-user", Level.ERROR, f"mmx cannot start without its user; {_DEFERRED}")
_START: Final = shell("systemctl", "start", SOCKET, SERVICE)


def units(view: HostView) -> Iterator[Finding]:
    """Whether mmx is a service that runs and will run again."""
    found = view.mmx.units
    if isinstance(found, Absence):
        yield NO_SERVICE.at("mmx", found.reason)
        return
    if isinstance(found, Failure):
        yield UNSEEN.at(SERVICE, found.reason)
        return
    service = found.get(SERVICE)
    if service is None:
        yield NO_SERVICE.at("mmx", f"there is no {SERVICE}", "mmx install")
        return
    yield from _running(service, found.get(SOCKET), view)
    if service.active or service.unit.load_state == "loaded":
        yield from _at_boot(service, found.get(SOCKET))
    changed = [unit.name for unit in (service, found.get(SOCKET)) if unit is not None and _is_changed(unit)]
    if changed:
        seen = f"{' and '.join(changed)}: files changed since they were read"
        yield UNIT_CHANGED.at("mmx", seen, "systemctl daemon-reload", shell("systemctl", "restart", *changed))
    if view.mmx.hiding:
        seen = f"in place of the package's: {', '.join(view.mmx.hiding)}"
        yield HIDDEN.at("mmx", seen, *uncover(view.mmx.hiding))


def _is_changed(unit: UnitView) -> bool:
    return unit.more.get("NeedDaemonReload") == "yes"


def _running(service: UnitView, socket: UnitView | None, view: HostView) -> Iterator[Finding]:
    unmask = tuple(
        shell("systemctl", "unmask", unit.name)
        for unit in (service, socket)
        if unit is not None and unit.masked
    )
    failed = [unit for unit in (service, socket) if unit is not None and unit.failed]
    if failed:
        last = next((f"; it logged last: {unit.last_line}" for unit in failed if unit.last_line), "")
        names = [unit.name for unit in failed]
        seen = f"{' and '.join(names)}: {failed[0].more.get('Result') or 'failed'}{last}"
        yield FAILED.at("mmx", seen, *unmask, shell("systemctl", "reset-failed", *names), _START)
    elif not service.active or (socket is not None and not socket.active and not service.active):
        yield from _stopped(service, socket, unmask)
    elif service.starting and isinstance(view.daemon, Failure):
        yield STARTING.at("mmx", f"{SERVICE} is starting", shell("systemctl", "start", SERVICE))
    elif isinstance(view.daemon, Failure) and _is_dead(view.daemon, view):
        yield NO_ANSWER.at("mmx", view.daemon.reason, RESTART)
    else:
        yield good(AREA, SERVICE, f"runs with pid {service.main_pid}" if service.main_pid else "runs")


def _stopped(service: UnitView, socket: UnitView | None, unmask: tuple[str, ...]) -> Iterator[Finding]:
    if socket is not None and socket.active and not service.masked:
        yield good(AREA, SERVICE, f"does not run, and {SOCKET} starts it at the next connection")
        return
    names = " and ".join(unit.name for unit in (service, socket) if unit is not None)
    yield NOT_RUNNING.at("mmx", f"{names}: {service.unit.active_state}", *unmask, _START)


def _is_dead(daemon: Failure, view: HostView) -> bool:
    """Whether it should have answered: not if it was told not to, or if whoever asks may not."""
    return not isinstance(daemon, Absence) and view.speaks_for_mmx


def _at_boot(service: UnitView, socket: UnitView | None) -> Iterator[Finding]:
    reasons = [unit.why_out for unit in (service, socket) if unit is not None and unit.why_out]
    if reasons:
        yield NOT_ENABLED.at("mmx", " and ".join(reasons), shell("systemctl", "enable", SOCKET, SERVICE))


def process(view: HostView) -> Iterator[Finding]:
    """What runs is what is installed, and as whom."""
    if isinstance(view.daemon, Failure):
        if not view.speaks_for_mmx or isinstance(view.daemon, Absence):
            yield UNSEEN.at("mmx", view.daemon.reason)
    elif view.daemon.version != __version__:
        seen = f"version {view.daemon.version} runs, {__version__} is installed"
        yield OTHER_VERSION.at("mmx", seen, RESTART)
    else:
        yield good(AREA, "mmx", f"version {__version__}")
    if view.is_root and view.mmx.account is None and view.mmx.unit(SERVICE) is not None:
        yield NO_USER.at("mmx", f"there is no user {view.service_user}", "mmx install")


CHECKS = (
    Check(
        (UNSEEN, NO_SERVICE, NOT_RUNNING, FAILED, STARTING, NO_ANSWER, NOT_ENABLED, UNIT_CHANGED, HIDDEN),
        units,
    ),
    Check((UNSEEN, OTHER_VERSION, NO_USER), process),
)
