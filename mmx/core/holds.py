"""Who had a message held, and why.

The reason of a hold begins with the child's name, since Postfix logs the reason (from 3.10 on) and knows only
mmx. The ledger of quarantined mail has both apart, and for a child that failed the failure instead of the
words that Postfix has for all of them.
"""

from mmx.core.action import Held
from mmx.core.child import Child
from mmx.core.state import State, Transaction


def prefix(child: Child) -> bytes:
    """What the reason of a hold begins with."""
    return b"[" + child.name.encode("ascii", "replace") + b" via mmx] "


def held_by(state: State, transaction: Transaction) -> Held:
    """All children that want this message held."""
    found: list[tuple[str, bytes]] = []
    for child in state.children:
        part = child.part
        if part is None:
            continue
        if part.hold is not None:
            found.append((child.name, part.detail.encode() if part.failed else part.hold))
        elif part.delivered and part.edits is not None and part.edits.holds:
            found.append((child.name, _own_reason(child, part.edits.hold_reason)))
    return Held(transaction.mail_answered, tuple(found))


def _own_reason(child: Child, reason: bytes) -> bytes:
    return reason.removeprefix(prefix(child).rstrip()).lstrip()
