"""Every exception of mmx, and every exit code.

The tree, split by who is at fault:

    MmxError
     +-- ProtocolError        a peer sent bytes that are no milter protocol
     +-- InvalidValueError    a text is no value of its kind: an endpoint, a duration, a size
     +-- SettingsError        the administrator wrote settings that mmx cannot use
     +-- UnavailableError     something mmx needs is missing or taken: a socket, a directory, an account
     +-- PermissionsError     mmx may not do what it was told to
     +-- TemporaryError       it may work later: a limit of the machine was reached

A fault of mmx itself has no class here: it is whatever Python raises, is logged with its traceback and ends
in 451 for the message it happened in (EX_SOFTWARE when it ends the program).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# sysexits.h, as systemd.exec(5) lists them.
EX_OK: Final = 0
EX_USAGE: Final = 64
EX_DATAERR: Final = 65
EX_UNAVAILABLE: Final = 69
EX_SOFTWARE: Final = 70
EX_IOERR: Final = 74
EX_TEMPFAIL: Final = 75
EX_NOPERM: Final = 77
EX_CONFIG: Final = 78

EX_UNEXPECTED: Final = 1
"""Not what --expect says."""
EX_DISCARDED: Final = 80
"""A milter discards the mail; sysexits.h has no such word, and ends at 78."""
EX_QUARANTINED: Final = 81
"""A milter has the mail held."""
EX_INTERRUPTED: Final = 130
"""What a shell says of a program that Ctrl-C ended: 128 and the number of SIGINT."""


class MmxError(Exception):
    """Anything mmx can name; `exit_code` is what the program ends with when it is not dealt with."""

    exit_code: int = EX_SOFTWARE


class ProtocolError(MmxError):
    """A malformed frame or payload; the message says what is wrong with it."""


class InvalidValueError(MmxError, ValueError):
    """A text that is no value of its kind; `message` says why not, `remedy` what to write instead."""

    exit_code = EX_USAGE

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}; {remedy}" if remedy else message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong, or worth a warning, in the settings.

    `file` is a path as the administrator gave it, `line` counts from 1 (None: the whole file), `key` is
    dotted ("children.opendkim.endpoint", "" for the whole document), `value` is the offending text as written
    ("" if there is none), `message` says what is wrong and `remedy` what to do about it.
    """

    file: str
    line: int | None
    key: str
    value: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        what = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return ": ".join(part for part in (place, self.key, self.value, what) if part)


class SettingsError(MmxError):
    """Settings that mmx refuses; `problems` holds all of them, in the order of files and lines."""

    exit_code = EX_CONFIG

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class UnavailableError(MmxError):
    """Something needed is missing or taken; the message says what, and what to do."""

    exit_code = EX_UNAVAILABLE


class PermissionsError(MmxError):
    """The system refused mmx a right; the message says which, and how to grant it."""

    exit_code = EX_NOPERM


class TemporaryError(MmxError):
    """A limit of the machine was reached; trying again later may succeed."""

    exit_code = EX_TEMPFAIL
