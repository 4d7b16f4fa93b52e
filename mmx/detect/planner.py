"""From facts to the children that belong in the chain. Pure.

1. Enabled is in, whether it runs or not: a scanner that crashed must not drop out of the chain in silence, so
   it counts as down and its default action applies. A socket unit that is enabled enables its service.
2. Disabled or masked is out, even while it runs. Of a unit whose state is not its own to have (generated from
   an init script, static, an alias, linked) something must want it: systemd calls a generated one "generated"
   before and after `systemctl disable`.
3. What cannot be told never takes a child away. A milter whose socket cannot be read keeps the one it had;
   had it none, it is in the chain with an unknown endpoint. When systemd itself does not answer, every child
   that was there stays as it was.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Final

from mmx.detect.facts import Facts, Failure, Unit
from mmx.detect.sources import Heard, NoMilter, Outcome, is_switched_off, listens_for, where_it_listens
from mmx.settings.catalog import CATALOG, Milter
from mmx.settings.detected import Detection, Found, Skipped
from mmx.settings.endpoint import ChildEndpoint, UnknownEndpoint, same_place, unknown_endpoint

ENABLED: Final = frozenset({"enabled", "enabled-runtime"})
MASKED: Final = frozenset({"masked", "masked-runtime"})
# A state that says itself what `systemctl enable` would change.
_TOLD: Final = ENABLED | MASKED | {"disabled"}
# systemd could not tell.
_UNTOLD: Final = frozenset({"", "bad"})
_NOT_RUNNING: Final = frozenset({"inactive", "failed", "deactivating", "maintenance"})


def plan(facts: Facts, known: Mapping[str, ChildEndpoint]) -> Detection:
    """What belongs in the chain, and what does not; `known` are the children found before."""
    if isinstance(facts.units, Failure):
        reason = facts.units.reason
        kept = tuple(Found(name, place, "found before") for name, place in known.items())
        note = f"those found before are kept: {reason}" if kept else reason
        return Detection(found=kept, notes=(note,), in_postfix=facts.in_postfix)
    found: list[Found] = []
    skipped: list[Skipped] = []
    for milter in CATALOG:
        for child, unit in _units_of(milter, facts.units):
            sockets = [facts.units[name] for name in unit.triggered_by if name in facts.units]
            enabled = tuple(socket for socket in sockets if not why_out(socket))
            verdict = _judge(child, milter, unit, facts, sockets=enabled, before=known.get(child))
            if isinstance(verdict, Skipped):
                skipped.append(verdict)
            elif all(other.name != child for other in found):
                found.append(verdict)
    names = {milter.name for milter in found}
    left = tuple(one for one in skipped if one.name not in names)
    return Detection(tuple(_with_neighbours(found)), left, facts.limits, facts.in_postfix)


def _units_of(milter: Milter, units: Mapping[str, Unit]) -> Iterator[tuple[str, Unit]]:
    """The units there are of a milter, instances of a template included, and the child that each is."""
    for stem in milter.units:
        for name in sorted(units):
            if name == f"{stem}.service":
                child = milter.name
            elif name.startswith(f"{stem}@") and name.endswith(".service") and not name.endswith("@.service"):
                child = f"{milter.name}@{name.removeprefix(f'{stem}@').removesuffix('.service')}"
            else:
                continue
            unit = units[name]
            if unit.load_state != "not-found" or unit.active_state == "active":
                yield child, unit


def _judge(
    child: str,
    milter: Milter,
    unit: Unit,
    facts: Facts,
    *,
    sockets: tuple[Unit, ...],
    before: ChildEndpoint | None,
) -> Found | Skipped:
    reason = why_out(unit, has_socket=bool(sockets))
    if reason and before is not None and unit.load_state != "not-found" and unit.file_state in _UNTOLD:
        return Found(child, before, "found before", f"kept, because {reason}")
    if not reason and unit.from_init_script:
        reason = is_switched_off(milter, facts.files)
    if reason:
        return Skipped(child, reason)
    outcome = _outcome(milter, unit, sockets, facts)
    if isinstance(outcome, NoMilter):
        return Skipped(child, f"{unit.name}: {outcome.reason}")
    notes = [] if sockets else [_running(unit)]
    if isinstance(outcome, Heard):
        return Found(child, outcome.endpoint, outcome.origin, "; ".join(filter(None, notes)))
    if before is not None and not isinstance(before, UnknownEndpoint):
        notes.insert(0, f"its last known socket is kept: {outcome.reason}")
        return Found(child, before, "found before", "; ".join(filter(None, notes)))
    return Found(child, unknown_endpoint(outcome.reason), unit.name, "; ".join(filter(None, notes)))


def _outcome(milter: Milter, unit: Unit, sockets: tuple[Unit, ...], facts: Facts) -> Outcome:
    if unit.load_state not in {"loaded", "masked"}:
        return Failure(f"{unit.name} cannot be loaded ({unit.load_state})")
    for socket in sockets:
        outcome = listens_for(socket)
        if outcome is not None:
            return outcome
    return where_it_listens(milter, unit, facts)


def why_out(unit: Unit, *, has_socket: bool = False) -> str:
    """Why a unit is not enabled; "" if it is. `has_socket`: an enabled socket unit starts it."""
    if unit.load_state == "not-found":
        return f"{unit.name} is not installed any more, though it runs"
    if unit.load_state == "masked" or unit.file_state in MASKED:
        return f"{unit.name} is masked"
    if unit.file_state in ENABLED or has_socket:
        return ""
    if unit.file_state not in _TOLD and unit.wanted_by:
        return ""
    if unit.file_state in {"disabled", "generated"}:
        return f"{unit.name} is disabled"
    return f"{unit.name} is {unit.file_state or 'of no known state'}, and nothing starts it"


def _running(unit: Unit) -> str:
    if unit.active_state in _NOT_RUNNING:
        return f"{unit.name} is enabled, but does not run ({unit.active_state})"
    return ""


def _with_neighbours(found: list[Found]) -> list[Found]:
    """The same, with a note at milters that are set up to listen at one place: only one of them can."""
    notes: dict[str, str] = {}
    for one, other in combinations(found, 2):
        if isinstance(one.endpoint, UnknownEndpoint) or not same_place(one.endpoint, other.endpoint):
            continue
        for this, that in ((one, other), (other, one)):
            notes[this.name] = f"{that.name} is set up to listen there too ({that.origin})"
    return [
        replace(milter, note="; ".join(filter(None, [milter.note, notes.get(milter.name, "")])))
        for milter in found
    ]
