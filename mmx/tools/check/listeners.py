"""The checks of the sockets on which mmx itself waits: for Postfix, and for readers of its metrics.

Whether Postfix gets through to them is a question to Postfix (postfix.py); here it is who else does. A
milter socket has no password: whoever may use it can have mail signed, and learns what the scanners say.
"""

import stat
from collections.abc import Iterator
from typing import Final

from mmx.aio.access import group_name
from mmx.detect.facts import Failure
from mmx.settings.endpoint import InetEndpoint, is_loopback
from mmx.tools.check.amend import replaced
from mmx.tools.check.finding import Finding, Kind, Level, good, shell, unseen
from mmx.tools.check.host import Check, HostView
from mmx.tools.check.mmx_look import SERVICE, SOCKET, SocketView
from mmx.tools.check.ways_in import RESTART, drop_in

AREA = "listener"
UNSEEN = unseen("listener.unseen")
_ORACLE: Final = "and have mail signed through it"
MISSING = Kind("listener.missing", Level.ERROR, "Postfix takes its milter_default_action for all mail")
OPEN = Kind("listener.open", Level.WARNING, f"every local user can talk to mmx {_ORACLE}")
INET = Kind("listener.inet", Level.WARNING, f"every local user can talk to a TCP listener {_ORACLE}")
OUTWARD = Kind("listener.outward", Level.ERROR, f"whoever reaches this address can talk to mmx {_ORACLE}")
HTTP = Kind(
    "listener.http", Level.WARNING, "whoever reaches this address reads metrics and status: no password"
)
_OTHERS: Final = stat.S_IWOTH
_GROUP: Final = 0o660


def sockets(view: HostView) -> Iterator[Finding]:
    """Who may use the sockets for Postfix."""
    for socket in view.mmx.sockets:
        if isinstance(socket.endpoint, InetEndpoint):
            kind = INET if is_loopback(socket.endpoint.host) else OUTWARD
            by = f" ({socket.place})" if socket.place else ""
            yield kind.at(str(socket.endpoint), f"mmx listens there for Postfix{by}", *_without(socket))
        else:
            yield from _unix(socket, socket.endpoint.path, view)


def _unix(socket: SocketView, path: str, view: HostView) -> Iterator[Finding]:
    place = str(socket.endpoint)
    if socket.missing and _is_tried(place, view):
        return  # and told of there
    if socket.missing:
        service, unit = view.mmx.unit(SERVICE), view.mmx.unit(SOCKET)
        if unit is not None and unit.active:
            yield MISSING.at(place, "it is not there", shell("systemctl", "restart", SOCKET, SERVICE))
        elif service is not None and service.active:
            yield MISSING.at(place, "it is not there", RESTART)
    elif socket.mode is None:
        yield UNSEEN.at(place, f"user {view.user} cannot see it: run this as root")
    elif socket.mode & _OTHERS:
        yield OPEN.at(place, f"its mode is {socket.mode:04o}", *_closed(socket, path, view))
    else:
        yield good(AREA, place, f"mode {socket.mode:04o}, group {group_name(socket.gid)}")


def _is_tried(place: str, view: HostView) -> bool:
    """Whether a connection was tried as Postfix."""
    reached = None if isinstance(view.postfix, Failure) else view.postfix.reached.get(place)
    return reached is not None and reached.error is not None


def _closed(socket: SocketView, path: str, view: HostView) -> Iterator[str]:
    """The commands that take the right from all others."""
    unit = view.mmx.unit(SOCKET)
    if not socket.by or unit is None:
        yield from _of_settings(path, view)
        return
    if int(unit.more.get("SocketMode") or "0", 8) & _OTHERS:
        yield from list(drop_in(SOCKET, "Socket", f"SocketMode={_GROUP:04o}"))[:-1]
    yield shell("systemctl", "restart", SOCKET, SERVICE)


def _of_settings(path: str, view: HostView) -> Iterator[str]:
    origin = "" if isinstance(view.loaded, Failure) else view.loaded.origins.get("socket_mode", "")
    commands = replaced(origin, "socket_mode", f"{_GROUP:04o}")
    yield from commands or (shell("chmod", f"{_GROUP:04o}", path),)


def _without(socket: SocketView) -> tuple[str, ...]:
    """The commands that take the line out of the unit file that has it."""
    path, _, line = socket.place.rpartition(":")
    if not path:
        return ()
    return (
        shell("sed", "-i", f"{line}d", path),
        "systemctl daemon-reload",
        shell("systemctl", "restart", SOCKET, SERVICE),
    )


def http(view: HostView) -> Iterator[Finding]:
    """Who may read metrics and the status page."""
    if isinstance(view.loaded, Failure):
        return
    listen = view.loaded.settings.metrics.listen
    if listen is None:
        yield good(AREA, "metrics.listen", "null: nothing is served over HTTP")
    elif is_loopback(listen.host):
        yield good(AREA, "metrics.listen", f"{listen}, which only this host can reach")
    else:
        origin = view.loaded.origins.get("metrics.listen", "")
        seen = f"{listen} ({origin})"
        commands = replaced(origin, "listen", f"127.0.0.1:{listen.port}")[:-1]
        # No reload: the port is bound at the new address before the old one is given up.
        yield HTTP.at("metrics.listen", seen, *commands, *((RESTART,) if commands else ()))


CHECKS = (
    Check((UNSEEN, MISSING, OPEN, INET, OUTWARD), sockets),
    Check((HTTP,), http),
)
