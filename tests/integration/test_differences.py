"""Where mmx differs from Postfix on purpose: what each does, a test for every row of the documented table."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.integration import scripted_child as bits
from tests.integration.rig import DIRECT, MMX, Fate, Outcome, Rig, Settings
from tests.integration.scripted_child import ChildScript, Reply
from tests.integration.scripts import (
    REFUSED_BY_POSTFIX,
    Script,
    add,
    add_recipient,
    edits,
    key,
    message,
    plain,
    quarantine,
    replace_body,
    reply_code,
    session,
)
from tests.integration.smtp_client import CLOSED, Step

ONE = session(message())
TWO = session(message(), message("m2"))
CLOSE: Reply = (("close", ""),)
TAGGING = ChildScript(replies={"eom": edits(add("X-Tag", "yes"))})
BENIGN = ChildScript()


@pytest.fixture(scope="module")
def tempfail(postfix_package: None) -> Iterator[Rig]:
    with Rig(Settings(protocols=(6,))) as rig:
        yield rig


@pytest.fixture(scope="module")
def accept(postfix_package: None) -> Iterator[Rig]:
    dropping = {"milter_header_checks": "regexp:{{/^X-Drop:/ IGNORE}}"}
    with Rig(Settings(protocols=(6,), default_action="accept", main_cf=dropping)) as rig:
        yield rig


@pytest.fixture(scope="module")
def original(postfix_package: None) -> Iterator[Rig]:
    with Rig(Settings(protocols=(6,), child={"content": "original"})) as rig:
        yield rig


def both(rig: Rig, *children: ChildScript, steps: tuple[Step, ...] = ONE) -> tuple[Outcome, Outcome]:
    """What the script gives direct and behind mmx."""
    script = Script("difference", children, steps)
    return rig.run(script, DIRECT), rig.run(script, MMX)


def delivered(outcome: Outcome, number: int = 0) -> Fate:
    fate = outcome.fates[number]
    assert fate is not None
    return fate


def tagged(outcome: Outcome, number: int = 0, name: str = "X-Tag") -> bool:
    return re.search(rf"(?m)^{name}:".encode(), delivered(outcome, number).content) is not None


def final_reply(outcome: Outcome) -> str:
    """The reply to the content of the last message; QUIT's comes after it."""
    return outcome.replies[-2]


def seen(rig: Rig, child: int) -> str:
    """The codes of all packets a child was sent in the last run, macros left out."""
    return "".join(code for one in rig.children[child].connections for code, _ in one.packets if code != "D")


def test_later_children_see_a_quarantined_message(tempfail: Rig) -> None:
    holding = ChildScript(replies={"eom": edits(quarantine("why"))})
    direct, mmx = both(tempfail, holding, TAGGING)
    assert delivered(direct).held
    assert not tagged(direct)
    assert delivered(mmx).held
    assert tagged(mmx)


@pytest.mark.parametrize("verdict", ["r", "d"])
def test_a_verdict_of_a_later_child_wins_over_the_hold(tempfail: Rig, verdict: str) -> None:
    holding = ChildScript(replies={"eom": edits(quarantine("why"))})
    direct, mmx = both(tempfail, holding, ChildScript(replies={"eom": plain(verdict)}))
    assert delivered(direct).held
    assert mmx.fates == (() if verdict == "r" else (None,))


def test_the_edits_of_a_child_that_fails_are_dropped(accept: Rig) -> None:
    failing = ChildScript(replies={"eom": (add("X-Half", "1"), replace_body("half"), *CLOSE)})
    direct, mmx = both(accept, failing, TAGGING)
    assert tagged(direct, name="X-Half")
    assert not tagged(mmx, name="X-Half")
    assert delivered(mmx).content.endswith(b"\r\n\r\nhello\r\n")
    assert tagged(mmx)


def test_a_child_that_failed_is_back_at_the_next_message(accept: Rig) -> None:
    script = Script("difference", (TAGGING,), TWO)
    once = {0: replace(TAGGING, replies={**TAGGING.replies, key("rcpt"): CLOSE})}
    direct, mmx = accept.run(script, DIRECT, once), accept.run(script, MMX, once)
    assert [tagged(direct, number) for number in (0, 1)] == [False, False]
    assert [tagged(mmx, number) for number in (0, 1)] == [False, True]


@pytest.mark.parametrize("event", ["connect", "helo"])
def test_a_child_that_fails_at_the_start_is_tried_again_at_mail(tempfail: Rig, event: str) -> None:
    script = Script("difference", (TAGGING,), ONE)
    once = {0: replace(TAGGING, replies={event: CLOSE})}
    direct, mmx = tempfail.run(script, DIRECT, once), tempfail.run(script, MMX, once)
    assert direct.fates == ()
    assert tagged(mmx)


