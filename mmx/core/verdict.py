"""Verdicts: what a reply means, ready to be sent to the MTA.

A child's reply becomes a `Verdict`; `PASS` stands for every reply that lets the chain go on (c, and s and a
where they concern only that child), `PENDING` for an answer not yet given. `merge` order is chain order: the
first child whose standing is neither decides (G1, V9); severity is never compared.
"""

import re
from enum import Enum
from typing import Final, NamedTuple

from mmx.core import plan
from mmx.errors import ProtocolError
from mmx.wire import reply, smtp_reply
from mmx.wire.framing import CODE, DATA, frame


class Verdict(NamedTuple):
    """A decisive reply: the frame for the MTA, its word for people, its text if it has one."""

    frame: bytes
    word: str
    text: bytes = b""

    @property
    def temporary(self) -> bool:
        """True if the client may try again."""
        return self.word in ("tempfail", "shutdown")


class Standing(Enum):
    """Where a child stands at an event unless it has decided it."""

    PENDING = "pending"
    PASS = "passes"  # noqa: S105 - a standing, no password


CONTINUE_FRAME: Final = frame(reply.CONTINUE)
ACCEPT_FRAME: Final = frame(reply.ACCEPT)
SKIP_FRAME: Final = frame(reply.SKIP)
PROGRESS_FRAME: Final = frame(reply.PROGRESS)

REJECT: Final = Verdict(frame(reply.REJECT), "reject")
TEMPFAIL: Final = Verdict(frame(reply.TEMPFAIL), "tempfail")
DISCARD: Final = Verdict(frame(reply.DISCARD), "discard")

_DEFAULT_TEXT: Final = {
    "reject": b"550 5.7.1 Command rejected",
    "tempfail": b"451 4.7.1 Service unavailable - try again later",
}
"""Postfix's own texts for r and t (V1); needed only to add a name to them."""


def with_text(text: bytes) -> Verdict:
    """A verdict with a valid SMTP reply as its text."""
    word = {b"421": "shutdown"}.get(text[:3]) or ("tempfail" if text[:1] == b"4" else "reject")
    return Verdict(frame(reply.REPLYCODE, text + b"\0"), word, text)


SHUTDOWN: Final = with_text(b"421 4.7.0 Server closing connection")
"""A child's SHUTDOWN never travels as such: Postfix 3.7 would lose the mail (G11, trap 19)."""

OF_DEFAULT_ACTION: Final[dict[str, Verdict]] = {
    plan.TEMPFAIL: TEMPFAIL,
    plan.REJECT: with_text(b"550 5.5.0 Service unavailable"),
    plan.SHUTDOWN: with_text(b"421 4.7.1 Service unavailable - try again later"),
}
"""Default actions that decide (F1); accept and quarantine let the chain go on."""

_PLAIN: Final[dict[int, Verdict]] = {
    reply.REJECT: REJECT,
    reply.TEMPFAIL: TEMPFAIL,
    reply.DISCARD: DISCARD,
    reply.SHUTDOWN: SHUTDOWN,
}


_ENHANCED: Final = re.compile(rb"\A[45]([0-9][0-9][ -])[45](?=\.[0-9]{1,3}\.[0-9])")


def of_reply(received: bytes) -> tuple[Verdict | None, str]:
    """The verdict of a reply frame, None where it decides nothing, and a remark on what was repaired, or "".

    Raises `ProtocolError` for a reply that no class can be read from, or data where none may be.
    """
    code = received[CODE]
    if code == reply.REPLYCODE:
        return _of_reply_text(received[DATA:])
    if len(received) > DATA:
        raise ProtocolError(f"data after {reply.NAMES[code]}")
    return _PLAIN.get(code), ""


def _of_reply_text(data: bytes) -> tuple[Verdict, str]:
    text = data[:-1] if data.endswith(b"\0") else data
    if data.endswith(b"\0") and smtp_reply.is_valid(text):
        return with_text(text), ""
    plain = {4: TEMPFAIL, 5: REJECT}.get(smtp_reply.reply_class(text) or 0)
    if plain is None:
        raise ProtocolError("REPLYCODE that is neither 4xx nor 5xx")
    return plain, "REPLYCODE text is no valid SMTP reply: its class is kept, the text is not"


_CLASSES: Final = {"reject": (b"5", REJECT), "tempfail": (b"4", TEMPFAIL)}


def of_class(verdict: Verdict, word: str) -> Verdict:
    """The verdict as a reject or a tempfail; its text keeps all but its codes' first digits, 421 apart."""
    digit, plain = _CLASSES[word]
    if not verdict.text or verdict.word == "shutdown":
        return plain
    lines = verdict.text.split(b"\r\n")
    codes = digit + rb"\g<1>" + digit
    return with_text(b"\r\n".join(_ENHANCED.sub(codes, digit + line[1:]) for line in lines))


def with_name(verdict: Verdict, name: str) -> Verdict:
    """The verdict with the child's name appended, where its text is a default one."""
    text = verdict.text if verdict in OF_DEFAULT_ACTION.values() else b""
    text = text or (b"" if verdict.text else _DEFAULT_TEXT.get(verdict.word, b""))
    return with_text(text + b" (" + name.encode("ascii", "replace") + b")") if text else verdict
