"""`mmx install` where a package has installed mmx: the units are the package's, and only what depends on the
host is left to do: the user mmx becomes a member of the group of each milter that is there.

The maintainer scripts of the Debian package call it: at each installation, and when a milter is installed
later. Nothing is written but /etc/group, so that the package can be purged without a rest.

Files of an earlier `mmx install` in /etc would hide those of the package. They are told, not removed:
somebody may want them.
"""

import shlex
from collections.abc import Sequence
from typing import Final

from mmx.errors import UnavailableError
from mmx.tools.install.host import (
    QUEUE,
    SERVICE,
    SOCKET,
    SYSUSERS,
    TMPFILES,
    UNITS,
    USER,
    Facts,
    membership_steps,
    root_option,
)
from mmx.tools.install.steps import Command, Step, Target

PROGRAM: Final = "/usr/bin/mmx"
UNIT: Final = "lib/systemd/system/mmx.service"
_PLACES: Final = (f"/usr/{UNIT}", f"/{UNIT}")
_FORMER_PROGRAM: Final = "/usr/local/bin/mmx"
_HIDING: Final = (SERVICE, SOCKET, SYSUSERS, TMPFILES, _FORMER_PROGRAM)


def is_packaged(target: Target) -> bool:
    """Whether the units of a package are there."""
    return any(target.place(path).is_file() for path in _PLACES)


def refuse_another(command: str) -> None:
    """Raise UnavailableError if it is not the program of the package that runs."""
    if command != PROGRAM:
        raise UnavailableError(
            f"a package has installed mmx, and units for {command} in /etc would hide the package's: "
            f"use {PROGRAM}, or remove the package first: apt-get remove mmx"
        )


def join_steps(facts: Facts, target: Target) -> list[Step]:
    """Make the user, if the package has not yet, a member of the groups."""
    root = root_option(target)
    user: list[Step] = []
    if USER not in facts.users:
        user = [Command(("systemd-sysusers", *root, "mmx.conf"))]
    return [*user, *membership_steps(facts, root)]


def hiding(target: Target) -> tuple[str, ...]:
    """Files of an earlier installation that are used in place of the package's, if there is one."""
    if not is_packaged(target):
        return ()
    return tuple(str(target.place(path)) for path in _HIDING if _is_in_the_way(target, path))


def uncover(paths: Sequence[str]) -> tuple[str, ...]:
    """The commands that put the package's files in force."""
    return (
        shlex.join(("rm", *paths)),
        "systemctl daemon-reload",
        shlex.join(("systemctl", "reenable", *UNITS)),
        "systemctl restart mmx",
    )


def notes(facts: Facts, target: Target) -> list[str]:
    """What an administrator should know: files that hide the package's, another queue directory."""
    found = []
    paths = hiding(target)
    if paths:
        found.append(
            f"{', '.join(paths)}: of an earlier installation, used in place of the package's; remove them: "
            + " && ".join(uncover(paths))
        )
    if facts.queue != QUEUE:
        found.append(
            f"Postfix's queue_directory is {facts.queue}, and the package's socket is {QUEUE}/mmx/mmx.sock: "
            "change ListenStream= by `systemctl edit mmx.socket`"
        )
    return found


def _is_in_the_way(target: Target, path: str) -> bool:
    """A file, or the link that `ln -s` made; not a unit that is masked, which is a link to /dev/null."""
    place = target.place(path)
    return place.exists() and not place.is_char_device()
