"""Messages and edits drawn at random."""

from collections.abc import Callable
from random import Random

from tests.integration import scripted_child as bits
from tests.integration.scripted_child import Packet
from tests.integration.scripts import (
    add,
    add_recipient,
    change,
    change_sender,
    delete_recipient,
    insert,
    quarantine,
    replace_body,
)

NAMES = ("X-K", "x-k", "X-Tag", "Subject", "Received", "To", "X-New", "X-Score", "DKIM-Signature", "X")
VALUES = (
    "one",
    "two words",
    " two blanks before",
    "\ttab before",
    "folded\n\tonce",
    "folded\n with a blank\n\tand a tab",
    "unindented\ncontinuation",
    "8-bit \xc3\xa9\xff",
    "a" * 900,
    "per cent % and %%",
    "trailing blank ",
    "trailing line feed\n",
    ":",
)
LINES = (
    "hello",
    "",
    ".",
    "..",
    ". dot",
    "From here",
    "a" * 998,
    "b" * 3000,
    "8-bit \xe9\xfe",
    "n\0ul",
    " indented",
)
INDEXES = (0, 1, 1, 1, 2, 2, 3, 4, 5, 7, 99, 0xFFFFFFFF)
EXTRA_HEADERS = (
    "X-K:one",
    "x-k:  two",
    "X-K:\tthree",
    "X-Tag: a\r\n\tb\r\n  c",
    "X-Tag:",
    "X: \xc3\xa9",
    "Received: from elsewhere\r\n\tby example.test; Sun, 05 Jul 2026 10:00:00 +0000",
    "Subject: again",
    "X-Long: " + "v" * 2000,
)
ADDRESSES = (
    "r1@rcpt.test",
    "r2@rcpt.test",
    "r3@rcpt.test",
    "R2@RCPT.test",
    "new@other.test",
    "new2@other.test",
)


def message_text(random: Random, tag: str) -> str:
    """A whole message; Date and Message-Id are always there unless the message has no header at all."""
    if random.random() < 0.04:
        return "\r\n" + body(random)
    lines = [
        "From: <author@sender.test>",
        "To: <r1@rcpt.test>",
        "Subject: drawn",
        "Date: Mon, 06 Jul 2026 10:00:00 +0000",
        f"Message-Id: <{tag}@sender.test>",
    ]
    for header in random.choices(EXTRA_HEADERS, k=random.choice((0, 1, 2, 3, 6))):
        lines.insert(random.randrange(len(lines) + 1), header)
    head = "".join(line + "\r\n" for line in lines)
    if random.random() < 0.04:
        return head
    return head + "\r\n" + body(random)


def body(random: Random) -> str:
    kind = random.random()
    if kind < 0.08:
        return ""
    if kind < 0.14:
        return "x" * random.choice((65533, 65534, 65535)) + "\r\n" + "tail\r\n" * random.choice((0, 1))
    if kind < 0.18:
        return ("y" * 70 + "\r\n") * 2500
    return "".join(line + "\r\n" for line in random.choices(LINES, k=random.choice((1, 2, 5, 12))))


def drawn_edits(random: Random, actions: int, last: bool, sender: str) -> list[Packet]:
    """Edits that the child negotiated, the body's chunks together; a hold only from the last child."""
    makers: dict[int, Callable[[Random], Packet]] = {
        bits.ADDHDRS: _added_header,
        bits.CHGHDRS: _changed_header,
        bits.ADDRCPT: lambda random: add_recipient(_address(random)),
        bits.ADDRCPT_PAR: lambda random: add_recipient(_address(random), random.choice(("NOTIFY=NEVER", ""))),
        bits.DELRCPT: lambda random: delete_recipient(_address(random)),
        bits.CHGFROM: lambda random: _changed_sender(random, sender),
    }
    allowed = [maker for bit, maker in makers.items() if actions & bit]
    count = random.choice((0, 1, 1, 2, 3, 6)) if allowed else 0
    found = [random.choice(allowed)(random) for _ in range(count)]
    if actions & bits.CHGBODY and random.random() < 0.25:
        place = random.randrange(len(found) + 1)
        found[place:place] = _body_chunks(random)
    if last and actions & bits.QUARANTINE and random.random() < 0.12:
        # Not among the chunks of a body: any packet there ends the replacement.
        found.insert(0, quarantine(random.choice(("why", "", "\xe9"))))
    if random.random() < 0.1:
        found.insert(0, ("p", ""))
    return found


def _added_header(random: Random) -> Packet:
    if random.random() < 0.4:
        return add(random.choice(NAMES), random.choice(VALUES))
    return insert(random.choice(INDEXES), random.choice(NAMES), random.choice(VALUES))


def _changed_header(random: Random) -> Packet:
    value = "" if random.random() < 0.35 else random.choice(VALUES)
    return change(random.choice(INDEXES), random.choice(NAMES), value)


def _address(random: Random) -> str:
    found = random.choice(ADDRESSES)
    return f"<{found}>" if random.random() < 0.7 else found


def _changed_sender(random: Random, sender: str) -> Packet:
    found = random.choice(("<changed@sender.test>", "changed2@sender.test", "<>", f"<{sender}>"))
    return change_sender(found, random.choice((None, None, "RET=HDRS", "ENVID=abc")))


def _body_chunks(random: Random) -> list[Packet]:
    return [
        replace_body(text)
        for text in random.choice(
            (
                ("new body\r\n",),
                ("",),
                ("split\r", "\nhere\r\n"),
                ("bare\nline feeds\n",),
                ("no end",),
                ("z" * 65535, "z\r\n"),
                ("n\0ul \xff\r\n", "second\r\n", "third"),
            )
        )
    ]
