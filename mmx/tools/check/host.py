"""The host as `mmx check` sees it: everything is looked at once, then judged by pure functions.

`look` is the one impure function; it puts together what the modules check_*_look bring. Each fact that cannot
be had is a Failure with the reason (mmx.detect.facts), and never ends the check. So every check is a function
of a HostView, and a test makes a host up.

Every program that is run, and every connection, has a limit of seconds.
"""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mmx.aio.access import SERVICE_USER, own_account
from mmx.aio.return_watch import PERIOD
from mmx.detect.commands import Run, run
from mmx.detect.facts import Absence, Failure
from mmx.detect.host import Host
from mmx.errors import InvalidValueError, MmxError, Problem, SettingsError
from mmx.observe.status import DOWN, Status
from mmx.observe.status_json import from_json
from mmx.settings.endpoint import Endpoint, InetEndpoint, UnixEndpoint, parse_endpoint
from mmx.settings.load import DEFAULT_PATH, Loaded, load_leniently
from mmx.settings.model import Settings
from mmx.tools.check.children_look import ChildView, children_of, look_at_children, units_to_ask
from mmx.tools.check.finding import Finding, Kind
from mmx.tools.check.mmx_look import (
    ANSWER_LIMIT,
    SERVICE,
    SOCKET,
    MmxView,
    ask_for_settings,
    look_at_account,
    look_at_files,
    look_at_sockets,
)
from mmx.tools.check.postfix_look import PostfixView, look_at_postfix
from mmx.tools.check.units import look_at_units
from mmx.tools.control_client import ask
from mmx.tools.install.package import hiding
from mmx.tools.install.steps import Target

ROOT: Final = 0
_AGAIN: Final = 0.5
_MARGIN: Final = 1.0
"""Seconds between two questions to the daemon, and beyond the time after which it looks at a child again."""
BOOTED: Final = "/run/systemd/system"
"""There if systemd runs."""


@dataclass(frozen=True, slots=True)
class WrongSettings(Failure):
    """Settings that are not valid."""

    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class HostView:
    """What was seen. `user` is who looked; `systemd`: it runs here."""

    config: Path = DEFAULT_PATH
    user: str = "root"
    is_root: bool = True
    systemd: bool = True
    postfix: PostfixView | Failure = field(default_factory=PostfixView)
    loaded: Loaded | Failure = field(default_factory=lambda: Failure("not loaded"))
    """The settings of the files, with the milters that were found."""
    daemon: Status | Failure = field(default_factory=lambda: Failure("not asked"))
    """What the mmx that runs tells of itself."""
    mmx: MmxView = field(default_factory=MmxView)
    child_views: tuple[ChildView, ...] = ()
    """Each child, with its unit, its socket and a handshake."""

    @property
    def service_user(self) -> str:
        """Whom the service runs as."""
        service = self.mmx.unit(SERVICE)
        return (service.more.get("User", "") if service is not None else "") or SERVICE_USER

    @property
    def speaks_for_mmx(self) -> bool:
        """Whether what is refused to whoever looks is refused to mmx: root tries things as its user."""
        return self.is_root or self.user == self.service_user

    @property
    def settings(self) -> Settings:
        """The settings, or their defaults if they cannot be had."""
        return Settings() if isinstance(self.loaded, Failure) else self.loaded.settings

    @property
    def listeners(self) -> tuple[Endpoint, ...]:
        """Where mmx listens: as its socket unit says, or it itself, or the settings. Of a socket that systemd
        has handed to it, mmx only knows the name.
        """
        if self.mmx.sockets:
            return tuple(socket.endpoint for socket in self.mmx.sockets)
        told = () if isinstance(self.daemon, Failure) else self.daemon.listeners
        return tuple(filter(None, map(_endpoint, told))) or tuple(
            listener.endpoint for listener in self.settings.listeners
        )

    @property
    def children(self) -> tuple[tuple[str, Endpoint], ...]:
        """Names and places of the children that mmx asks, those that observe too."""
        return tuple(
            (child.name, child.endpoint)
            for child in (*self.settings.chain, *self.settings.observed)
            if isinstance(child.endpoint, UnixEndpoint | InetEndpoint)
        )


