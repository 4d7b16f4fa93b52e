"""What a script expects of a mail, and the exit status that its verdict is worth.

    expectation = verdict [":" code [":" code]]          accept, reject:550, tempfail:451:4.7.1
    verdict     = accept | reject | tempfail | discard | quarantine | shutdown | error
    code        = an SMTP reply code or an enhanced status code

Codes are those of the first line of what the client is told. `error` is a milter that does not answer, or not
as a milter does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from mmx.errors import (
    EX_DATAERR,
    EX_DISCARDED,
    EX_OK,
    EX_QUARANTINED,
    EX_TEMPFAIL,
    EX_UNAVAILABLE,
    InvalidValueError,
)

ERROR: Final = "error"

STATUSES: Final[Mapping[str, int]] = {
    "accept": EX_OK,
    "reject": EX_DATAERR,
    "tempfail": EX_TEMPFAIL,
    "discard": EX_DISCARDED,
    "quarantine": EX_QUARANTINED,
    "shutdown": EX_TEMPFAIL,
    ERROR: EX_UNAVAILABLE,
}
"""Verdict to exit status."""

_CODE: Final = re.compile(r"[45][0-9][0-9]|[45]\.[0-9]{1,3}\.[0-9]{1,3}")
_REPLY: Final = re.compile(rb"([0-9]{3})(?:[ -]([0-9]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.]))?")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What --expect says."""

    verdict: str
    codes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it; raises InvalidValueError."""
        verdict, *codes = text.split(":")
        if verdict not in STATUSES:
            raise InvalidValueError(f"{verdict!r} is no verdict", f"write one of {', '.join(STATUSES)}")
        if codes and verdict not in ("reject", "tempfail", "shutdown"):
            raise InvalidValueError(f"{verdict} comes with no code", f"write {verdict} alone")
        for code in codes:
            if not _CODE.fullmatch(code):
                raise InvalidValueError(f"{code!r} is no reply code", "write one such as 550 or 5.7.1")
        return cls(verdict, tuple(codes))

    def __str__(self) -> str:
        return ":".join((self.verdict, *self.codes))

    def is_met(self, verdict: str, reply: bytes) -> bool:
        """Whether this is what was expected."""
        match = _REPLY.match(reply)
        there = {code.decode() for code in match.groups() if code} if match else set()
        return verdict == self.verdict and there >= set(self.codes)
