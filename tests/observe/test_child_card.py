"""A child's part of the page."""

import re
from dataclasses import replace

from mmx.observe.child_card import child_card
from mmx.observe.status import DISABLED, UNKNOWN, ChildStatus
from tests.observe.example import NOW, status


def card(name: str, **changes: object) -> str:
    child = next(child for child in status().children if child.name == name)
    return child_card(replace(child, **changes), NOW)  # type: ignore[arg-type]


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_a_dead_child_says_why_and_what_counted() -> None:
    made = words(card("clamav-milter"))
    assert "clamav-milter down Down for 5 min 12 s: refused: clamav-milter at unix:" in made
    assert "Socket unix:/run/clamav/clamav-milter.ctl" in made
    assert "Known from /etc/clamav/clamav-milter.conf:12" in made
    assert "Sees mail as Postfix sent it" in made
    assert "took accept 14" in made
    assert made.count("connect, refused, took accept:") == 10


def test_a_slow_child_says_who_waits() -> None:
    made = words(card("rspamd"))
    assert "rspamd slow" in made
    assert "Waited for by 3 sessions, the longest for 6.4 s" in made
    assert re.search(r"p50 \d+ ms p95 \d+ ms of 394 messages in the last hour", made)


def test_a_child_of_which_nothing_is_known() -> None:
    made = words(child_card(ChildStatus("new", "unix:/new", state=UNKNOWN), NOW))
    assert "new not spoken to yet" in made
    assert "No message in the last hour." in made
    assert "Last errors" not in made


def test_one_that_was_taken_out_says_by_whom_and_until_when() -> None:
    made = words(card("archive", state=DISABLED, why="disabled by root", since=NOW - 60))
    assert "archive disabled Out of the chain for 1 min: disabled by root, until the next reload" in made


def test_one_that_observes_has_no_default_action() -> None:
    made = words(card("archive"))
    assert "Effect on mail none, it only observes" in made
    assert "Default action" not in made


def test_its_conditions_if_it_has_any() -> None:
    assert "When remote, unauthenticated, s25r" in words(card("milter-greylist"))
    assert "When" not in words(card("rspamd"))


def test_verdicts_the_most_frequent_first() -> None:
    made = words(card("opendmarc"))
    assert re.search(r"Verdicts continue \d+ quarantine \d+ Failures timeout 1 took tempfail 1", made)