@pytest.mark.parametrize("event", ["connect", "helo"])
def test_a_child_that_fails_at_every_start_ends_in_its_default_action(tempfail: Rig, event: str) -> None:
    _, mmx = both(tempfail, ChildScript(replies={event: CLOSE}))
    assert mmx.fates == ()
    assert mmx.replies[2].startswith("451 4.7.1 ")


BAD_TEXTS = {
    "550 4.7.1 another class": "550 ",
    "550": "550 ",
    "451-4.7.1 the last line too has a dash": "451 ",
}


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_a_bad_reply_text_keeps_its_class(tempfail: Rig, text: str) -> None:
    script = Script("difference", (ChildScript(replies={key("eom"): reply_code(text)}), TAGGING), TWO)
    mmx = tempfail.run(script, MMX)
    assert mmx.replies[5].startswith(BAD_TEXTS[text])
    assert tagged(mmx)


def test_postfix_loses_a_milter_with_a_bad_reply_text(tempfail: Rig) -> None:
    direct, _ = both(tempfail, ChildScript(replies={key("eom"): reply_code("550 4.7.1 x")}), TAGGING)
    assert final_reply(direct).startswith("451 4.3.5 ")


def test_a_bad_header_name_costs_only_that_edit(tempfail: Rig) -> None:
    child = ChildScript(replies={"eom": edits(add("X Y", "1"), add("X-Tag", "2"), ("m", "\0\0\0\1\0v\0"))})
    _, mmx = both(tempfail, child)
    assert tagged(mmx)
    assert b"X Y" not in delivered(mmx).content


def test_an_edit_that_was_not_negotiated_is_dropped(tempfail: Rig) -> None:
    child = ChildScript(
        actions=bits.ADDHDRS, replies={"eom": edits(add("X-Tag", "1"), replace_body("new\r\n"))}
    )
    direct, mmx = both(tempfail, child)
    assert delivered(direct).content.endswith(b"\r\n\r\nnew\r\n")
    assert delivered(mmx).content.endswith(b"\r\n\r\nhello\r\n")
    assert tagged(mmx)


@pytest.mark.parametrize("verdict", ["a", "d"])
def test_accept_and_discard_on_an_unknown_command_count_as_continue(tempfail: Rig, verdict: str) -> None:
    child = replace(TAGGING, replies={**TAGGING.replies, "unknown": plain(verdict)})
    direct, mmx = both(tempfail, child, steps=("EHLO client.test", "FOO", *message(), "QUIT"))
    if verdict == "a":
        assert direct.replies[-1] == CLOSED  # smtpd(8) panics
    else:
        assert direct.fates == (None,)  # the message is lost with a 250
    assert tagged(mmx)


def test_accept_on_a_rejected_recipient_counts_as_continue(tempfail: Rig) -> None:
    steps = session(message(recipients=(REFUSED_BY_POSTFIX, "r1@rcpt.test")))
    replies = {**TAGGING.replies, key("rcpt", REFUSED_BY_POSTFIX): plain("a")}
    direct, mmx = both(tempfail, ChildScript(protocol=bits.RCPT_REJ, replies=replies), steps=steps)
    assert not tagged(direct)
    assert tagged(mmx)


def test_a_second_data_after_a_refused_one_is_refused_from_memory(tempfail: Rig) -> None:
    child = ChildScript(replies={"data": reply_code("450 4.2.0 not yet")}, strict=False)
    steps = ("EHLO client.test", *message(), "DATA", "DATA", "QUIT")
    script = Script("difference", (child,), steps)
    direct = tempfail.run(script, DIRECT)
    assert seen(tempfail, 0).count("T") == 3
    mmx = tempfail.run(script, MMX)
    assert seen(tempfail, 0).count("T") == 1
    assert direct.replies == mmx.replies


@pytest.mark.parametrize("event", ["mail", "data"])
def test_a_later_child_may_see_a_refused_event_but_is_told_of_the_end(tempfail: Rig, event: str) -> None:
    refusing = ChildScript(replies={key(event): plain("r")})
    script = Script(
        "difference", (refusing, BENIGN), ("EHLO client.test", *message(), "RSET", *message("m2"), "QUIT")
    )
    tempfail.run(script, DIRECT)
    assert seen(tempfail, 1).count("M") == (1 if event == "mail" else 2)
    tempfail.run(script, MMX)
    begun = "M" if event == "mail" else "MRT"
    assert re.fullmatch(rf"CH({begun}[AQ]+(CH)?)?(MR?A+)?MRTL+NBEA*Q?", seen(tempfail, 1))


def test_a_later_child_never_sees_a_refused_recipient(tempfail: Rig) -> None:
    refusing = ChildScript(replies={key("rcpt", "r1@rcpt.test"): plain("r")})
    script = Script(
        "difference", (refusing, BENIGN), session(message(recipients=("r1@rcpt.test", "r2@rcpt.test")))
    )
    tempfail.run(script, MMX)
    recipients = [
        data for one in tempfail.children[1].connections for code, data in one.packets if code == "R"
    ]
    assert recipients == [b"<r2@rcpt.test>\0"]


