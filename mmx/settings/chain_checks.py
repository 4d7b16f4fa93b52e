"""Warnings about the chain as a whole: an order that defeats its purpose, and mail that is scanned twice.

Nothing here is an error: which mail passes which child may depend on conditions, and a milter may be set up
to do only half of what it can. So each warning says what goes wrong if both children see the same mail.
"""

from itertools import combinations

from mmx.settings.catalog import Role, milter_of
from mmx.settings.detected import PostfixMilter
from mmx.settings.endpoint import same_place
from mmx.settings.model import ChildSettings, Settings
from mmx.settings.section import Findings

_SIGNING = frozenset({Role.SIGNS, Role.SEALS})
_CHANGING = frozenset({Role.MARKS, Role.CHANGES})


def check_chain(settings: Settings, findings: Findings) -> None:
    """Warn of every pair of children in a bad order, and of children that Postfix uses as well."""
    for earlier, later in combinations(settings.chain, 2):
        for message, remedy in _faults(earlier, later, settings):
            findings.warn(_key(later, settings), "", message, remedy)
    for child in settings.chain:
        for milter in findings.detection.in_postfix:
            _check_double(child, milter, findings)


def _faults(earlier: ChildSettings, later: ChildSettings, settings: Settings) -> list[tuple[str, str]]:
    before, behind = roles_of(earlier), roles_of(later)
    faults = []
    if before & _CHANGING and Role.VERIFIES in behind:
        message = f"{later.name} verifies mail behind {earlier.name}, which may change it"
        faults.append((message, f"put {later.name} before {earlier.name}"))
    chosen = {earlier.name, later.name} <= set(settings.order)
    if before & _SIGNING and (Role.CHANGES in behind or (chosen and Role.MARKS in behind)):
        message = f"{earlier.name} signs mail before {later.name}, which may change it"
        remedy = f"put {later.name} first, or keep from it the mail that is to be signed"
        faults.append((message, remedy))
    if Role.SIGNS in before & behind:
        message = f"{earlier.name} and {later.name} both sign mail"
        faults.append((message, "let one of them only verify, or leave it out with `enabled: no`"))
    return faults


def roles_of(child: ChildSettings) -> frozenset[Role]:
    """What a child does to mail; nothing if mmx does not know its milter."""
    milter = milter_of(child.name)
    return frozenset() if milter is None else milter.roles


def _key(later: ChildSettings, settings: Settings) -> str:
    return "order" if later.name in settings.order else f"children.{later.name}"


def _check_double(child: ChildSettings, milter: PostfixMilter, findings: Findings) -> None:
    if child.endpoint is not None and same_place(child.endpoint, milter.endpoint):
        message = f"Postfix uses this milter itself ({milter.place}): mail passes it twice"
        findings.warn(f"children.{child.name}.endpoint", str(child.endpoint), message, "take it out there")
