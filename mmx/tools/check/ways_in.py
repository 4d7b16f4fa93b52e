"""The commands that let the user of mmx in, where `mmx.aio.access` has found obstacles.

The rule is that of access.py, in commands: a member of the group where the group's bits suffice; otherwise
the daemon is told to open its socket to its group, since a mode set by hand is gone at its next start. A
directory that a unit makes (RuntimeDirectory=) gets its mode from the unit. Where nothing but a decision
mends it, such as a socket below /root, there are no commands.
"""

import stat
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from mmx.aio.access import Account, Obstacle, group_name
from mmx.aio.socket_modes import socket_mode
from mmx.tools.check.finding import shell
from mmx.tools.check.units import UnitView

RESTART: Final = "systemctl restart mmx"
_ROOT: Final = 0
_WIDE: Final = frozenset({"adm", "sys", "staff", "shadow", "users", "nogroup"})
"""Groups that are no milter's: mmx is not to become a member."""


def ways_in(
    child: str, unit: UnitView | None, found: Sequence[Obstacle], account: Account, listed: frozenset[int]
) -> tuple[str, ...]:
    """Commands after which the account is let through all of them; none if there are none for one.

    `account` has the groups of the process, `listed` are those that it would have if it was started now.
    """
    opened = [_opened(child, unit, obstacle) for obstacle in found]
    if not all(is_possible for is_possible, _ in opened):
        return ()
    commands = list(dict.fromkeys(line for _, lines in opened for line in lines))
    groups = _groups(found, account)
    missing = sorted({group_name(gid) for gid in groups - listed})
    if missing:
        commands.append(shell("usermod", "-aG", ",".join(missing), account.name))
    is_older = bool(groups) or any(obstacle.wanted == stat.S_IROTH for obstacle in found)
    return (*commands, *((RESTART,) if is_older else ()))


def _groups(found: Sequence[Obstacle], account: Account) -> frozenset[int]:
    gids = {obstacle.gid for obstacle in found if not _is_given_away(obstacle)}
    return frozenset(gid for gid in gids if gid != _ROOT and gid not in account.groups)


def _opened(child: str, unit: UnitView | None, obstacle: Obstacle) -> tuple[bool, tuple[str, ...]]:
    """Whether it can be opened to its group, and the commands for that."""
    if obstacle.mode & obstacle.wanted << 3 and obstacle.gid != _ROOT and not _is_given_away(obstacle):
        return True, ()
    if obstacle.wanted == stat.S_IROTH:
        chgrp = [shell("chgrp", "mmx", obstacle.path)] if _is_given_away(obstacle) else []
        return True, (*chgrp, shell("chmod", "g+r", obstacle.path))
    if obstacle.gid == _ROOT:
        return False, ()
    name = unit.name if unit is not None else child
    if obstacle.wanted == stat.S_IXOTH:
        if unit is not None and _is_made_by(unit, obstacle.path):
            return True, tuple(drop_in(name, "Service", "RuntimeDirectoryMode=0750"))
        return True, (shell("chmod", "g+x", obstacle.path),)
    lines = [*socket_mode(child, obstacle.path).commands]
    return bool(lines), (*lines, shell("systemctl", "restart", name))


def _is_given_away(obstacle: Obstacle) -> bool:
    """Whether a file is to change its group: that of mmx instead of one that mmx has no business in."""
    is_file = obstacle.wanted == stat.S_IROTH
    return is_file and (obstacle.gid == _ROOT or group_name(obstacle.gid) in _WIDE)


def _is_made_by(unit: UnitView, path: str) -> bool:
    made = unit.more.get("RuntimeDirectory", "").split()
    return any(PurePosixPath(path) == PurePosixPath("/run", name) for name in made)


def drop_in(unit: str, section: str, line: str) -> Iterator[str]:
    """Commands that lay a setting over a unit and restart it."""
    directory = f"/etc/systemd/system/{unit}.d"
    yield shell("mkdir", "-p", directory)
    yield f"printf '[{section}]\\n{line}\\n' > {directory}/mmx-check.conf"
    yield "systemctl daemon-reload"
    yield shell("systemctl", "restart", unit)
