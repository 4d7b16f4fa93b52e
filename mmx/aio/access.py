"""Whether a user may use a unix socket, and what to do if not.

Theory: connect(2) needs search permission on every directory of the path and write permission on the socket.
A user who owns a thing has its owner's bits, a member of its group the group's, everybody else the others':
the first that fits counts, not the best. So the cure differs: to become a member of the group, where its
bits suffice; otherwise to have the daemon behind the socket make it usable for its group, because a mode that
is set by hand is gone at its next start. A process keeps the groups that it was started with.

The check is made for the user who runs, or by root for another one: a configuration is mostly checked by
root, and mmx runs as somebody else.
"""

import grp
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from mmx.aio.socket_modes import socket_mode
from mmx.settings.endpoint import UnixEndpoint
from mmx.settings.model import ChildSettings

SERVICE_USER: Final = "mmx"
_ROOT: Final = 0
_ACL: Final = "system.posix_acl_access"


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the kernel judges it; `groups` are those of its process, or those it would start with."""

    name: str
    uid: int
    groups: frozenset[int]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A directory, socket or file on the way that does not let a user through.

    `wanted` are the permission bits that are missing, as for others: 1 to pass a directory, 2 for a socket,
    4 to read a file.
    """

    path: str
    mode: int
    uid: int
    gid: int
    wanted: int

    def __str__(self) -> str:
        return f"{self.path} ({self.mode:04o} {_user_name(self.uid)}:{group_name(self.gid)})"


def own_account() -> Account:
    """The user whom this process runs as."""
    return Account(_user_name(os.geteuid()), os.geteuid(), frozenset((*os.getgroups(), os.getegid())))


def account_of(name: str) -> Account | None:
    """A user as it would be if it was logged in now; None if there is no such user."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, frozenset(os.getgrouplist(name, entry.pw_gid)))


def service_account() -> Account | None:
    """Whom the sockets must let in: the user who runs; for root the user of the service, None if unknown."""
    return account_of(SERVICE_USER) if os.geteuid() == _ROOT else own_account()


def complaints(children: Iterable[ChildSettings], account: Account) -> list[str]:
    """What `advice` says of each child on a unix socket, behind its name."""
    told = [
        (child.name, advice(child.name, child.endpoint.path, account))
        for child in children
        if isinstance(child.endpoint, UnixEndpoint)
    ]
    return [f"children.{name}: {text}" for name, text in told if text]


def obstacles(path: str, account: Account, purpose: int = stat.S_IWOTH) -> list[Obstacle]:
    """What is in the account's way to a socket, as far as can be seen; nothing if it is not there.

    `purpose` is the permission that is needed at the end of the way: S_IROTH to read a file.
    """
    return list(_obstacles(PurePosixPath(path), account, purpose))


def _obstacles(place: PurePosixPath, account: Account, purpose: int) -> Iterator[Obstacle]:
    if account.uid == _ROOT:
        return
    for step in (*reversed(place.parents), place):
        try:
            found = os.stat(step)  # noqa: PTH116 - a path that is never opened
        except OSError:
            return
        wanted = stat.S_IXOTH if stat.S_ISDIR(found.st_mode) else purpose
        if not _may(str(step), found, wanted, account):
            yield Obstacle(str(step), found.st_mode & 0o7777, found.st_uid, found.st_gid, wanted)


def _may(step: str, found: os.stat_result, wanted: int, account: Account) -> bool:
    if account == own_account():
        # The kernel knows of access control lists and of everything else.
        return os.access(step, wanted, effective_ids=True)
    if found.st_uid == account.uid:
        return bool(found.st_mode & wanted << 6)
    if found.st_gid in account.groups:
        return bool(found.st_mode & wanted << 3)
    return bool(found.st_mode & wanted) or _has_list(step)


def _has_list(step: str) -> bool:
    """Whether an access control list may say otherwise than the mode."""
    try:
        return bool(os.getxattr(step, _ACL))
    except OSError:
        return False


def advice(child: str, path: str, account: Account) -> str:
    """Who does not let the account in, and the commands that mend it; "" if nothing is seen in its way."""
    found = obstacles(path, account)
    if not found:
        return ""
    places = " and ".join(str(obstacle) for obstacle in found)
    deny = "does" if len(found) == 1 else "do"
    cure = "; then ".join(_remedies(child, found, account))
    return f"{places} {deny} not let user {account.name} in; {cure}"


def unexplained(account: Account) -> str:
    """What to say when the kernel refused and the permissions do not show why."""
    return (
        f"the permissions let user {account.name} in, so a security module refused it: look for `denied` in "
        "the output of ausearch -m avc -ts recent (SELinux) or journalctl -k (AppArmor)"
    )


def _remedies(child: str, found: Iterable[Obstacle], account: Account) -> list[str]:
    daemon, join, known = [], [], True
    for obstacle in found:
        if not obstacle.mode & obstacle.wanted << 3 or obstacle.gid == _ROOT:
            daemon.append(_open_to_group(child, obstacle))
        group = group_name(obstacle.gid)
        if obstacle.gid != _ROOT and obstacle.gid not in account.groups and group not in join:
            join.append(group)
            known = known and is_member(account.name, group)
    remedies = list(dict.fromkeys(daemon))
    if daemon:
        remedies.append(f"systemctl restart {child}")
    if join and not known:
        remedies.append(f"usermod -aG {','.join(join)} {account.name} && systemctl restart mmx")
    elif join:
        remedies.append(f"systemctl restart mmx: it was started before its user became a member of {join[0]}")
    return remedies


def _open_to_group(child: str, obstacle: Obstacle) -> str:
    if obstacle.gid == _ROOT and obstacle.wanted == stat.S_IXOTH:
        return f"have {child} listen in a directory of its own"
    if obstacle.wanted == stat.S_IXOTH:
        if obstacle.path.startswith(("/run/", "/var/run/")):
            return f"let its unit make it for the group: RuntimeDirectoryMode=0750 (systemctl edit {child})"
        return f"run: chmod g+x {obstacle.path}"
    if obstacle.gid == _ROOT:
        return f"have {child} give its socket to a group of its own, with mode 0660"
    return socket_mode(child, obstacle.path).told


def is_member(user: str, group: str) -> bool:
    """Whether the group database says so: the user's processes may be older."""
    account = account_of(user)
    try:
        return account is not None and grp.getgrnam(group).gr_gid in account.groups
    except KeyError:
        return False


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    """The name of a group, or the number."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
