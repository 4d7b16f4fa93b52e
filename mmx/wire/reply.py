"""Reply codes: what a milter answers, as the integer of the code byte. Source: libmilter's mfdef.h."""

from typing import Final

CONTINUE: Final = 0x63  # c
ACCEPT: Final = 0x61  # a
REJECT: Final = 0x72  # r
TEMPFAIL: Final = 0x74  # t
DISCARD: Final = 0x64  # d
REPLYCODE: Final = 0x79  # y
SKIP: Final = 0x73  # s
PROGRESS: Final = 0x70  # p
SHUTDOWN: Final = 0x34  # 4
CONN_FAIL: Final = 0x66  # f
QUARANTINE: Final = 0x71  # q
ADDRCPT: Final = 0x2B  # +
ADDRCPT_PAR: Final = 0x32  # 2
DELRCPT: Final = 0x2D  # -
CHGFROM: Final = 0x65  # e
ADDHEADER: Final = 0x68  # h
INSHEADER: Final = 0x69  # i
CHGHEADER: Final = 0x6D  # m
REPLBODY: Final = 0x62  # b
OPTNEG: Final = 0x4F  # O

NAMES: Final[dict[int, str]] = {
    CONTINUE: "CONTINUE",
    ACCEPT: "ACCEPT",
    REJECT: "REJECT",
    TEMPFAIL: "TEMPFAIL",
    DISCARD: "DISCARD",
    REPLYCODE: "REPLYCODE",
    SKIP: "SKIP",
    PROGRESS: "PROGRESS",
    SHUTDOWN: "SHUTDOWN",
    CONN_FAIL: "CONN_FAIL",
    QUARANTINE: "QUARANTINE",
    ADDRCPT: "ADDRCPT",
    ADDRCPT_PAR: "ADDRCPT_PAR",
    DELRCPT: "DELRCPT",
    CHGFROM: "CHGFROM",
    ADDHEADER: "ADDHEADER",
    INSHEADER: "INSHEADER",
    CHGHEADER: "CHGHEADER",
    REPLBODY: "REPLBODY",
    OPTNEG: "OPTNEG",
}

VERDICTS: Final = frozenset({CONTINUE, ACCEPT, REJECT, TEMPFAIL, DISCARD, REPLYCODE, SKIP, SHUTDOWN})
"""Replies that answer an event. PROGRESS only asks for patience and edits precede the verdict."""

WITHOUT_DATA: Final = frozenset({CONTINUE, ACCEPT, REJECT, TEMPFAIL, DISCARD, SKIP, PROGRESS, SHUTDOWN})
"""Replies that Postfix refuses when data follows the code."""

EDITS: Final = frozenset(
    {ADDRCPT, ADDRCPT_PAR, DELRCPT, CHGFROM, ADDHEADER, INSHEADER, CHGHEADER, REPLBODY, QUARANTINE}
)
"""Modification requests, legal only while the reply to EOM is due."""
