"""Reading what postqueue -j lists: strictly, within bounds, and never by guessing."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.tools.held import queue as held_queue
from mmx.tools.held.postfix import Postfix
from mmx.tools.held.queue import QueuedMail, mail_of, parse, read_queue, whole_lines
from tests.tools.held_programs import ARRIVED, Programs, listed


def line(**members: Any) -> bytes:
    return json.dumps({**listed("4bZxWk2"), **members}).encode() + b"\n"


def test_a_message_on_hold() -> None:
    mail = QueuedMail("4bZxWk2", ARRIVED, 327, "a@example.net", ("r1@example.com",), 1)
    assert mail_of(line()) == mail
    assert mail.name == f"4bZxWk2@{ARRIVED}"


def test_only_what_is_on_hold_is_kept_the_oldest_first() -> None:
    queues = ["active", "hold", "deferred", "hold", "maildrop", "hold"]
    lines = [
        line(queue_name=name, queue_id=f"A{number}", arrival_time=9 - number)
        for number, name in enumerate(queues)
    ]
    queue = parse(lines)
    assert [mail.queue_id for mail in queue.mails] == ["A5", "A3", "A1"]
    assert list(queue.complaints()) == []


def test_a_message_that_is_listed_twice_counts_once_and_a_reused_id_twice() -> None:
    queue = parse([line(), line(), line(arrival_time=7)])
    assert [mail.arrival_time for mail in queue.mails] == [7, ARRIVED]


def test_members_that_a_later_postfix_adds_are_passed_over() -> None:
    assert mail_of(line(mood="good")) is not None


def test_many_recipients_are_counted_and_the_first_ones_kept() -> None:
    mail = mail_of(
        line(recipients=[{"address": f"r{number}@x", "delay_reason": "-"} for number in range(99)])
    )
    assert mail is not None
    assert (mail.recipient_count, len(mail.recipients)) == (99, held_queue.RECIPIENTS_KEPT)


BAD = [
    b"",
    b"\n",
    b"null\n",
    b"[]\n",
    b'{"queue_name": "hold"}\n',
    b"mail system is down\n",
    b"[" * 100_000,
    line()[:-20],
    line(queue_id="../etc"),
    line(queue_id="ALL"),
    line(queue_id="-d"),
    line(queue_id=5),
    line(queue_name=None),
    line(arrival_time="1764093000"),
    line(arrival_time=1764093000.5),
    line(arrival_time=True),
    line(arrival_time=-1),
    line(arrival_time=1 << 70),
    line(message_size=None),
    line(sender=["a"]),
    line(sender="\ud800"),
    line(recipients={}),
    line(recipients=["r@x"]),
    line(recipients=[{"address": 1}]),
]


@pytest.mark.parametrize("bad", BAD)
def test_a_line_that_is_none_is_counted_and_told_of(bad: bytes) -> None:
    queue = parse([bad, line()])
    assert [mail.queue_id for mail in queue.mails] == ["4bZxWk2"]
    assert list(queue.complaints()) == ["lines of postqueue -j that were not understood, and are left out: 1"]


@given(st.binary(max_size=200))
def test_no_bytes_are_more_than_a_line_that_is_none(data: bytes) -> None:
    assert parse([data]).mails == []


def test_bytes_that_are_no_utf8_are_kept() -> None:
    mail = mail_of(line(sender="S").replace(b'"S"', b'"\xff"'))
    assert mail is not None
    assert mail.sender.encode("utf-8", "surrogateescape") == b"\xff"


def test_the_rest_of_a_line_that_is_too_long_is_dropped() -> None:
    assert list(whole_lines([b"ab\n", b"cd", b"ef", b"g\n", b"hi\n", b"end"])) == [
        b"ab\n",
        b"cd",
        b"hi\n",
        b"end",
    ]


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_queue, "MOST", 2)
    monkeypatch.setattr(held_queue, "LONGEST_LINE", 1000)
    programs = Programs(tmp_path)
    programs.lists(listed("A1"), listed("A2"), listed("A3", sender="x" * 5000), listed("A4"), listed("A5"))
    queue = read_queue(Postfix(programs=tmp_path))
    assert [mail.queue_id for mail in queue.mails] == ["A1", "A2"]
    assert (queue.unreadable, queue.left_out) == (1, 2)
    assert list(queue.complaints())[1] == "2 more messages are on hold; only 2 are looked at"
