"""Whether Postfix can reach mmx: a connection made as the user that smtpd runs as.

Root really connects, in a process that has given up everything but that user's identity: the kernel judges,
access control lists and security modules included. Anybody else can only look at the modes on the way.
"""

import errno
import os
import pwd
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mmx.aio.access import Account, Obstacle, account_of, group_name, obstacles
from mmx.settings.endpoint import Endpoint, UnixEndpoint

TIME_LIMIT: Final = 5
"""Seconds that a connection may take."""
_NOT_TRIED: Final = 255


@dataclass(frozen=True, slots=True)
class Reached:
    """How it went. `error` is an errno, 0 if mmx was reached, None if nobody could try; `obstacles` are
    directories and the socket if they do not let the user in; `group` is the user's own.
    """

    error: int | None
    user: str = "postfix"
    obstacles: tuple[Obstacle, ...] = ()
    group: str = "postfix"


def try_to_reach(listeners: Sequence[Endpoint], user: str, *, is_root: bool) -> dict[str, Reached]:
    """Try each; nothing if there is no such user."""
    account = account_of(user)
    if account is None:
        return {}
    return {str(place): _reach(place, account, is_root=is_root) for place in listeners}


def _reach(place: Endpoint, account: Account, *, is_root: bool) -> Reached:
    found = tuple(obstacles(place.path, account)) if isinstance(place, UnixEndpoint) else ()
    group = group_name(pwd.getpwnam(account.name).pw_gid)
    return Reached(connect_as(place, account) if is_root else None, account.name, found, group)


def connect_as(place: Endpoint, account: Account) -> int | None:
    """Connect as this user, and hang up; the errno, 0 if it went well, None if it could not be tried."""
    process = os.fork()
    if process == 0:
        status = _NOT_TRIED
        try:
            status = _connect(place, account)
        finally:
            # Whatever happens, Ctrl-C too: nothing of the parent's is for this process to do.
            os._exit(status)
    _, ended = os.waitpid(process, 0)
    if os.WIFSIGNALED(ended):
        return errno.ETIMEDOUT
    status = os.WEXITSTATUS(ended)
    return None if status == _NOT_TRIED else status


def _connect(place: Endpoint, account: Account) -> int:
    """In the child process; the alarm ends what has no limit of its own, such as the look-up of a name."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(TIME_LIMIT + 1)
    try:
        become(account)
    except OSError:
        return _NOT_TRIED
    try:
        if isinstance(place, UnixEndpoint):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIME_LIMIT)
                connection.connect(place.path)
        else:
            socket.create_connection((place.host, place.port), TIME_LIMIT).close()
    except TimeoutError:
        return errno.ETIMEDOUT
    except OSError as error:
        return error.errno if error.errno and 0 < error.errno < _NOT_TRIED else errno.EIO
    return 0


def become(account: Account) -> None:
    """The groups first: afterwards there is no right to."""
    os.setgroups(sorted(account.groups))
    os.setgid(pwd.getpwnam(account.name).pw_gid)
    os.setuid(account.uid)
