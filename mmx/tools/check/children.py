"""The checks of each child: its unit, the way to its socket, the handshake, and what the daemon says of it.

What is wrong with a child has one first cause, and what follows from it is not told: a milter that does not
run has no socket either. So the judges of a child are asked in order, and the first that has something to say
is the only one.
"""

from collections.abc import Callable, Iterator
from typing import Final

from mmx.aio.access import unexplained
from mmx.detect.facts import Failure
from mmx.observe.problems import OUT
from mmx.observe.status import DOWN, ChildStatus
from mmx.observe.wording import wait
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint, UnknownEndpoint, same_place
from mmx.tools.check.amend import RELOAD, is_of_files, left_out, replaced
from mmx.tools.check.children_look import ChildView
from mmx.tools.check.finding import Finding, Kind, Level, good, shell, unseen
from mmx.tools.check.host import Check, HostView
from mmx.tools.check.mmx_look import SERVICE
from mmx.tools.check.units import UnitView
from mmx.tools.check.ways_in import RESTART, drop_in, ways_in
from mmx.wire import option

AREA = "child"
SLOW: Final = 1.0
"""Seconds within which a child should answer OPTNEG."""

_DOWN: Final = "while it is down, its default action holds for all mail"
UNSEEN = unseen("child.unseen")
UNKNOWN = Kind("child.unknown-socket", Level.ERROR, f"nobody can say where it listens; {_DOWN}")
CONF_CLOSED = Kind("child.conf-closed", Level.ERROR, f"mmx cannot read where the child listens; {_DOWN}")
FAILED = Kind("child.failed", Level.ERROR, _DOWN)
NOT_RUNNING = Kind("child.not-running", Level.ERROR, _DOWN)
DISABLED = Kind(
    "child.disabled", Level.WARNING, "the settings have it in the chain, but nothing starts it at boot"
)
ELSEWHERE = Kind(
    "child.elsewhere", Level.ERROR, f"the settings name another socket than the milter's; {_DOWN}"
)
HIDDEN = Kind("child.hidden", Level.ERROR, f"the unit of mmx hides that directory from it; {_DOWN}")
MISSING = Kind("child.socket-missing", Level.ERROR, _DOWN)
REFUSED = Kind("child.refused", Level.ERROR, f"its socket is left over, or it listens elsewhere; {_DOWN}")
DENIED = Kind("child.denied", Level.ERROR, f"the user of mmx may not use its socket; {_DOWN}")
NO_MILTER = Kind("child.no-milter", Level.ERROR, f"another program listens there; {_DOWN}")
SILENT = Kind("child.silent", Level.ERROR, f"it hangs, or its backlog is full; {_DOWN}")
HANGS_UP = Kind("child.hangs-up", Level.ERROR, f"it ends the connection instead of negotiating; {_DOWN}")
UNREACHABLE = Kind("child.unreachable", Level.ERROR, _DOWN)
OUTWARD = Kind(
    "child.outward",
    Level.WARNING,
    "whoever reaches this address can talk to the milter, past mmx and Postfix",
)
SLOW_ANSWER = Kind("child.slow", Level.WARNING, "every session with it begins so slowly")
TAKEN_OUT = Kind("child.out", Level.WARNING, "mail passes without it")
NOT_FOR_MMX = Kind("child.down", Level.WARNING, "it answers here, but the mmx that runs does not reach it")
KINDS: Final = (
    *(UNSEEN, UNKNOWN, CONF_CLOSED, FAILED, NOT_RUNNING, DISABLED, ELSEWHERE, HIDDEN, MISSING, REFUSED),
    *(DENIED, NO_MILTER, SILENT, HANGS_UP, UNREACHABLE, OUTWARD, SLOW_ANSWER, TAKEN_OUT, NOT_FOR_MMX),
)

_RSPAMD: Final = "rspamd"
_RSPAMD_FILE: Final = "/etc/rspamd/override.d/worker-proxy.inc"

Judge = Callable[[ChildView, HostView], Finding | None]
_FAILURES: Final = {
    "missing": MISSING,
    "refused": REFUSED,
    "denied": DENIED,
    "frame": NO_MILTER,
    "timeout": SILENT,
    "busy": SILENT,
    "eof": HANGS_UP,
    "reset": HANGS_UP,
}
_PRIVATE: Final = {
    "PrivateTmp": ("/tmp", "/var/tmp"),  # noqa: S108 - a place to stay away from
    "ProtectHome": ("/home", "/root", "/run/user"),
}
"""What a setting of the unit hides."""


