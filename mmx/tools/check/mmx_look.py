"""mmx itself as `mmx check` sees it: its units and process, its settings in force, its sockets.

Where mmx listens is told by three: the socket unit, if it holds the sockets, for its word counts; else the
daemon; else the settings.
"""

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mmx.aio.access import SERVICE_USER, Account, Obstacle, account_of, obstacles, own_account
from mmx.detect.facts import Failure
from mmx.detect.socket_text import listen_socket
from mmx.detect.unit_file import line_of
from mmx.errors import InvalidValueError, MmxError
from mmx.settings.endpoint import Endpoint, InetEndpoint, UnixEndpoint, parse_address
from mmx.tools.check.units import UnitView
from mmx.tools.control_client import ask

SERVICE: Final = "mmx.service"
SOCKET: Final = "mmx.socket"
ANSWER_LIMIT: Final = 10.0
"""Seconds that the daemon has for an answer."""


@dataclass(frozen=True, slots=True)
class SocketView:
    """A socket on which mmx waits for Postfix. `by`: mmx.socket, or "" for mmx itself; `place`: FILE:LINE of
    the unit file that has it. `mode`: None if it is not there or cannot be seen.
    """

    endpoint: Endpoint
    by: str = ""
    place: str = ""
    mode: int | None = None
    uid: int = 0
    gid: int = 0
    missing: bool = False


@dataclass(frozen=True, slots=True)
class MmxView:
    """What was seen. `account`: as whom mmx uses sockets, with the groups of its process if it runs; `listed`
    are the groups that it would have if it was started now.
    """

    units: Mapping[str, UnitView] | Failure = field(default_factory=dict)
    account: Account | None = None
    listed: frozenset[int] = frozenset()
    in_force: Mapping[str, Any] | Failure = field(default_factory=lambda: Failure("not asked"))
    """The settings of the mmx that runs, as `mmx --show-config --running --json` prints them."""
    sockets: tuple[SocketView, ...] = ()
    closed: tuple[tuple[str, tuple[Obstacle, ...]], ...] = ()
    """Settings files that the user of mmx may not read, and what is in its way."""
    hiding: tuple[str, ...] = ()
    """Files of an earlier installation that are used in place of those of a package."""

    def unit(self, name: str) -> UnitView | None:
        """A unit that there is."""
        return None if isinstance(self.units, Failure) else self.units.get(name)


def look_at_account(service: UnitView | None, *, is_root: bool) -> tuple[Account | None, frozenset[int]]:
    """As whom mmx uses the sockets of its children, and the groups that the accounts' files give it."""
    if not is_root:
        own = own_account()
        return own, own.groups
    name = (service.more.get("User", "") if service is not None else "") or SERVICE_USER
    listed = account_of(name)
    if listed is None:
        return None, frozenset()
    running = _account_of_process(service.main_pid, listed) if service is not None else None
    return running or listed, listed.groups


def _account_of_process(pid: int, listed: Account) -> Account | None:
    """The same user with the groups that its process has."""
    if not pid:
        return None
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    groups = [*rows.get("Groups", "").split(), *rows.get("Gid", "").split()]
    uids = rows.get("Uid", "").split()
    if str(listed.uid) not in uids:
        return None
    return Account(listed.name, listed.uid, frozenset(int(text) for text in groups if text.isdigit()))


def ask_for_settings(path: str | None) -> Mapping[str, Any] | Failure:
    """What is in force in the mmx that runs."""
    if path is None:
        return Failure("there is no control socket")
    try:
        told = json.loads(ask(path, {"do": "config"}, within=ANSWER_LIMIT)["json"])
    except (MmxError, ValueError, KeyError, TypeError) as error:
        return Failure(str(error))
    return told if isinstance(told, dict) else Failure("an answer that is none")


def look_at_sockets(socket: UnitView | None, others: Iterable[Endpoint]) -> Iterator[SocketView]:
    """Every socket on which mmx waits for Postfix."""
    if socket is None or not socket.active:
        yield from (_seen(SocketView(endpoint)) for endpoint in others)
        return
    for text in socket.unit.listen:
        endpoint = _endpoint(text)
        if endpoint is not None:
            yield _seen(SocketView(endpoint, SOCKET, _place(socket, text.partition(" (")[0])))


def _endpoint(text: str) -> Endpoint | None:
    """What a socket unit listens on, with the very address: that of detection is one to connect to."""
    try:
        endpoint = listen_socket(text)
        return parse_address(text.partition(" (")[0]) if isinstance(endpoint, InetEndpoint) else endpoint
    except InvalidValueError:
        return None


def _place(socket: UnitView, value: str) -> str:
    for path in (*reversed(socket.unit.drop_ins), socket.unit.fragment):
        try:
            line = line_of(Path(path).read_bytes(), "ListenStream", value)
        except OSError:
            continue
        if line is not None:
            return f"{path}:{line}"
    return ""


def _seen(view: SocketView) -> SocketView:
    """With what stat tells of a unix socket."""
    if not isinstance(view.endpoint, UnixEndpoint):
        return view
    try:
        found = os.lstat(view.endpoint.path)
    except (FileNotFoundError, NotADirectoryError):
        return SocketView(view.endpoint, view.by, view.place, missing=True)
    except OSError:
        return view
    return SocketView(
        view.endpoint, view.by, view.place, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid
    )


def look_at_files(
    files: Sequence[Path], account: Account | None
) -> Iterator[tuple[str, tuple[Obstacle, ...]]]:
    """The files that the account may not read."""
    if account is None:
        return
    for file in files:
        found = tuple(obstacles(str(file), account, stat.S_IROTH))
        if found:
            yield str(file), found
