"""The checks of Postfix as a whole: is it there, of which version, does it run, does it find mmx."""

import errno
import os
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from mmx.aio.access import Obstacle, unexplained
from mmx.aio.access import account_of as account
from mmx.detect.facts import Failure
from mmx.tools.check.finding import Finding, Kind, Level, good, shell, unseen
from mmx.tools.check.host import Check, HostView
from mmx.tools.check.postfix_reach import Reached

UNSEEN: Final = unseen("postfix.unseen")
OLD: Final = Kind(
    "postfix.version", Level.WARNING, "before 2.6 Postfix does not speak version 6 of the protocol"
)
STOPPED: Final = Kind("postfix.not-running", Level.ERROR, "no mail comes in or goes out")
UNUSED: Final = Kind(
    "postfix.unused-parameter",
    Level.NOTE,
    "Postfix knows no parameter of that name: perhaps another one was meant, which then has no effect",
)
REMARK: Final = Kind("postfix.remark", Level.NOTE, "postconf warns of it")
INSTANCES: Final = Kind(
    "postfix.instances",
    Level.NOTE,
    "only the primary instance was looked at; each has a configuration of its own",
)
UNREACHED: Final = Kind("postfix.unreached", Level.ERROR, "Postfix does what milter_default_action says")

_OLDEST: Final = (2, 6)
_UNUSED: Final = re.compile(r"(?P<file>\S+): unused parameter: (?P<name>\w+)=")
_MILTER: Final = "milter"
_START: Final = ("systemctl start mmx.socket mmx.service",)
_RESTART: Final = ("systemctl restart mmx.socket mmx.service",)
"""The socket first: systemd holds it, and makes it anew."""
_OUTCOMES: Final = {
    errno.ENOENT: ("there is no such socket: mmx does not run", _START),
    errno.ENOTDIR: ("there is no such socket: mmx does not run", _START),
    errno.ECONNREFUSED: ("nobody listens: mmx does not run", _RESTART),
    errno.EAGAIN: ("so many connections wait there that it takes no more", _RESTART),
    errno.ETIMEDOUT: ("no connection within 5 s", _RESTART),
}


def presence(view: HostView) -> Iterator[Finding]:
    """Whether there is a Postfix to look at, and its version."""
    if isinstance(view.postfix, Failure):
        yield UNSEEN.at("Postfix", view.postfix.reason)
        return
    version = view.postfix.value("mail_version")
    numbers = tuple(int(number) for number in re.findall(r"[0-9]+", version)[:2])
    if numbers < _OLDEST:
        yield OLD.at("Postfix", f"version {version}")
    else:
        yield good("postfix", "Postfix", f"version {version}")
    if view.postfix.unread:
        yield UNSEEN.at("master.cf", f"its overrides are not told: {view.postfix.unread}")


def running(view: HostView) -> Iterator[Finding]:
    """Whether it runs."""
    if isinstance(view.postfix, Failure):
        return
    if isinstance(view.postfix.running, Failure):
        yield UNSEEN.at("Postfix", f"whether it runs: {view.postfix.running.reason}")
    elif view.postfix.running:
        yield good("postfix", "Postfix", "runs")
    else:
        # Debian's postfix.service only stands for its instances, and counts as active without them.
        start = "systemctl restart postfix" if view.systemd else "postfix start"
        where = view.postfix.directory
        yield STOPPED.at(
            "Postfix", "does not run", shell("postfix", "-c", where, "start") if where else start
        )


def remarks(view: HostView) -> Iterator[Finding]:
    """What postconf complains of; misspelt parameters above all."""
    if isinstance(view.postfix, Failure):
        return
    if not view.postfix.remarks:
        yield good("postfix", "postconf", "has nothing to complain of")
    for text in view.postfix.remarks:
        match = _UNUSED.match(text)
        if match is None:
            yield REMARK.at("postconf", text)
            continue
        subject = f"{os.path.basename(match['file'])}: {match['name']}"  # noqa: PTH119 - never opened
        level = Level.WARNING if _MILTER in match["name"] else Level.NOTE
        in_master = match["file"].endswith("master.cf")
        commands = view.postfix.unset(match["name"], everywhere=in_master)
        yield UNUSED.at(subject, "no parameter of Postfix", *commands, level=level)
    others = view.postfix.value("multi_instance_directories").replace(",", " ").split()
    if others and not view.postfix.directory:
        commands = tuple(shell("mmx", "check", "--postfix", directory) for directory in others)
        yield INSTANCES.at("main.cf: multi_instance_directories", ", ".join(others), *commands)


def reach(view: HostView) -> Iterator[Finding]:
    """Whether the user of Postfix gets through to mmx."""
    if isinstance(view.postfix, Failure):
        return
    for place, reached in view.postfix.reached.items():
        yield _outcome(place, reached, view)
    if not view.postfix.reached:
        owner = view.postfix.value("mail_owner")
        yield UNSEEN.at("mmx", f"whether Postfix reaches it: there is no user {owner}")


def _outcome(place: str, reached: Reached, view: HostView) -> Finding:
    if reached.error == 0:
        return good("postfix", place, f"user {reached.user} gets through")
    if reached.obstacles and reached.error in (None, errno.EACCES):
        told = " and ".join(map(str, reached.obstacles))
        commands = tuple(_opened(obstacle, reached.group, place) for obstacle in reached.obstacles)
        return UNREACHED.at(place, f"{told} does not let user {reached.user} in", *commands)
    if reached.error is None:
        how = "the rights to become that user are missing" if view.is_root else "only root can try; use sudo"
        return UNSEEN.at(place, f"whether user {reached.user} gets through: {how}")
    if reached.error == errno.EACCES:
        who = account(reached.user)
        why = unexplained(who) if who else os.strerror(reached.error)
        return UNREACHED.at(place, why)
    why, commands = _OUTCOMES.get(reached.error, (os.strerror(reached.error), _RESTART))
    seen = f"user {reached.user} does not get through: {why}"
    return UNREACHED.at(place, seen, *(commands if view.systemd else ()))


def _opened(obstacle: Obstacle, group: str, place: str) -> str:
    """The command that lets that group through to the socket and its directory, as `mmx install` makes them;
    the directories above are for everybody.
    """
    path, quoted = PurePosixPath(place.removeprefix("unix:")), shell(obstacle.path)
    if obstacle.path == str(path):
        return f"chgrp {group} {quoted} && chmod g+rw {quoted}"
    if obstacle.path == str(path.parent):
        return f"chgrp {group} {quoted} && chmod g+x {quoted}"
    return f"chmod a+x {quoted}"


CHECKS: Final = (
    Check((OLD, UNSEEN), presence),
    Check((STOPPED,), running),
    Check((UNUSED, REMARK, INSTANCES), remarks),
    Check((UNREACHED,), reach),
)
