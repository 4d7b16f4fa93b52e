"""What is printed of a mail as JSON."""

import json

from mmx.core.action import Loss
from mmx.tools.mta.outcome import Address, Outcome
from mmx.tools.test.json import as_json
from tests.tools.trials import EDITS, passed, trial


def test_a_message_that_passes() -> None:
    told = json.loads(as_json(trial(passed(*EDITS, held=True), name="a.eml")))
    assert told | {"said": told["said"][3], "diff": len(told["diff"])} == {
        "status": "quarantine",
        "seconds": 0.128,
        "message": "a.eml",
        "session": 1,
        "milter": "scan at unix:/s",
        "stage": "EOM",
        "reply": "",
        "error": None,
        "problems": [],
        "options": {"version": 6, "actions": ["ADDHDRS", "CHGBODY"], "protocol": 0x100000},
        "refused": [],
        "progress": [],
        "said": {"by": "scan", "at": 0.1, "event": "EOM", "text": "ACCEPT"},
        "sender": "<z@x>",
        "recipients": ["<b@x>", "<d@x>"],
        "quarantine": "looks \x1bodd",
        "headers": [["Subject", " x"], ["X-Spam", " no"], ["X-Seen", " ä\x1b[2J"]],
        "diff": 13,
    }


def test_one_that_does_not() -> None:
    outcome = Outcome(10.0, 10.1, "reject", "RCPT", b"550 \xff", progress=[10.05])
    outcome.refused = [(Address(b"<b@x>", (b"A=1",)), "reject", b"550 \xff")]
    told = json.loads(as_json(trial(outcome)))
    assert told["reply"] == "550 \\xff"
    assert told["refused"] == [{"recipient": "<b@x> A=1", "status": "reject", "reply": "550 \\xff"}]
    assert told["progress"] == [0.05]
    assert (told["headers"], told["quarantine"], told["diff"]) == (None, None, [])
    lost = json.loads(as_json(trial(Outcome(10.0, 10.1, loss=Loss("eof", "gone")))))
    assert (lost["status"], lost["error"]) == ("error", "gone")