@dataclass(frozen=True, slots=True)
class Check:
    """A pure function of what was seen, and the kinds of findings that it can come to, beside good ones."""

    kinds: tuple[Kind, ...]
    look: Callable[[HostView], Iterator[Finding]]


STEPS: Final = ("settings and installed milters", "mmx", "children", "Postfix")
"""What `look` looks at, in its order."""


def look(
    config: Path,
    postfix: Path | None = None,
    runner: Run = run,
    tell: Callable[[str], None] = lambda _: None,
) -> HostView:
    """Look at this host. `postfix`: the directory of main.cf, if not the usual one; `tell` is called before
    each of the STEPS.
    """
    account = own_account()
    tell(STEPS[0])
    loaded = _settings(config)
    tell(STEPS[1])
    seen = HostView(
        config=config,
        user=account.name,
        is_root=account.uid == ROOT,
        systemd=Path(BOOTED).is_dir(),
        loaded=loaded,
        daemon=_daemon(config),
    )
    tell(STEPS[2])
    # The units come first: a connection to a socket of systemd starts what it belongs to.
    seen = _with_children(seen, runner)
    tell(STEPS[3])
    return replace(seen, postfix=look_at_postfix(runner, postfix, seen.listeners, is_root=seen.is_root))


def _with_children(seen: HostView, runner: Run) -> HostView:
    """With mmx itself and its children looked at."""
    children = children_of(seen.loaded, seen.daemon)
    names = (SERVICE, SOCKET, *units_to_ask(child.name for child in children))
    units = look_at_units(runner, names, booted=seen.systemd)
    known = {} if isinstance(units, Failure) else units
    account, listed = look_at_account(known.get(SERVICE), is_root=seen.is_root)
    files = () if isinstance(seen.loaded, Failure) else seen.loaded.files
    path = load_leniently(seen.config).control_socket
    in_force = seen.daemon if isinstance(seen.daemon, Failure) else ask_for_settings(path)
    mmx = MmxView(
        units=units,
        account=account,
        listed=listed,
        in_force=in_force,
        sockets=tuple(look_at_sockets(known.get(SOCKET), seen.listeners)),
        closed=tuple(look_at_files(files, account)),
        hiding=hiding(Target(Path("/"), runner)),
    )
    views = look_at_children(children, units, account, runner, is_root=seen.is_root)
    answering = {view.name for view in views if view.greeting.options is not None}
    return replace(seen, mmx=mmx, child_views=views, daemon=_settled(seen, answering))


def _settled(seen: HostView, answering: Collection[str]) -> Status | Failure:
    """What the daemon says when it has had the time to see that these children answer."""
    daemon, limit = seen.daemon, time.monotonic() + PERIOD + _MARGIN
    while not isinstance(daemon, Failure) and time.monotonic() < limit:
        if not any(child.state == DOWN and child.name in answering for child in daemon.children):
            break
        time.sleep(_AGAIN)
        daemon = _daemon(seen.config)
    return daemon


def _settings(config: Path) -> Loaded | Failure:
    try:
        return Host().load(config)
    except SettingsError as error:
        return WrongSettings(str(error), error.problems)
    except MmxError as error:
        return Failure(str(error))


def _daemon(config: Path) -> Status | Failure:
    path = load_leniently(config).control_socket
    if path is None:
        return Absence("its settings say `control_socket: null`")
    try:
        return from_json(ask(path, {"do": "status"}, within=ANSWER_LIMIT))
    except MmxError as error:
        return Failure(str(error))


def _endpoint(text: str) -> Endpoint | None:
    try:
        return parse_endpoint(text)
    except InvalidValueError:
        return None
