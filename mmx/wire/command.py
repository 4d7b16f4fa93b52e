"""Command codes: what an MTA sends to a milter (W3), as the integer value of the code byte.

Source: libmilter's mfdef.h and Postfix's milter8.c. `NAMES` holds the words used in logs and in scenario
files.
"""

from typing import Final

OPTNEG: Final = 0x4F  # O
MACRO: Final = 0x44  # D
CONNECT: Final = 0x43  # C
HELO: Final = 0x48  # H
MAIL: Final = 0x4D  # M
RCPT: Final = 0x52  # R
DATA: Final = 0x54  # T
HEADER: Final = 0x4C  # L
EOH: Final = 0x4E  # N
BODY: Final = 0x42  # B
EOM: Final = 0x45  # E
ABORT: Final = 0x41  # A
QUIT: Final = 0x51  # Q
QUIT_NC: Final = 0x4B  # K
UNKNOWN: Final = 0x55  # U

NAMES: Final[dict[int, str]] = {
    OPTNEG: "OPTNEG",
    MACRO: "MACRO",
    CONNECT: "CONNECT",
    HELO: "HELO",
    MAIL: "MAIL",
    RCPT: "RCPT",
    DATA: "DATA",
    HEADER: "HEADER",
    EOH: "EOH",
    BODY: "BODY",
    EOM: "EOM",
    ABORT: "ABORT",
    QUIT: "QUIT",
    QUIT_NC: "QUIT_NC",
    UNKNOWN: "UNKNOWN",
}
