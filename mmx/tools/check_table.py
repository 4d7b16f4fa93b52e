"""Every check of `mmx check`, on the way from Postfix to the last child."""

from collections.abc import Iterator
from typing import Final

from mmx.tools import (
    check_chain,
    check_children,
    check_listeners,
    check_mmx,
    check_postfix,
    check_postfix_bypass,
    check_postfix_lists,
    check_postfix_macros,
    check_postfix_relay,
    check_postfix_values,
    check_settings,
)
from mmx.tools.check_finding import Finding, Kind
from mmx.tools.check_host import Check, HostView

CHECKS: Final[tuple[Check, ...]] = (
    *check_postfix.CHECKS,
    *check_postfix_lists.CHECKS,
    *check_postfix_bypass.CHECKS,
    *check_postfix_values.CHECKS,
    *check_postfix_macros.CHECKS,
    *check_postfix_relay.CHECKS,
    *check_listeners.CHECKS,
    *check_mmx.CHECKS,
    *check_settings.CHECKS,
    *check_chain.CHECKS,
    *check_children.CHECKS,
)
KINDS: Final[tuple[Kind, ...]] = tuple(dict.fromkeys(kind for check in CHECKS for kind in check.kinds))
"""Every kind of finding, in the order of the checks."""


def examine(view: HostView) -> Iterator[Finding]:
    """All findings."""
    for check in CHECKS:
        yield from check.look(view)
