"""The children of mmx as `mmx check` sees them: unit, way to the socket, handshake, version of the package.

They are those of the settings files; where these are wrong, those of the mmx that runs.
"""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from mmx.aio.access import Account, Obstacle, obstacles
from mmx.core.plan import ChildPlan
from mmx.detect.commands import Run
from mmx.detect.facts import Failure
from mmx.errors import InvalidValueError
from mmx.observe.status import Status
from mmx.settings.catalog import CATALOG, milter_of
from mmx.settings.endpoint import (
    ChildEndpoint,
    InetEndpoint,
    UnixEndpoint,
    UnknownEndpoint,
    is_loopback,
    parse_child_endpoint,
)
from mmx.settings.load import Loaded
from mmx.settings.model import Action, Mode
from mmx.tools.check.greeting import Greeting, greet
from mmx.tools.check.ports import listening, outward
from mmx.tools.check.units import UnitView

PACKAGES: Final = (
    ("/usr/bin/dpkg-query", "-W", "-f", "${Package} ${Version}\n"),
    ("/usr/bin/rpm", "-q", "--qf", "%{NAME} %{VERSION}-%{RELEASE}\n"),
)
"""Who knows the versions of packages."""
PACKAGES_LIMIT: Final = 5.0
"""Seconds that it may take."""
_UNKNOWN: Final = Greeting(reason="unknown")


@dataclass(frozen=True, slots=True)
class ChildView:
    """One child. `origin`: where its endpoint was read; `required`: without it mail does not pass.

    `obstacles` are in the way of the user of mmx to its socket, `closed` in its way to the file that `origin`
    names; `visible`: whoever looks can see the socket, or that there is none.
    """

    name: str
    endpoint: ChildEndpoint
    origin: str = ""
    observes: bool = False
    required: bool = True
    timeout: float = 5.0
    unit: UnitView | None = None
    obstacles: tuple[Obstacle, ...] = ()
    closed: tuple[Obstacle, ...] = ()
    visible: bool = True
    greeting: Greeting = _UNKNOWN
    version: str = ""
    missing: str = ""
    """The first directory on the way to its socket that there is not."""
    outward: tuple[str, ...] = ()
    """Addresses that other hosts reach, on which somebody listens at its port."""


def unit_names(child: str) -> tuple[str, ...]:
    """The units that may start a child, the likeliest first."""
    milter = milter_of(child)
    stem, at, instance = child.partition("@")
    stems = milter.units if milter is not None else (stem,)
    return tuple(f"{one}{at}{instance}.service" for one in stems)


def units_to_ask(children: Iterable[str]) -> tuple[str, ...]:
    """The units of these children and of all milters that mmx knows, with their sockets."""
    known = (milter.name for milter in CATALOG)
    services = (name for child in (*children, *known) for name in unit_names(child))
    return tuple(
        one for name in dict.fromkeys(services) for one in (name, f"{name.removesuffix('.service')}.socket")
    )


def children_of(loaded: Loaded | Failure, daemon: Status | Failure) -> tuple[ChildView, ...]:
    """Who is to be looked at, with nothing seen yet."""
    if not isinstance(loaded, Failure):
        settings = loaded.settings
        return tuple(
            ChildView(
                name=child.name,
                endpoint=child.endpoint,
                origin=loaded.origins.get(f"children.{child.name}.endpoint", ""),
                observes=child.mode is Mode.OBSERVE,
                required=child.mode is Mode.ENFORCE and child.default_action.unreachable is not Action.ACCEPT,
                timeout=child.connect_timeout,
            )
            for child in (*settings.chain, *settings.observed)
            if child.endpoint is not None
        )
    if isinstance(daemon, Failure):
        return ()
    return tuple(
        ChildView(
            name=child.name,
            endpoint=endpoint,
            origin=child.origin,
            observes=child.observes,
            required=not child.observes and not child.default_action.startswith(Action.ACCEPT),
        )
        for child in daemon.children
        if (endpoint := _endpoint(child.endpoint)) is not None
    )


def look_at_children(
    children: Sequence[ChildView],
    units: Mapping[str, UnitView] | Failure,
    account: Account | None,
    run: Run,
    *,
    is_root: bool,
) -> tuple[ChildView, ...]:
    """Look at each, and shake hands with all."""
    plans = [ChildPlan(child.name, str(child.endpoint), connect_timeout=child.timeout) for child in children]
    greetings = greet(plans, account if is_root else None)
    versions = _versions(run, children)
    ports = listening()
    return tuple(
        replace(
            child,
            unit=_unit(child.name, units),
            obstacles=_in_the_way(child.endpoint, account),
            closed=_closed(child.origin, account),
            visible=_is_visible(child.endpoint),
            greeting=greetings.get(child.name, _UNKNOWN),
            version=versions.get(child.name, ""),
            missing=_missing(child.endpoint),
            outward=_outward(child.endpoint, ports),
        )
        for child in children
    )


def _unit(child: str, units: Mapping[str, UnitView] | Failure) -> UnitView | None:
    if isinstance(units, Failure):
        return None
    found = [units[name] for name in unit_names(child) if name in units]
    enabled = [unit for unit in found if not unit.why_out]
    return next(iter(enabled or found), None)


def _in_the_way(endpoint: ChildEndpoint, account: Account | None) -> tuple[Obstacle, ...]:
    if account is None or not isinstance(endpoint, UnixEndpoint):
        return ()
    return tuple(obstacles(endpoint.path, account))


def _closed(origin: str, account: Account | None) -> tuple[Obstacle, ...]:
    path, colon, line = origin.rpartition(":")
    if account is None or not (colon and line.isdigit() and path.startswith("/")):
        return ()
    return tuple(obstacles(path, account, stat.S_IROTH))


def _missing(endpoint: ChildEndpoint) -> str:
    if not isinstance(endpoint, UnixEndpoint):
        return ""
    directories = [*PurePosixPath(endpoint.path).parents][::-1]
    return next((f"directory {path}" for path in directories if not _is_there(str(path))), "")


def _is_there(path: str) -> bool:
    """True too if that cannot be seen."""
    try:
        os.stat(path)  # noqa: PTH116 - a path that is never opened
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _outward(endpoint: ChildEndpoint, ports: Mapping[int, frozenset[str]]) -> tuple[str, ...]:
    if not isinstance(endpoint, InetEndpoint) or not is_loopback(endpoint.host):
        return ()  # no socket of this host, or meant for others
    return outward(ports.get(endpoint.port, frozenset()))


def _is_visible(endpoint: ChildEndpoint) -> bool:
    if not isinstance(endpoint, UnixEndpoint):
        return not isinstance(endpoint, UnknownEndpoint)
    try:
        os.stat(endpoint.path)  # noqa: PTH116 - a path that is never opened
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def _versions(run: Run, children: Sequence[ChildView]) -> dict[str, str]:
    """Of the packages that have the names of children."""
    names = [child.name for child in children if milter_of(child.name) is not None]
    ask = next((words for words in PACKAGES if Path(words[0]).exists()), None)
    if not names or ask is None:
        return {}
    answer = run((*ask, "--", *names), PACKAGES_LIMIT)
    rows = (line.split() for line in answer.output.decode("utf-8", "replace").splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 2 and row[0] in names}


def _endpoint(text: str) -> ChildEndpoint | None:
    try:
        return parse_child_endpoint(text)
    except InvalidValueError:
        return None
