"""Mail on hold as a table and as JSON: named as it may be acted on, and harmless whatever is in it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from mmx.observe.claim import Claim
from mmx.tools.colour import Paint
from mmx.tools.held.ledger import HeldMail
from mmx.tools.held.queue import QueuedMail
from mmx.tools.held.text import as_json, name_of, summary, table
from tests.tools.held_programs import ARRIVED

PLAIN = Paint(colours=False)
MAIL = QueuedMail("A1", ARRIVED, 2048, "a@example.net", ("r1@example.com", "r2@example.com"), 2)
CLAIM = Claim(ARRIVED + 0.5, "A1", "s1", "<a@example.net>", 2, 7, (("opendmarc", "p=quarantine"),))
HELD = HeldMail(MAIL, CLAIM)
OTHER = HeldMail(replace(MAIL, queue_id="B2"))


def cells(held: HeldMail, *, has_ledger: bool = True) -> list[str]:
    line = table([held], PLAIN, has_ledger=has_ledger)[1]
    return [cell for cell in line.split("  ") if cell]


def test_a_message_that_a_child_had_held() -> None:
    _, *rest = cells(HELD)
    assert rest == ["A1", "2.0 KiB", "a@example.net", "r1@example.com +1", "opendmarc", "p=quarantine"]


def test_a_message_that_nobody_claims_is_named_with_its_time() -> None:
    _, name, *_, child, reason = cells(OTHER)
    assert (name, child, reason) == (f"B2@{ARRIVED}", "not through mmx", "-")
    assert (name_of(HELD), name_of(OTHER)) == ("A1", f"B2@{ARRIVED}")


def test_a_message_with_a_used_id_says_so() -> None:
    *_, child, reason = cells(replace(OTHER, before=CLAIM))
    assert child == "not through mmx"
    assert reason.startswith("mmx had another message of this queue id held, at 20")


def test_without_a_ledger_nothing_is_said_of_who_it_was() -> None:
    assert "unknown" in cells(OTHER, has_ledger=False)


def test_several_children_have_a_reason_each() -> None:
    claim = replace(CLAIM, children=(("opendmarc", "p=quarantine"), ("rspamd", "")))
    *_, child, reason = cells(HeldMail(MAIL, claim))
    assert (child, reason) == ("opendmarc, rspamd", "opendmarc: p=quarantine; rspamd: -")


def test_no_text_of_mail_drives_the_terminal_or_makes_a_line() -> None:
    evil = "\x1b[2J\x9b31m\n\u202e\udcff" * 3
    mail = replace(MAIL, sender=evil, recipients=(evil,))
    claim = replace(CLAIM, children=((evil, evil), (evil, evil)))
    for held in (HeldMail(mail, claim), HeldMail(mail)):
        lines = table([held], PLAIN, has_ledger=True)
        assert len(lines) == 2
        assert all(32 <= ord(char) < 127 for line in lines for char in line)


def test_a_message_without_a_recipient() -> None:
    assert "-" in cells(HeldMail(replace(MAIL, recipients=(), recipient_count=0), CLAIM))


def test_colours_are_whole_lines() -> None:
    lines = table([HELD, OTHER], Paint(colours=True), has_ledger=True)
    assert [line[:4] for line in lines] == ["\033[1m", lines[1][:4], "\033[2m"]
    assert "\033" not in lines[1]


@pytest.mark.parametrize(
    ("mails", "has_ledger", "told"),
    [
        ([], True, "no mail is on hold"),
        ([HELD], True, "1 message on hold"),
        ([HELD, OTHER], True, "2 messages on hold, 1 not through mmx"),
        ([OTHER], False, "1 message on hold"),
    ],
)
def test_summary(mails: list[HeldMail], has_ledger: bool, told: str) -> None:
    assert summary(mails, has_ledger=has_ledger) == told


def test_json_has_all_of_it_in_ascii() -> None:
    text = as_json(HeldMail(replace(MAIL, sender="\x1b\udcff"), CLAIM), has_ledger=True)
    assert text.isascii()
    assert text.isprintable()
    told: dict[str, Any] = json.loads(text)
    assert (told["name"], told["queue_id"], told["arrival_time"], told["size"]) == ("A1", "A1", ARRIVED, 2048)
    assert (told["sender"], told["recipient_count"]) == ("\x1b\udcff", 2)
    assert (told["through_mmx"], told["session"]) == (True, "s1")
    assert told["children"] == [{"child": "opendmarc", "reason": "p=quarantine"}]


@pytest.mark.parametrize(("has_ledger", "through"), [(True, False), (False, None)])
def test_json_of_mail_that_nobody_claims(has_ledger: bool, through: bool | None) -> None:
    told = json.loads(as_json(OTHER, has_ledger=has_ledger))
    assert (told["through_mmx"], told["children"], told["mail_at"]) == (through, [], None)
