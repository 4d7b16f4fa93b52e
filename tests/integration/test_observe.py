"""A child that observes, with a real Postfix.

Whatever it says, the mail arrives as if it were not there, and the log tells all that it said.
"""

import re
from collections.abc import Iterator

import pytest

from tests.integration.postfix import eventually
from tests.integration.rig import MMX, Rig, Settings
from tests.integration.scripted_child import ChildScript, Reply
from tests.integration.scripts import (
    Script,
    add,
    add_recipient,
    change,
    change_sender,
    delete_recipient,
    edits,
    key,
    message,
    plain,
    quarantine,
    replace_body,
    reply_code,
    session,
)

NO = reply_code("550 5.7.1 not this one")
SAID: dict[str, tuple[dict[str, Reply], str]] = {
    "connect": ({"connect": NO}, 'verdict=reject reply="550 5.7.1 not this one" stage=CONNECT'),
    "helo": ({"helo": plain("t")}, "verdict=tempfail stage=HELO"),
    "mail": ({key("mail"): NO}, 'verdict=reject reply="550 5.7.1 not this one" stage=MAIL'),
    "rcpt": ({key("rcpt"): NO}, 'verdict=reject reply="550 5.7.1 not this one" stage=RCPT refused=1'),
    "data": ({key("data"): plain("d")}, "verdict=discard stage=DATA"),
    "header": ({key("header", "2"): plain("r")}, "verdict=reject stage=HEADER"),
    "body": ({key("body"): plain("a")}, "verdict=accept stage=BODY"),
    "eom": ({key("eom"): NO}, 'verdict=reject reply="550 5.7.1 not this one" stage=EOM'),
    "hold": ({key("eom"): edits(quarantine("odd"))}, "verdict=quarantine stage=EOM edits=QUARANTINE:1"),
    "edits": (
        {
            key("eom"): edits(
                add("X-A", "a"),
                change(1, "Subject", "other"),
                add_recipient("<x@rcpt.test>"),
                delete_recipient("<r1@rcpt.test>"),
                change_sender("<x@sender.test>"),
                replace_body("other\r\n"),
            )
        },
        "verdict=continue stage=EOM edits=ADDRCPT:1,DELRCPT:1,REPLBODY:1,CHGFROM:1,ADDHEADER:1,CHGHEADER:1",
    ),
    "death": ({key("eom"): (("close", ""),)}, "verdict=failed stage=EOM"),
}


@pytest.fixture(scope="module")
def observing(postfix_package: None) -> Iterator[Rig]:
    """A rig whose children all observe."""
    with Rig(Settings(protocols=(6,), child={"mode": "observe"})) as running:
        yield running


@pytest.mark.parametrize("what", SAID)
def test_it_has_no_effect_and_is_told_of(observing: Rig, what: str) -> None:
    replies, line = SAID[what]
    untouched = observing.run(Script("quiet", (ChildScript(),), session(message())), MMX)
    daemon = observing.daemon(1, "headers")
    before = len(daemon.log_text())
    outcome = observing.run(Script(what, (ChildScript(replies=replies),), session(message())), MMX)
    assert outcome.lines() == untouched.lines()
    assert len(outcome.fates) == 1

    wanted = re.compile(rf"observed session=\S+ queue_id=\w+ child=a {re.escape(line)} ")

    def told() -> bool:
        return wanted.search(daemon.log_text()[before:]) is not None

    assert eventually(told, 10.0, 0.02), daemon.log_text()[before:]
