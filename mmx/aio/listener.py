"""The sockets on which mmx waits for the MTA.

Theory: a listener is bound before anything is given up for it. A unix path that is in use is never taken
over: whatever answers a connect keeps it, and mmx does not start. A socket nobody answers on is left over
from a crash and removed. Nothing but a socket is ever removed, and a symbolic link is not followed, so that
whoever may write to the directory cannot point mmx at another file. The socket is created under a umask
that lets nobody in, gets its group and mode, and only then listens. At the end it is removed if it is still
the same file.

Sockets handed over by systemd (sd_listen_fds(3)) replace the configured ones: they survive a restart, and
connections wait in them meanwhile.
"""

import asyncio
import errno
import grp
import os
import socket
import stat
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mmx.aio.acceptor import Acceptor
from mmx.aio.dial import resolve
from mmx.errors import MmxError, PermissionsError, UnavailableError
from mmx.settings.endpoint import Endpoint, InetEndpoint, UnixEndpoint, same_place
from mmx.settings.model import Listener as ListenerSettings

FIRST_INHERITED: Final = 3
"""SD_LISTEN_FDS_START."""

ProtocolFactory = Callable[[str], asyncio.BaseProtocol]
"""Makes the protocol of a connection to the listener of this name."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a unix socket: permission bits, and a group name or None to leave it. `setting` is the key
    that the group comes from.
    """

    mode: int
    group: str | None
    setting: str = "socket_group"


class Listener:
    """The sockets of one endpoint, with what accepts on them."""

    def __init__(
        self, name: str, endpoint: str, sockets: list[socket.socket], *, owned_path: str = ""
    ) -> None:
        self.name = name
        self._own_name = name
        self.endpoint = endpoint
        self._sockets = sockets
        self._acceptors: list[Acceptor] = []
        self._path = owned_path
        self._identity = _identity(owned_path) if owned_path else None

    def serve(
        self, factory: ProtocolFactory, backlog: int, has_room: Callable[[], bool] = lambda: True
    ) -> None:
        """Accept connections, each with a new protocol, while there is room; raises MmxError."""
        loop = asyncio.get_running_loop()
        try:
            for sock in self._sockets:
                sock.listen(backlog)
                self._acceptors.append(Acceptor(sock, lambda: factory(self.name), has_room, loop))
        except OSError as error:
            raise _explain_bind(self.endpoint, error) from error

    def take_name(self, named: Iterable[ListenerSettings]) -> None:
        """Be called as the settings call the endpoint that this socket of systemd is at."""
        names = (
            each.name for each in named if each.name != str(each.endpoint) and self._is_at(each.endpoint)
        )
        self.name = next(names, self._own_name)

    def _is_at(self, endpoint: Endpoint) -> bool:
        return any(_is_bound_to(sock, endpoint) for sock in self._sockets)

    @property
    def is_in_place(self) -> bool:
        """Whether the path still leads here: somebody may have removed the socket, or put another there."""
        return not self._path or self._identity == _identity(self._path)

    def permit(self, access: Access) -> None:
        """Change who may use a unix socket of ours."""
        if self._path:
            _permit(self._path, access)

    def close(self) -> None:
        """Accept nothing more, and remove the socket if it is still ours."""
        for acceptor in self._acceptors:
            acceptor.close()
        for sock in self._sockets:
            sock.close()
        if self._path and self.is_in_place:
            try:
                Path(self._path).unlink()
            except OSError:
                pass  # whoever owns the directory removed it, or took our right to
        self._path = ""


async def open_listener(settings: ListenerSettings, access: Access, setting: str = "listen") -> Listener:
    """Bind the sockets of a configured listener, which do not accept yet; raises MmxError with what to do.

    `setting` is what the endpoint comes from.
    """
    endpoint = settings.endpoint
    if isinstance(endpoint, UnixEndpoint):
        sock = bind_unix(endpoint.path, access, setting)
        return Listener(settings.name, str(endpoint), [sock], owned_path=endpoint.path)
    return Listener(settings.name, str(endpoint), await _bind_inet(endpoint))


