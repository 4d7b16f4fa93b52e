"""Who had a message held, as the record of the message says it."""

import pytest

from tests.core.playbook import Playbook

MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.com>"


def test_every_child_that_asked_is_named_with_its_own_reason() -> None:
    head = ("start: data", *(f"child {name}: actions=QUARANTINE" for name in "abc"))
    with Playbook(*head) as play:
        play >> "M> EOM" << "a,b,c> EOH"
        play >> "a< CONTINUE" << "a> EOM"
        play >> "b< CONTINUE" << "b> EOM"
        play >> "c< CONTINUE" << "c> EOM"
        play >> "a< QUARANTINE first"
        play >> 'a< QUARANTINE "p=quarantine for you"'
        play >> "a< CONTINUE"
        play >> "b< CONTINUE"
        play >> "c< QUARANTINE spam"
        play >> "c< CONTINUE"
        play << 'M< QUARANTINE "[a via mmx] first"'
        play << 'M< QUARANTINE "[a via mmx] p=quarantine for you"'
        play << 'M< QUARANTINE "[c via mmx] spam"' << "M< CONTINUE"
        held = play.record.held
        assert held is not None
        assert held.by == (("a", b"p=quarantine for you"), ("c", b"spam"))


@pytest.mark.parametrize(
    ("options", "said", "sent", "reason"),
    [
        ("actions=QUARANTINE", ('QUARANTINE ""', "CONTINUE"), "[a via mmx]", b""),
        (
            "verdicts=reject:quarantine",
            ('REPLYCODE "550 5.7.1 no"',),
            "[a via mmx] 550 5.7.1 no",
            b"550 5.7.1 no",
        ),
        ("died=quarantine", ("closes",), "[a via mmx] content filter failed", b"eof"),
    ],
)
def test_the_reason_is_what_the_child_said_or_its_failure(
    options: str, said: tuple[str, ...], sent: str, reason: bytes
) -> None:
    with Playbook("start: data", f"child a: {options}") as play:
        play >> "M> EOM" << "a> EOH"
        if said != ("closes",):
            play >> "a< CONTINUE" << "a> EOM"
        for word in said:
            play >> (f"a< {word}")
        play << f'M< QUARANTINE "{sent}"' << "M< CONTINUE"
        held = play.record.held
        assert held is not None
        assert held.by == (("a", reason),)


def test_the_time_is_that_of_the_reply_to_mail_and_not_of_the_command() -> None:
    with Playbook("start: helo", "child a: actions=QUARANTINE") as play:
        play >> f"M> {MAIL}" << f"a> {MAIL}"
        play >> "wait 3"
        play >> "a< CONTINUE" << "M< CONTINUE"
        answered = play.now
        play >> "wait 5"
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> "a< CONTINUE" << "M< CONTINUE"
        play >> "M> DATA" << "a> DATA"
        play >> "a< CONTINUE" << "M< CONTINUE"
        play >> "M> EOM" << "a> EOH"
        play >> "a< CONTINUE" << "a> EOM"
        play >> "a< QUARANTINE spam"
        play >> "a< CONTINUE" << 'M< QUARANTINE "[a via mmx] spam"' << "M< CONTINUE"
        held = play.record.held
        assert held is not None
        assert held.mail_answered == answered


@pytest.mark.parametrize("said", ["CONTINUE", "REJECT", "ACCEPT"])
def test_no_other_message_was_held_by_anybody(said: str) -> None:
    with Playbook("start: data", "child a: actions=QUARANTINE", "child b:") as play:
        play >> "M> EOM" << "a,b> EOH"
        play >> "a< CONTINUE" << "a> EOM"
        play >> "b< CONTINUE" << "b> EOM"
        if said == "REJECT":
            play >> "a< QUARANTINE spam"
        play >> "a< CONTINUE"
        play >> f"b< {said}"
        play.queues.take_all("M")
        assert play.record.held is None


def test_a_message_given_up_before_the_verdict_was_not_held() -> None:
    with Playbook("start: data", "child a: actions=QUARANTINE") as play:
        play >> "M> EOM" << "a> EOH"
        play >> "a< CONTINUE" << "a> EOM"
        play >> "a< QUARANTINE spam"
        play >> "M> closes"
        play.queues.take_all("a")
        assert play.record.held is None
