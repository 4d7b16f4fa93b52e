"""What is printed of a mail."""

import pytest

from mmx.core.action import Loss
from mmx.tools.colour import Paint
from mmx.tools.mta.outcome import Address, Outcome
from mmx.tools.test import text as try_text
from mmx.tools.test.text import difference, told
from mmx.wire import reply
from mmx.wire.framing import frame
from tests.tools.trials import EDITS, passed, trial

PLAIN = Paint(colours=False)


def test_status_and_time_come_first_then_who_said_what_when() -> None:
    assert list(told(trial(passed(), name="a\x1bb"), PLAIN)) == [
        "status: accept",
        "elapsed-time: 0.128 seconds",
        "message: a\\x1bb",
        "",
        "scan          1.0 ms  OPTNEG           version 6",
        "              3.0 ms  CONNECT to MAIL  CONTINUE",
        "            100.0 ms  EOM              ACCEPT",
        "opendkim      4.0 ms  MAIL             CONTINUE",
    ]


def test_a_refusal() -> None:
    outcome = Outcome(10.0, 10.1, "reject", "EOM", b"550-5.7.1 a\x1b\r\n550 5.7.1 b", problems=["odd"])
    outcome.refused = [(Address(b"<b@x>"), "reject", b"550 no")]
    assert list(told(trial(outcome), PLAIN))[:5] == [
        "status: reject",
        "elapsed-time: 0.100 seconds",
        "reply: 550-5.7.1 a\\x1b / 550 5.7.1 b (at EOM)",
        "refused: <b@x> 550 no",
        "note: odd",
    ]


def test_a_milter_that_is_lost() -> None:
    outcome = Outcome(10.0, 10.1, loss=Loss("eof", "scan closed the connection"))
    assert list(told(trial(outcome), PLAIN))[:3] == [
        "status: error",
        "elapsed-time: 0.100 seconds",
        "error: scan closed the connection",
    ]


def test_the_change_is_a_diff_with_the_envelope_before_it() -> None:
    assert list(difference(trial(passed(*EDITS, held=True)))) == [
        "quarantine: looks \\x1bodd",
        "-sender: <a@x>",
        "+sender: <z@x>",
        "-recipient: <c@x>",
        "+recipient: <d@x>",
        "--- as it comes",
        "+++ as it goes on",
        "@@ -1,4 +1,5 @@",
        " Subject: x",
        " X-Spam: no",
        "+X-Seen: \\xc3\\xa4\\x1b[2J",
        " ",
        " one",
    ]


def test_no_change_is_no_diff() -> None:
    assert list(difference(trial(passed()))) == []


def test_a_refused_recipient_is_not_deleted() -> None:
    outcome = passed()
    outcome.refused = [(Address(b"<b@x>"), "reject", b"550 no")]
    assert list(difference(trial(outcome))) == []


def test_a_large_body_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(try_text, "MOST_LINES", 5)
    assert list(difference(trial(passed(frame(reply.REPLBODY, b"new\r\n"))))) == [
        "body: 23 bytes become 5",
    ]


def test_colours() -> None:
    lines = list(told(trial(passed(*EDITS)), Paint(colours=True)))
    assert lines[0] == "status: \033[32maccept\033[0m"
    assert "\033[32m+recipient: <d@x>\033[0m" in lines
    assert "\033[31m-sender: <a@x>\033[0m" in lines
