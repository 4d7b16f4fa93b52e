"""A line of the ledger of quarantined mail: what mmx claims of one message that it had the MTA hold.

    {"mail_at":1764093000.123,"queue_id":"4bZxWk2","session":"1f00c3a7","sender":"<a@example.net>",
     "recipients":2,"size":1432,"children":[{"child":"opendmarc","reason":"p=quarantine"}]}    (on one line)

Postfix re-uses queue ids, so a message is known by its queue id and by the time of the reply to its MAIL,
which is what Postfix calls its arrival time. Text of mail is written as it came, cut, and in ASCII: JSON
escapes what would drive a terminal. Whoever reads a line does not trust it: it may have been cut short by a
full disk, or written by somebody else.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from mmx.core.action import Held, MessageRecord

LONGEST_LINE: Final = 256 << 10
"""Bytes; a longer one is none of ours."""
MOST_CHILDREN: Final = 64
"""Children that are named."""

_LONGEST_TEXT: Final = 512
_BEGIN: Final = re.compile(rb'\{"mail_at":([0-9]{1,12}(?:\.[0-9]{1,9})?),')
_QUEUE_ID: Final = re.compile(r"[0-9A-Za-z]{1,64}")


@dataclass(frozen=True, slots=True)
class Claim:
    """One message that was quarantined. Texts come from the network; undecodable bytes are surrogates."""

    mail_at: float
    """Unix time of the reply to MAIL."""
    queue_id: str
    session: str
    sender: str
    recipients: int
    size: int
    """Bytes of the body."""
    children: tuple[tuple[str, str], ...]
    """Names, each with its reason."""


def line_of(record: MessageRecord, held: Held, mail_at: float) -> bytes:
    """The line for a message, with its end."""
    entry = {
        "mail_at": round(mail_at, 3),
        "queue_id": _text(record.queue_id),
        "session": record.session,
        "sender": _text(record.sender),
        "recipients": record.recipients,
        "size": record.size,
        "children": [{"child": name, "reason": _text(reason)} for name, reason in held.by[:MOST_CHILDREN]],
    }
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def is_queue_id(text: str) -> bool:
    """Whether it may be given to Postfix's programs as a queue id; ALL is their word for all mail."""
    return text != "ALL" and _QUEUE_ID.fullmatch(text) is not None


def time_of(beginning: bytes) -> float | None:
    """The time in a line, told from how it begins."""
    found = _BEGIN.match(beginning)
    return float(found[1]) if found else None


def claim_of(line: bytes) -> Claim | None:
    """What a line says, None if it is none."""
    if len(line) > LONGEST_LINE:
        return None
    try:
        entry = json.loads(line)
        claim = _claim(entry) if isinstance(entry, dict) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return claim if claim is not None and is_queue_id(claim.queue_id) else None


def _claim(entry: dict[str, Any]) -> Claim | None:
    children = tuple((_string(one["child"]), _string(one["reason"])) for one in entry["children"])
    return Claim(
        mail_at=_number(entry["mail_at"], float | int) + 0.0,
        queue_id=_string(entry["queue_id"]),
        session=_string(entry["session"]),
        sender=_string(entry["sender"]),
        recipients=_number(entry["recipients"], int),
        size=_number(entry["size"], int),
        children=children[:MOST_CHILDREN],
    )


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode("utf-8", "surrogateescape")  # ValueError for halves of characters that stand for no byte
    return value


def _number(value: Any, kind: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, kind) or not 0 <= value < 1e12:
        raise TypeError
    return value


def _text(data: bytes) -> str:
    return data[:_LONGEST_TEXT].decode("utf-8", "surrogateescape")
