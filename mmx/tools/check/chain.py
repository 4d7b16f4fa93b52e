"""The checks of the chain as a whole: who is in it, who is not and why, in which order.

The order is judged by mmx.settings.chain_checks, which knows what each milter does to mail. The command for a
bad order leaves it to the catalog, if that is a good one.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Final

from mmx.detect.facts import Failure
from mmx.settings.catalog import milter_of
from mmx.settings.chain_checks import faults
from mmx.settings.endpoint import UnknownEndpoint, same_place
from mmx.settings.load import Loaded
from mmx.settings.model import ChildSettings
from mmx.tools.check.amend import RELOAD, added, is_of_files, left_out, replaced
from mmx.tools.check.changes import changes
from mmx.tools.check.children_look import unit_names
from mmx.tools.check.finding import Finding, Kind, Level, good, shell
from mmx.tools.check.host import Check, HostView

AREA = "chain"
EMPTY = Kind("chain.empty", Level.WARNING, "all mail passes unfiltered")
ORDER = Kind("chain.order", Level.WARNING, "signatures break, or are judged on changed mail")
SHARED = Kind("chain.shared", Level.WARNING, "one milter sees each message twice, and the other none")
JOINS = Kind("chain.joins", Level.NOTE, "the chain changes only at a start or a reload")
LEAVES = Kind("chain.leaves", Level.NOTE, JOINS.why)
MOVES = Kind("chain.moves", Level.WARNING, "until then mmx looks for it where it was")
SKIPPED = Kind("chain.skipped", Level.NOTE, "installed, and mail passes without it")
ABSENT = Kind("chain.absent", Level.WARNING, "the settings name it, and mail passes without it")
LIMITED = Kind("chain.limited", Level.NOTE, "milters may be missing, or counted that do not run")
_LAST_RANK: Final = 1000


def members(view: HostView) -> Iterator[Finding]:
    """Who is in the chain and who is not."""
    if isinstance(view.loaded, Failure):
        return
    settings, detection = view.loaded.settings, view.loaded.detection
    if settings.chain:
        yield good(AREA, "chain", ", ".join(child.name for child in settings.chain))
    else:
        yield EMPTY.at("chain", "no child is in the chain")
    for note in detection.notes:
        yield LIMITED.at("detection", note)
    skipped = {one.name: one.reason for one in detection.skipped}
    there = {child.name for child in (*settings.chain, *settings.observed)}
    for name, reason in skipped.items():
        if name not in there:
            yield SKIPPED.at(name, reason, *_enabled(name, reason))
    for child in settings.children:
        if child.enabled and child.endpoint is None and child.name not in skipped:
            yield ABSENT.at(child.name, "it has no endpoint, and is not installed here")


def _enabled(name: str, reason: str) -> tuple[str, ...]:
    unit = next((one for one in unit_names(name) if reason.startswith(f"{one} is ")), "")
    if not unit or not reason.endswith((" is disabled", " is masked")):
        return ()
    unmask = (shell("systemctl", "unmask", unit),) if reason.endswith("masked") else ()
    return (*unmask, shell("systemctl", "enable", "--now", unit), RELOAD)


def order(view: HostView) -> Iterator[Finding]:
    """Whether the children stand in an order that suits what they do."""
    if isinstance(view.loaded, Failure):
        return
    found = list(faults(view.loaded.settings))
    if not found:
        yield good(AREA, "order", "nobody signs or verifies mail that another changes")
    for fault in found:
        commands = left_out(view.config, fault.later) if fault.at_any else _mended_order(view.loaded, view)
        yield ORDER.at("order", f"{fault.message}; {fault.remedy}", *commands)


def _mended_order(loaded: Loaded, view: HostView) -> tuple[str, ...]:
    """The commands that leave the order to the catalog, if that is a good one."""
    settings = loaded.settings
    children = tuple(sorted(settings.children, key=lambda child: _rank(child.name)))
    usual = replace(settings, children=children, order=())
    if not all(fault.at_any for fault in faults(usual)):
        return ()
    return added(view.config, "order", "order: []")


def _rank(name: str) -> int:
    milter = milter_of(name)
    return _LAST_RANK if milter is None else milter.rank


def shared(view: HostView) -> Iterator[Finding]:
    """Children that are told to listen at one place: only one of them can."""
    if isinstance(view.loaded, Failure):
        return
    settings = view.loaded.settings
    there = (*settings.chain, *settings.observed)
    pairs = [(one, other) for one, other in combinations(there, 2) if _are_together(one, other)]
    for one, other in pairs:
        origin = view.loaded.origins.get(f"children.{other.name}.endpoint", "")
        seen = f"{one.name} has {one.endpoint} too ({origin})"
        yield SHARED.at(other.name, seen, *_parted(other.name, origin, view))
    if not pairs:
        yield good(AREA, "endpoints", "each child has its own")


def _are_together(one: ChildSettings, other: ChildSettings) -> bool:
    return (
        one.endpoint is not None and other.endpoint is not None and same_place(one.endpoint, other.endpoint)
    )


def _parted(name: str, origin: str, view: HostView) -> tuple[str, ...]:
    """The commands that give a child its own socket, if the host knows it, or take it out."""
    if isinstance(view.loaded, Failure) or not is_of_files(origin, view.loaded):
        return ()
    found = next((one for one in view.loaded.detection.found if one.name == name), None)
    if found is not None and not isinstance(found.endpoint, UnknownEndpoint):
        return replaced(origin, "endpoint", str(found.endpoint))
    return left_out(view.config, name)


def to_come(view: HostView) -> Iterator[Finding]:
    """What the next reload changes about the milters of the host."""
    if isinstance(view.loaded, Failure) or isinstance(view.mmx.in_force, Failure):
        return
    due = changes(view.mmx.in_force, view.loaded)
    closed = {child.name for child in view.child_views if child.closed}
    if due == replace(due, joins=(), leaves=(), moves=()):
        yield good(AREA, "reload", "would change nothing about the milters of this host")
    for name in due.joins:
        yield JOINS.at(name, "found: it joins the chain at the next reload", RELOAD)
    for name in due.leaves:
        yield LEAVES.at(name, "not enabled any more: it leaves the chain at the next reload", RELOAD)
    for name in due.moves:
        if name not in closed:
            yield MOVES.at(name, "it listens elsewhere now: mmx follows at the next reload", RELOAD)


CHECKS = (
    Check((EMPTY, LIMITED, SKIPPED, ABSENT), members),
    Check((ORDER,), order),
    Check((SHARED,), shared),
    Check((JOINS, LEAVES, MOVES), to_come),
)
