"""Mail on hold as text for a terminal, and as JSON.

All that came with mail is escaped. A message is shown by the name by which the other commands take it: its
queue id, or, where nobody claims it, the queue id and the arrival time, so that what is named is what was
seen.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from mmx.observe.log import escape
from mmx.observe.wording import size
from mmx.tools.colour import Paint
from mmx.tools.columns import columns
from mmx.tools.held.ledger import HeldMail

NOT_THROUGH: Final = "not through mmx"
UNKNOWN: Final = "unknown"

_HEAD: Final = ("time", "queue id", "size", "sender", "recipients", "child", "reason")
_ADDRESS: Final = 40
"""Characters of an address that are shown."""
_REASON: Final = 100
_ASCII: Final = str.maketrans({"\u202f": " "})


def table(mails: Sequence[HeldMail], paint: Paint, *, has_ledger: bool) -> list[str]:
    """Lines for a terminal."""
    head, *lines = columns([_HEAD, *(_row(held, has_ledger=has_ledger) for held in mails)])
    told = [line if held.claim else paint.dim(line) for held, line in zip(mails, lines, strict=True)]
    return [paint.bold(head), *told]


def summary(mails: Sequence[HeldMail], *, has_ledger: bool) -> str:
    """How many there are."""
    if not mails:
        return "no mail is on hold"
    other = sum(held.claim is None for held in mails)
    aside = f", {other} {NOT_THROUGH}" if other and has_ledger else ""
    return f"{len(mails)} message{'s' if len(mails) > 1 else ''} on hold{aside}"


def as_json(held: HeldMail, *, has_ledger: bool) -> str:
    """One message as an object, on one line."""
    mail, claim = held.mail, held.claim
    entry = {
        "name": name_of(held),
        "queue_id": mail.queue_id,
        "arrival_time": mail.arrival_time,
        "size": mail.size,
        "sender": mail.sender,
        "recipients": mail.recipients,
        "recipient_count": mail.recipient_count,
        "through_mmx": claim is not None if has_ledger else None,
        "children": [{"child": child, "reason": reason} for child, reason in claim.children] if claim else [],
        "mail_at": claim.mail_at if claim else None,
        "session": claim.session if claim else None,
    }
    return json.dumps(entry)


def name_of(held: HeldMail) -> str:
    """How to name this message to the other commands."""
    return held.mail.queue_id if held.claim else held.mail.name


def stamp(seconds: float) -> str:
    """A Unix time as the local clock has it."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"


def _row(held: HeldMail, *, has_ledger: bool) -> tuple[str, ...]:
    mail = held.mail
    return (
        stamp(mail.arrival_time),
        name_of(held),
        size(mail.size).translate(_ASCII),
        escape(mail.sender, _ADDRESS),
        _recipients(mail.recipients, mail.recipient_count),
        _children(held, has_ledger=has_ledger),
        _reason(held),
    )


def _recipients(first: Sequence[str], count: int) -> str:
    if not first:
        return "-"
    more = f" +{count - 1}" if count > 1 else ""
    return escape(first[0], _ADDRESS) + more


def _children(held: HeldMail, *, has_ledger: bool) -> str:
    if held.claim is None:
        return NOT_THROUGH if has_ledger else UNKNOWN
    return ", ".join(escape(child, _ADDRESS) for child, _ in held.claim.children) or "-"


def _reason(held: HeldMail) -> str:
    if held.claim is not None:
        return _reasons(held.claim.children)
    if held.before is not None:
        return f"mmx had another message of this queue id held, at {stamp(held.before.mail_at)}"
    return "-"


def _reasons(children: Iterable[tuple[str, str]]) -> str:
    several = [(escape(child, _ADDRESS), escape(reason, _REASON)) for child, reason in children]
    if len(several) == 1:
        return several[0][1] or "-"
    return "; ".join(f"{child}: {reason or '-'}" for child, reason in several)