def children(view: HostView) -> Iterator[Finding]:
    """A finding for each child."""
    for child in view.child_views:
        yield next(filter(None, (judge(child, view) for judge in _JUDGES)), None) or _good(child)


def _unit_down(child: ChildView, view: HostView) -> Finding | None:
    unit = child.unit
    if unit is None or unit.active or child.greeting.options is not None or unit.socket:
        return None
    name = unit.name
    if unit.failed:
        last = f"; it logged last: {unit.last_line}" if unit.last_line else ""
        seen = f"{name} has failed ({unit.more.get('Result') or 'no reason given'}){last}"
        start = (shell("systemctl", "reset-failed", name), shell("systemctl", "restart", name))
        return _at(FAILED, child, seen, *start)
    seen = f"{name} does not run ({unit.unit.active_state})"
    return _at(NOT_RUNNING, child, seen, *_unmasked(unit), shell("systemctl", "start", name))


def _disabled(child: ChildView, view: HostView) -> Finding | None:
    unit = child.unit
    if unit is None or not unit.why_out or child.greeting.options is None:
        return None
    commands = (*_unmasked(unit), shell("systemctl", "enable", unit.name))
    return DISABLED.at(child.name, unit.why_out, *commands)


def _unmasked(unit: UnitView) -> tuple[str, ...]:
    return (shell("systemctl", "unmask", unit.name),) if unit.masked else ()


def _closed(child: ChildView, view: HostView) -> Finding | None:
    """Mmx has lost its socket because a file is closed to it."""
    told = _told(child, view)
    if told is not None and not told.endpoint.startswith("unknown:"):
        return None
    return _conf_closed(child, view, CONF_CLOSED.level)


def _closed_later(child: ChildView, view: HostView) -> Finding | None:
    """It still knows the socket from before."""
    return _conf_closed(child, view, Level.WARNING)


def _conf_closed(child: ChildView, view: HostView, level: Level) -> Finding | None:
    account = view.mmx.account
    if not child.closed or account is None or not view.speaks_for_mmx:
        return None
    commands = ways_in(child.name, child.unit, child.closed, account, view.mmx.listed)
    places = " and ".join(map(str, child.closed))
    seen = f"user {account.name} may not read {places}"
    return CONF_CLOSED.at(child.name, seen, *commands, level=min(level, _most(child)))


def _unknown(child: ChildView, view: HostView) -> Finding | None:
    if not isinstance(child.endpoint, UnknownEndpoint):
        return None
    return _at(UNKNOWN, child, child.endpoint.reason)


def _elsewhere(child: ChildView, view: HostView) -> Finding | None:
    if isinstance(view.loaded, Failure) or child.greeting.options is not None:
        return None
    found = next((one for one in view.loaded.detection.found if one.name == child.name), None)
    if found is None or isinstance(found.endpoint, UnknownEndpoint):
        return None
    if same_place(found.endpoint, child.endpoint):
        return None
    seen = f"{child.endpoint} ({child.origin}), but it listens at {found.endpoint} ({found.origin})"
    return _at(ELSEWHERE, child, seen, *replaced(child.origin, "endpoint", str(found.endpoint)))


def _hidden(child: ChildView, view: HostView) -> Finding | None:
    service = view.mmx.unit(SERVICE)
    if service is None or not isinstance(child.endpoint, UnixEndpoint):
        return None
    for setting, places in _PRIVATE.items():
        place = next((one for one in places if child.endpoint.path.startswith(f"{one}/")), None)
        if place is not None and service.more.get(setting) == "yes":
            seen = f"its socket is {child.endpoint.path}, and {SERVICE} has {setting}=yes"
            return _at(HIDDEN, child, seen, *drop_in(SERVICE, "Service", f"{setting}=no"))
    return None


def _unreached(child: ChildView, view: HostView) -> Finding | None:
    reason = child.greeting.reason
    if not reason or child.greeting.options is not None:
        return None
    if not view.speaks_for_mmx and (reason == "denied" or not child.visible):
        return UNSEEN.at(child.name, f"user {view.user} may not use {child.endpoint}: run this as root")
    if reason == "denied":
        return _denied(child, view)
    kind = _FAILURES.get(reason, UNREACHABLE)
    seen = {
        "missing": f"there is no {child.missing or child.endpoint}",
        "refused": f"nobody answers at {child.endpoint}",
    }.get(reason) or child.greeting.detail
    return _at(kind, child, seen, *_restarted(child, kind, view))