def inherited_listeners(environment: MutableMapping[str, str] = os.environ) -> list[Listener]:
    """The sockets that systemd handed over; the variables are removed, so that no child process uses them."""
    told = {name: environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")}
    if told["LISTEN_PID"] != str(os.getpid()) or not told["LISTEN_FDS"].isdigit():
        return []
    names = told["LISTEN_FDNAMES"].split(":")
    listeners = []
    for number in range(int(told["LISTEN_FDS"])):
        name = names[number] if number < len(names) and names[number] else f"fd{FIRST_INHERITED + number}"
        listeners.append(_adopt(FIRST_INHERITED + number, name))
    return listeners


def _adopt(descriptor: int, name: str) -> Listener:
    try:
        sock = socket.socket(fileno=descriptor)
        listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise UnavailableError(f"descriptor {descriptor} ({name}) from systemd: {error.strerror}") from error
    if not listening or sock.type != socket.SOCK_STREAM:
        sock.close()
        raise UnavailableError(
            f"descriptor {descriptor} ({name}) from systemd does not listen on a stream: use ListenStream="
        )
    sock.setblocking(False)
    sock.set_inheritable(False)
    return Listener(name, f"systemd:{name}", [sock])


def bind_unix(path: str, access: Access, setting: str = "listen") -> socket.socket:
    """A unix socket bound to `path`, not listening yet, that only those of `access` may use.

    `setting` is the key that the path comes from.
    """
    _make_way(path, setting)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    umask = os.umask(0o177)
    try:
        sock.bind(path)
    except OSError as error:
        sock.close()
        raise _explain_bind(path, error, setting) from error
    finally:
        os.umask(umask)
    try:
        _permit(path, access)
    except MmxError:
        sock.close()
        Path(path).unlink(missing_ok=True)
        raise
    return sock


def _make_way(path: str, setting: str) -> None:
    """Remove a socket that a crash left behind; raise if there is anything else."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _explain_bind(path, error, setting) from error
    if not stat.S_ISSOCK(found.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no socket"
        raise UnavailableError(
            f"cannot listen on {path}: it is {kind}; remove it, or set {setting} to another path"
        )
    if _is_answered(path, setting):
        raise UnavailableError(
            f"cannot listen on {path}: another program listens there, perhaps another mmx; "
            f"stop it, or set {setting} to another path"
        )
    try:
        Path(path).unlink()
    except OSError as error:
        raise _explain_bind(path, error, setting) from error


def _is_answered(path: str, setting: str) -> bool:
    with socket.socket(
        socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    ) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        except BlockingIOError:
            return True  # its backlog is full
        except OSError as error:
            raise _explain_bind(path, error, setting) from error
    return True


def _permit(path: str, access: Access) -> None:
    try:
        if access.group is not None:
            os.chown(path, -1, grp.getgrnam(access.group).gr_gid, follow_symlinks=False)
        Path(path).chmod(access.mode)
    except KeyError:
        raise UnavailableError(
            f"cannot give {path} to the group {access.group}: there is no such group; set {access.setting}"
        ) from None
    except OSError as error:
        raise PermissionsError(
            f"cannot give {path} to the group {access.group} with mode {access.mode:04o}: {error.strerror}; "
            f"add the user mmx runs as (uid {os.geteuid()}) to that group, or set {access.setting}"
        ) from error


def _explain_bind(place: str, error: OSError, setting: str = "listen") -> MmxError:
    directory = os.path.dirname(place)  # noqa: PTH120 - the path as the administrator wrote it
    said = f"cannot listen on {place}: {error.strerror or error}"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        if not directory:
            return PermissionsError(f"{said}; a port below 1024 needs a privilege: choose one above")
        return PermissionsError(
            f"{said}; let the user mmx runs as (uid {os.geteuid()}) write to {directory}, or set "
            f"{setting} to another path"
        )
    if error.errno in {errno.ENOENT, errno.ENOTDIR} and setting.startswith("--"):
        return UnavailableError(f"{said}; create {directory}, or set {setting} to another path")
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return UnavailableError(f"{said}; create {directory}, owned by the user mmx runs as, for example: "
                                f"install -d -o mmx -g postfix -m 0750 {directory}")  # fmt: skip
    if error.errno == errno.EADDRINUSE:
        return UnavailableError(
            f"{said}: another program listens there; stop it, or set listen to another endpoint"
        )
    return UnavailableError(said)


async def _bind_inet(endpoint: InetEndpoint) -> list[socket.socket]:
    try:
        addresses = await resolve(endpoint)
    except socket.gaierror as error:
        raise UnavailableError(
            f"cannot listen on {endpoint}: {error.strerror}; check the host name"
        ) from error
    sockets: list[socket.socket] = []
    problem = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    for family, address in addresses:
        try:
            sockets.append(_bind_address(family, address))
        except OSError as error:
            problem = error
            # A name may have addresses that this machine has not: IPv6 switched off, for one.
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                break
    else:
        if sockets:
            return sockets
    for sock in sockets:
        sock.close()
    raise _explain_bind(str(endpoint), problem) from problem


def _bind_address(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _is_bound_to(sock: socket.socket, endpoint: Endpoint) -> bool:
    bound = sock.getsockname()
    if isinstance(endpoint, UnixEndpoint):
        return isinstance(bound, str) and same_place(UnixEndpoint(bound), endpoint)
    return isinstance(bound, tuple) and same_place(InetEndpoint(bound[0], bound[1]), endpoint)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
