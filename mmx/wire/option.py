"""Negotiation bits (N1), macro stages, and what they mean for each event.

Plain integers: `&` on an int costs a fiftieth of `IntFlag`. Source: libmilter's mfdef.h and mfapi.h.
"""

from typing import Final

from mmx.wire import command, reply

VERSION: Final = 6
OLDEST_VERSION: Final = 2

ADDHDRS: Final = 1 << 0
CHGBODY: Final = 1 << 1
ADDRCPT: Final = 1 << 2
DELRCPT: Final = 1 << 3
CHGHDRS: Final = 1 << 4
QUARANTINE: Final = 1 << 5
CHGFROM: Final = 1 << 6
ADDRCPT_PAR: Final = 1 << 7
SETSYMLIST: Final = 1 << 8
ALL_ACTIONS: Final = 0x1FF
ACTION_NAMES: Final = (
    "ADDHDRS",
    "CHGBODY",
    "ADDRCPT",
    "DELRCPT",
    "CHGHDRS",
    "QUARANTINE",
    "CHGFROM",
    "ADDRCPT_PAR",
    "SETSYMLIST",
)
"""Names of the action bits, lowest first."""

NOCONNECT: Final = 1 << 0
NOHELO: Final = 1 << 1
NOMAIL: Final = 1 << 2
NORCPT: Final = 1 << 3
NOBODY: Final = 1 << 4
NOHDRS: Final = 1 << 5
NOEOH: Final = 1 << 6
NR_HDR: Final = 1 << 7
NOUNKNOWN: Final = 1 << 8
NODATA: Final = 1 << 9
SKIP: Final = 1 << 10
RCPT_REJ: Final = 1 << 11
NR_CONN: Final = 1 << 12
NR_HELO: Final = 1 << 13
NR_MAIL: Final = 1 << 14
NR_RCPT: Final = 1 << 15
NR_DATA: Final = 1 << 16
NR_UNKN: Final = 1 << 17
NR_EOH: Final = 1 << 18
NR_BODY: Final = 1 << 19
HDR_LEADSPC: Final = 1 << 20
ALL_PROTOCOL: Final = 0x1FFFFF
PROTOCOL_NAMES: Final = (
    "NOCONNECT",
    "NOHELO",
    "NOMAIL",
    "NORCPT",
    "NOBODY",
    "NOHDRS",
    "NOEOH",
    "NR_HDR",
    "NOUNKNOWN",
    "NODATA",
    "SKIP",
    "RCPT_REJ",
    "NR_CONN",
    "NR_HELO",
    "NR_MAIL",
    "NR_RCPT",
    "NR_DATA",
    "NR_UNKN",
    "NR_EOH",
    "NR_BODY",
    "HDR_LEADSPC",
)
"""Names of the protocol bits, lowest first."""

NOT_WANTED: Final[dict[int, int]] = {
    command.CONNECT: NOCONNECT,
    command.HELO: NOHELO,
    command.MAIL: NOMAIL,
    command.RCPT: NORCPT,
    command.DATA: NODATA,
    command.HEADER: NOHDRS,
    command.EOH: NOEOH,
    command.BODY: NOBODY,
    command.UNKNOWN: NOUNKNOWN,
    command.EOM: 0,
}
"""The bit with which a milter declines an event. End of message cannot be declined."""

NO_REPLY: Final[dict[int, int]] = {
    command.CONNECT: NR_CONN,
    command.HELO: NR_HELO,
    command.MAIL: NR_MAIL,
    command.RCPT: NR_RCPT,
    command.DATA: NR_DATA,
    command.HEADER: NR_HDR,
    command.EOH: NR_EOH,
    command.BODY: NR_BODY,
    command.UNKNOWN: NR_UNKN,
    command.EOM: 0,
}
"""The bit with which a milter promises not to answer an event."""

ACTION_OF_EDIT: Final[dict[int, int]] = {
    reply.ADDHEADER: ADDHDRS,
    reply.INSHEADER: ADDHDRS,
    reply.CHGHEADER: CHGHDRS,
    reply.REPLBODY: CHGBODY,
    reply.ADDRCPT: ADDRCPT,
    reply.ADDRCPT_PAR: ADDRCPT_PAR,
    reply.DELRCPT: DELRCPT,
    reply.CHGFROM: CHGFROM,
    reply.QUARANTINE: QUARANTINE,
}
"""The action a milter must have negotiated for an edit (libmilter's smfi.c checks the same bits)."""

CHANGES_CONTENT: Final = ADDHDRS | CHGHDRS | CHGBODY

STAGE_CONNECT: Final = 0
STAGE_HELO: Final = 1
STAGE_MAIL: Final = 2
STAGE_RCPT: Final = 3
STAGE_DATA: Final = 4
STAGE_EOM: Final = 5
STAGE_EOH: Final = 6
LAST_STAGE: Final = 6

STAGE_OF_COMMAND: Final[dict[int, int]] = {
    command.CONNECT: STAGE_CONNECT,
    command.HELO: STAGE_HELO,
    command.MAIL: STAGE_MAIL,
    command.RCPT: STAGE_RCPT,
    command.DATA: STAGE_DATA,
    command.HEADER: STAGE_EOH,
    command.EOH: STAGE_EOH,
    command.BODY: STAGE_EOM,
    command.EOM: STAGE_EOM,
}
"""Which macro list travels with an event: L carries the EOH list, B the EOM list (S12). UNKNOWN has none."""