def test_later_children_see_headers_that_milter_header_checks_drop(accept: Rig) -> None:
    dropped = ChildScript(replies={"eom": edits(add("X-Drop", "1"), add("X-Keep", "2"))})
    direct, mmx = both(accept, dropped, BENIGN)
    shown = [b"".join(outcome.views[1]["m1@sender.test"].headers) for outcome in (direct, mmx)]
    assert [b"X-Drop" in headers for headers in shown] == [False, True]
    assert delivered(direct) == delivered(mmx)
    assert tagged(mmx, name="X-Keep")
    assert not tagged(mmx, name="X-Drop")


def test_children_of_original_content_work_together(original: Rig, time_unit: float) -> None:
    pause = 0.3 * time_unit
    slow = ChildScript(replies={"eom": (("sleep", str(pause)), ("c", ""))})
    script = Script("difference", (slow, slow, slow), ONE)
    took = {}
    for side in (DIRECT, MMX, MMX):
        start = time.monotonic()
        assert original.run(script, side).fates[0] is not None
        took[side] = time.monotonic() - start
    assert took[DIRECT] > 3 * pause
    assert took[MMX] < 2 * pause


def test_a_body_mixed_with_other_edits_is_collected(tempfail: Rig) -> None:
    mixed = edits(replace_body("one\r\n"), add("X-Tag", "1"), replace_body("two\r\n"))
    direct, mmx = both(tempfail, ChildScript(replies={"eom": mixed}))
    assert final_reply(direct).startswith("451 4.3.5 ")
    assert tagged(mmx)
    assert delivered(mmx).content.endswith(b"\r\n\r\none\r\ntwo\r\n")


def test_quarantine_before_the_end_of_the_message_fails_the_child(tempfail: Rig) -> None:
    early = ChildScript(replies={key("mail"): (quarantine("why"), ("c", ""))})
    script = Script("difference", (early, TAGGING), session(message(), ["RSET"], message("m2")))
    mmx = tempfail.run(script, MMX)
    assert mmx.replies[2].startswith("451 4.7.1 ")
    assert [fate and fate.held for fate in mmx.fates] == [False]
    assert tagged(mmx)


def test_packets_after_a_verdict_do_not_reach_another_message(accept: Rig) -> None:
    late = (add("X-First", "1"), ("c", ""), add_recipient("<late@rcpt.test>"))
    child = ChildScript(replies={key("eom"): late, key("eom", tag="m2"): edits(add("X-Tag", "2"))})
    mmx = accept.run(Script("difference", (child,), TWO), MMX)
    assert [tagged(mmx, number) for number in (0, 1)] == [False, True]
    assert tagged(mmx, name="X-First")
    assert [delivered(mmx, number).recipients for number in (0, 1)] == [("r1@rcpt.test",), ("r1@rcpt.test",)]


def test_a_reply_nobody_asked_for_never_answers_another_event(accept: Rig) -> None:
    stray = ChildScript(replies={key("mail"): (("c", ""), ("r", ""))}, strict=False)
    steps = session(message(recipients=("r1@rcpt.test", "r2@rcpt.test")))
    direct, mmx = both(accept, stray, steps=steps)
    assert direct.replies[3].startswith("550 ")
    assert delivered(mmx).recipients == ("r1@rcpt.test", "r2@rcpt.test")


def test_a_child_that_ends_a_message_early_is_connected_to_anew(tempfail: Rig) -> None:
    child = ChildScript(replies={key("header"): plain("r")})
    for side, links in ((DIRECT, 1), (MMX, 2)):
        outcome = tempfail.run(Script("difference", (child,), TWO), side)
        assert outcome.replies[5].startswith("550")
        assert final_reply(outcome).startswith("250")
        assert len(tempfail.children[0].connections) == links


def test_macros_of_headers_are_told_once(tempfail: Rig) -> None:
    for side in (DIRECT, MMX):
        tempfail.run(Script("difference", (BENIGN,), ONE), side)
        packets = tempfail.children[0].connections[0].packets
        headers = sum(code == "L" for code, _ in packets)
        macros = sum(code == "D" and data[:1] == b"L" for code, data in packets)
        assert (headers > 1, macros) == (True, headers if side == DIRECT else 1)


def test_a_refused_session_is_over_for_all_children(tempfail: Rig) -> None:
    """Postfix still asks an earlier child at MAIL after a later one refused HELO; mmx hears no more then."""
    discarding, refusing = (
        ChildScript(replies={"mail": plain("d")}),
        ChildScript(replies={"helo": plain("t")}),
    )
    direct, mmx = both(tempfail, discarding, refusing)
    assert direct.replies[2].startswith("250 ")
    assert direct.fates == (None,)
    assert mmx.replies[2].startswith("451 ")
    assert mmx.fates == ()
