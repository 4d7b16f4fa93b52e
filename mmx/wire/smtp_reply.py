"""The grammar of a REPLYCODE text (W15 to W18), as current Postfix checks it.

A text passes unchanged, `%%` included: the sender doubled it because Sendmail uses the text as a format
(W15), and Postfix undoes that. A text that fails is never forwarded: its class (4xx or 5xx) survives as a
plain TEMPFAIL or REJECT.
"""

import re
from typing import Final

MAX_LINE: Final = 980
"""Bytes a line, libmilter's own limit (W18)."""
MAX_LINES: Final = 32

_LINE = re.compile(rb"([45])[0-9][0-9]([ -])(?:([0-9])\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.]))?[^\0\r\n]*\Z")


def is_valid(text: bytes) -> bool:
    """True if all lines have one 4xx or 5xx code, the right separator, no enhanced code of another class."""
    lines = text.split(b"\r\n")
    if len(lines) > MAX_LINES:
        return False
    return all(_is_valid_line(line, text[:3], last=line is lines[-1]) for line in lines)


def _is_valid_line(line: bytes, code: bytes, *, last: bool) -> bool:
    match = _LINE.match(line)
    if match is None or len(line) > MAX_LINE or line[:3] != code:
        return False
    reply_class, separator, enhanced_class = match.groups()
    if enhanced_class is not None and enhanced_class != reply_class:
        return False
    return separator == (b" " if last else b"-")


def reply_class(text: bytes) -> int | None:
    """4 or 5 for a text that at least begins like such a reply, else None."""
    return text[0] - 0x30 if text[:1] in (b"4", b"5") and text[:3].isdigit() else None
