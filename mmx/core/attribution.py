"""Who did it, in what the MTA keeps: the reason of a hold, and the header that names the children that ran.

A hold's reason begins with the child's name, since Postfix logs the reason (from 3.10 on) and knows only mmx:

    [opendmarc via mmx] p=quarantine

The header, if the settings name one, is the last header edit of a message. A sender could have written one
of the same name, so whatever the message has of it when all children are done is deleted first, the last one
first: so no deletion moves the index of the next one (E5). It could not be deleted if Postfix had been told
ACCEPT before, so mmx keeps that to itself then.
"""

from typing import Final

from mmx.core import edits, holds, report
from mmx.core.child import Child
from mmx.core.content import Content
from mmx.core.header_list import HeaderEdit
from mmx.core.state import State
from mmx.wire import header, option, reply
from mmx.wire.framing import frame

LONGEST_REASON: Final = 512
"""Bytes of a hold's reason; Postfix logs it."""

MOST_FORGED: Final = 100
"""Headers of that name that are deleted; Postfix walks through the whole message for each."""

_LONGEST_LINE: Final = 70
"""Characters of the header's value on one line."""

_DID_NOT_RUN: Final = frozenset({"none", "skipped"})
"""Words for the log of a child that was not asked."""

_NEEDED: Final = option.ADDHDRS | option.CHGHDRS


class TooManyHeadersError(Exception):
    """The message has more headers of that name than mmx deletes."""


def hold(child: Child, reason: bytes) -> bytes:
    """The frame that asks the MTA to hold a message for the sake of a child."""
    text = holds.prefix(child) + reason
    return frame(reply.QUARANTINE, text[:LONGEST_REASON].rstrip() + b"\0")


def header_edits(state: State, shares: list[tuple[edits.Edits, bool]], content: Content) -> list[bytes]:
    """What to add to the edits of all children so that the message names those that ran.

    Raises TooManyHeadersError.
    """
    name = state.chain.children_header
    if state.answered_options.actions & _NEEDED != _NEEDED:
        return []
    forged = edits.revise(shares, content).count_named(name)
    if forged > MOST_FORGED:
        raise TooManyHeadersError
    value = _value(state.children)
    own = HeaderEdit(
        reply.ADDHEADER, 0, name, header.with_leading_space(value) if state.leading_space else value
    )
    deletions = (HeaderEdit(reply.CHGHEADER, number, name, b"") for number in range(forged, 0, -1))
    return [edit.frame for edit in (*deletions, own)]


def _value(children: list[Child]) -> bytes:
    """`opendkim=continue clamav-milter=accept`, folded."""
    lines = [""]
    for child in children:
        verdict = report.child_record(child).verdict
        if verdict in _DID_NOT_RUN:
            continue
        word = f"{child.name}={verdict}"
        if lines[-1] and len(lines[-1]) + len(word) >= _LONGEST_LINE:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return "\n\t".join(lines).encode("ascii", "replace") or b"none"