def _denied(child: ChildView, view: HostView) -> Finding:
    account = view.mmx.account
    if account is None or not child.obstacles:
        return _at(DENIED, child, unexplained(account) if account else child.greeting.detail)
    places = " and ".join(map(str, child.obstacles))
    commands = ways_in(child.name, child.unit, child.obstacles, account, view.mmx.listed)
    return _at(DENIED, child, f"user {account.name} is not let in by {places}", *commands)


def _restarted(child: ChildView, kind: Kind, view: HostView) -> tuple[str, ...]:
    """Start it anew; what is no milter does not become one, so it is taken out of the settings."""
    if kind is not NO_MILTER:
        return () if child.unit is None else (shell("systemctl", "restart", child.unit.name),)
    is_set = not isinstance(view.loaded, Failure) and is_of_files(child.origin, view.loaded)
    return left_out(view.config, child.name) if is_set else ()


def _out(child: ChildView, view: HostView) -> Finding | None:
    told = _told(child, view)
    if told is None or told.state not in OUT:
        return None
    return TAKEN_OUT.at(child.name, told.why, shell("mmx", "enable", child.name))


def _down(child: ChildView, view: HostView) -> Finding | None:
    told = _told(child, view)
    if told is None or told.state != DOWN or child.greeting.options is None:
        return None
    if told.endpoint != str(child.endpoint):
        return None  # a reload moves it
    return NOT_FOR_MMX.at(child.name, told.why, RESTART)


def _outward(child: ChildView, view: HostView) -> Finding | None:
    endpoint = child.endpoint
    if not child.outward or not isinstance(endpoint, InetEndpoint):
        return None
    places = " and ".join(f"{address} port {endpoint.port}" for address in child.outward)
    return OUTWARD.at(child.name, f"it listens on {places}", *_turned_inward(child, endpoint.port, view))


def _turned_inward(child: ChildView, port: int, view: HostView) -> tuple[str, ...]:
    """The commands that have it listen on a loopback address."""
    path, _, line = child.origin.rpartition(":")
    if child.unit is None or isinstance(view.loaded, Failure) or is_of_files(child.origin, view.loaded):
        return ()
    restart = (shell("systemctl", "restart", child.unit.name), RELOAD)
    if child.name == _RSPAMD:
        return (
            f"touch {_RSPAMD_FILE} && sed -i '/^bind_socket/d' {_RSPAMD_FILE}",
            f"echo 'bind_socket = \"localhost:{port}\";' >> {_RSPAMD_FILE}",
            *restart,
        )
    if not (path.startswith("/") and line.isdigit()):
        return ()
    script = f"{line}s/inet:{port}(@[^[:space:]\"']*)?/inet:{port}@localhost/"
    return (shell("sed", "-i", "-E", script, path), *restart)


def _slow(child: ChildView, view: HostView) -> Finding | None:
    seconds = child.greeting.seconds
    if child.greeting.options is None or seconds < SLOW:
        return None
    return SLOW_ANSWER.at(child.name, f"it answered OPTNEG after {wait(seconds)}")


_JUDGES: Final[tuple[Judge, ...]] = (
    *(_closed, _unknown, _elsewhere, _unit_down, _hidden, _unreached),
    *(_out, _down, _disabled, _closed_later, _outward, _slow),
)


def _told(child: ChildView, view: HostView) -> ChildStatus | None:
    """What the daemon says of it."""
    if isinstance(view.daemon, Failure):
        return None
    return next((one for one in view.daemon.children if one.name == child.name), None)


def _at(kind: Kind, child: ChildView, seen: str, *commands: str) -> Finding:
    return kind.at(child.name, seen, *commands, level=min(kind.level, _most(child)))


def _most(child: ChildView) -> Level:
    """How bad it can be: mail passes without a child that is not required."""
    return Level.ERROR if child.required else Level.WARNING


def _good(child: ChildView) -> Finding:
    options = child.greeting.options
    parts = [str(child.endpoint)]
    if child.version:
        parts.append(f"package {child.version}")
    if options is not None:
        actions = [name for bit, name in enumerate(option.ACTION_NAMES) if options.actions >> bit & 1]
        parts.append(f"milter version {options.version}, may use {' '.join(actions) or 'no action'}")
        parts.append(f"answered in {child.greeting.seconds * 1000:.0f} ms")
    if isinstance(child.endpoint, InetEndpoint) and child.unit is None:
        parts.append("no unit of this host")
    return good(AREA, child.name, ", ".join(parts))


CHECKS = (Check(KINDS, children),)
