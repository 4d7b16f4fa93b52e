"""Forms of a header on the wire and in the queue file (W9, E6, X5).

mmx keeps a header as Postfix sends it with HDR_LEADSPC: the value is everything after the colon, its leading
blank included. A child without HDR_LEADSPC sees one leading SPACE less and its own values gain one.
"""

import re

_NAME = re.compile(rb"[!-9;-~]+\Z")


def is_valid_name(name: bytes) -> bool:
    """RFC 5322 ftext: printable, no blank, no colon, not empty. Else the header block would end (E7)."""
    return _NAME.match(name) is not None


def without_leading_space(value: bytes) -> bytes:
    """The value as a child without HDR_LEADSPC sees it: one SPACE, never a TAB, removed (W9)."""
    return value[1:] if value[:1] == b" " else value


def with_leading_space(value: bytes) -> bytes:
    """The value of such a child as the MTA must get it when HDR_LEADSPC was agreed (X5)."""
    return b" " + value


def as_written(value: bytes) -> bytes:
    """The value as it stands in the queue file: a continuation line that has no blank gets a TAB (E6)."""
    if b"\n" not in value:
        return value
    first, *rest = value.split(b"\n")
    return b"\n".join([first, *(line if line[:1] in (b" ", b"\t") else b"\t" + line for line in rest)])
