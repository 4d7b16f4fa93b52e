"""The checks of mmx's settings: valid, readable for mmx, in force; and what the loader warns of.

Warnings that a check of its own tells better, with a command that mends them, are left to it: they are known
by the key that they are about.
"""

import re
from collections.abc import Iterator
from typing import Final

from mmx.detect.facts import Failure
from mmx.errors import Problem
from mmx.tools.check.amend import RELOAD
from mmx.tools.check.changes import changes
from mmx.tools.check.finding import Finding, Kind, Level, good, unseen
from mmx.tools.check.host import Check, HostView, WrongSettings
from mmx.tools.check.ways_in import ways_in

AREA = "settings"
UNSEEN = unseen("settings.unseen")
INVALID = Kind("settings.invalid", Level.ERROR, "mmx does not start or reload with them")
CLOSED = Kind("settings.closed", Level.ERROR, "mmx does not start or reload, since it cannot read them")
RELOAD_FAILED = Kind("settings.reload-failed", Level.ERROR, "the settings of before are in force")
CHANGED = Kind("settings.changed", Level.WARNING, "what the files say is in force only after a reload")
WARNED = Kind("settings.warning", Level.WARNING, "valid, and perhaps not meant so")
_ELSEWHERE: Final = re.compile(
    r"listen|socket_mode|metrics\.listen|detect|order|children(\.[^.]+(\.endpoint)?)?"
)
"""Keys whose warnings other checks tell: listeners, chain and children."""
_MOST: Final = 8
"""Keys that are named."""


def files(view: HostView) -> Iterator[Finding]:
    """Whether they are valid, and whether mmx may read them."""
    if isinstance(view.loaded, WrongSettings):
        for problem in view.loaded.problems:
            yield INVALID.at(_place(problem), _what(problem))
    elif isinstance(view.loaded, Failure):
        yield UNSEEN.at(str(view.config), view.loaded.reason)
    else:
        yield good(AREA, str(view.config), f"valid, children in the chain: {len(view.loaded.settings.chain)}")
        for warning in view.loaded.warnings:
            if not is_told_elsewhere(warning):
                yield WARNED.at(_place(warning), _what(warning))
    account = view.mmx.account
    if account is not None and view.speaks_for_mmx:
        for path, found in view.mmx.closed:
            commands = ways_in("mmx", None, found, account, view.mmx.listed)
            yield CLOSED.at(path, f"user {account.name}: {' and '.join(map(str, found))}", *commands)


def is_told_elsewhere(warning: Problem) -> bool:
    """Whether another check has a finding for what this warns of."""
    return bool(warning.key) and _ELSEWHERE.fullmatch(warning.key) is not None


def _place(problem: Problem) -> str:
    return problem.file if problem.line is None else f"{problem.file}:{problem.line}"


def _what(problem: Problem) -> str:
    what = f"{problem.message}; {problem.remedy}" if problem.remedy else problem.message
    return ": ".join(filter(None, (problem.key, problem.value, what)))


def in_force(view: HostView) -> Iterator[Finding]:
    """Whether the mmx that runs has them."""
    if not isinstance(view.daemon, Failure) and not view.daemon.settings_good:
        texts = [one.text for one in view.daemon.history.reloads if not one.succeeded]
        seen = ": ".join(["the last reload failed", *texts[:1]]).replace("\n", "; ")
        yield RELOAD_FAILED.at(str(view.config), seen, RELOAD)
        return
    if isinstance(view.loaded, Failure) or isinstance(view.mmx.in_force, Failure):
        return
    keys = changes(view.mmx.in_force, view.loaded).keys
    if keys:
        more = f" and {len(keys) - _MOST} more" if len(keys) > _MOST else ""
        yield CHANGED.at(str(view.config), f"changed: {', '.join(keys[:_MOST])}{more}", RELOAD)
    else:
        yield good(AREA, str(view.config), "in force")


CHECKS = (
    Check((UNSEEN, INVALID, WARNED, CLOSED), files),
    Check((RELOAD_FAILED, CHANGED), in_force),
)
