"""Every check of `mmx check`, on the way from Postfix to the last child."""

from collections.abc import Iterator
from typing import Final

from mmx.tools.check import (
    chain,
    children,
    listeners,
    mmx,
    postfix,
    postfix_bypass,
    postfix_lists,
    postfix_macros,
    postfix_relay,
    postfix_values,
    settings,
)
from mmx.tools.check.finding import Finding, Kind
from mmx.tools.check.host import Check, HostView

CHECKS: Final[tuple[Check, ...]] = (
    *postfix.CHECKS,
    *postfix_lists.CHECKS,
    *postfix_bypass.CHECKS,
    *postfix_values.CHECKS,
    *postfix_macros.CHECKS,
    *postfix_relay.CHECKS,
    *listeners.CHECKS,
    *mmx.CHECKS,
    *settings.CHECKS,
    *chain.CHECKS,
    *children.CHECKS,
)
KINDS: Final[tuple[Kind, ...]] = tuple(dict.fromkeys(kind for check in CHECKS for kind in check.kinds))
"""Every kind of finding, in the order of the checks."""


def examine(view: HostView) -> Iterator[Finding]:
    """All findings."""
    for check in CHECKS:
        yield from check.look(view)
