"""Warnings about the chain as a whole: an order that defeats its purpose, and mail that is scanned twice.

Nothing here is an error: which mail passes which child may depend on conditions, and a milter may be set up
to do only half of what it can. So each warning says what goes wrong if both children see the same mail.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from mmx.settings.catalog import Role, milter_of
from mmx.settings.detected import PostfixMilter
from mmx.settings.endpoint import same_place
from mmx.settings.model import ChildSettings, Settings
from mmx.settings.section import Findings

_SIGNING = frozenset({Role.SIGNS, Role.SEALS})
_CHANGING = frozenset({Role.MARKS, Role.CHANGES})


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with two children in this order; `at_any`: in the other order just the same."""

    earlier: str
    later: str
    message: str
    remedy: str
    at_any: bool = False


def check_chain(settings: Settings, findings: Findings) -> None:
    """Warn of every pair of children in a bad order, and of children that Postfix uses as well."""
    for fault in faults(settings):
        key = "order" if fault.later in settings.order else f"children.{fault.later}"
        findings.warn(key, "", fault.message, fault.remedy)
    for child in settings.chain:
        for milter in findings.detection.in_postfix:
            _check_double(child, milter, findings)


def faults(settings: Settings) -> Iterator[Fault]:
    """Every pair of children in a bad order."""
    for earlier, later in combinations(settings.chain, 2):
        yield from _faults(earlier, later, settings)


def _faults(earlier: ChildSettings, later: ChildSettings, settings: Settings) -> Iterator[Fault]:
    one, other = earlier.name, later.name
    before, behind = roles_of(earlier), roles_of(later)
    if before & _CHANGING and Role.VERIFIES in behind:
        message = f"{other} verifies mail behind {one}, which may change it"
        yield Fault(one, other, message, f"put {other} before {one}")
    chosen = {one, other} <= set(settings.order)
    if before & _SIGNING and (Role.CHANGES in behind or (chosen and Role.MARKS in behind)):
        message = f"{one} signs mail before {other}, which may change it"
        remedy = f"put {other} first, or keep from it the mail that is to be signed"
        yield Fault(one, other, message, remedy)
    if Role.SIGNS in before & behind:
        remedy = "let one of them only verify, or leave it out with `enabled: no`"
        yield Fault(one, other, f"{one} and {other} both sign mail", remedy, at_any=True)


def roles_of(child: ChildSettings) -> frozenset[Role]:
    """What a child does to mail; nothing if mmx does not know its milter."""
    milter = milter_of(child.name)
    return frozenset() if milter is None else milter.roles


def _check_double(child: ChildSettings, milter: PostfixMilter, findings: Findings) -> None:
    if child.endpoint is not None and same_place(child.endpoint, milter.endpoint):
        message = f"Postfix uses this milter itself ({milter.place}): mail passes it twice"
        findings.warn(f"children.{child.name}.endpoint", str(child.endpoint), message, "take it out there")
