"""The merge table of G3, cell by cell, at every event it is for."""

import itertools

import pytest

from mmx.core.child import Link
from tests.core.playbook import Playbook

MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"
REFUSED = 'REPLYCODE "550 5.7.1 no"'
LATER = 'REPLYCODE "451 4.7.1 later"'
HOLD = "QUARANTINE why"

ROWS = {
    "c": ["CONTINUE"],
    "s": ["SKIP"],
    "a": ["ACCEPT"],
    "r": ["REJECT"],
    "t": ["TEMPFAIL"],
    "y5": [REFUSED],
    "y4": [LATER],
    "d": ["DISCARD"],
    "q": [HOLD, "CONTINUE"],
    "X accept": ["closes"],
    "X tempfail": ["closes"],
    "X reject": ["closes"],
    "X quarantine": ["closes"],
    "X shutdown": ["closes"],
}
"""What a child says, by the name of its row in G3; X stands for a failure with that default action."""
DECIDES = {
    "r": "REJECT",
    "t": "TEMPFAIL",
    "y5": REFUSED,
    "y4": LATER,
    "d": "DISCARD",
    "X tempfail": "TEMPFAIL",
    "X reject": 'REPLYCODE "550 5.5.0 Service unavailable"',
    "X shutdown": 'REPLYCODE "421 4.7.1 Service unavailable - try again later"',
}
HOLDS = {"q": "why", "X quarantine": "content filter failed"}
AT_ENVELOPE = [row for row in ROWS if row != "q"]


def default_action(row: str) -> str:
    return row.removeprefix("X ") if row.startswith("X ") else "tempfail"


def pair(start: str, first: str, second: str) -> Playbook:
    """Two children side by side, each with the default action that its row needs."""
    return Playbook(
        f"start: {start}",
        f"child a: actions=QUARANTINE default_action={default_action(first)}",
        f"child b: actions=QUARANTINE default_action={default_action(second)}",
    )


def says(play: Playbook, child: str, row: str) -> None:
    for line in ROWS[row]:
        play >> f"{child}< {line}"
        if line == "closes":
            assert play.child(child).link is Link.DOWN


def merged(first: str, second: str) -> list[str]:
    """What the MTA must hear, by G3: the first in the list that decides (V9), holds only if nobody does."""
    for row in (first, second):
        if row in DECIDES:
            return [DECIDES[row]]
    if (first, second) == ("a", "a"):
        return ["ACCEPT"]
    # Edits are sent before the default actions' holds; the last reason wins (V2).
    rows = sorted((("a", first), ("b", second)), key=lambda named: named[1] == "X quarantine")
    held = [f'QUARANTINE "[{name} via mmx] {HOLDS[row]}"' for name, row in rows if row in HOLDS]
    return [*held, "CONTINUE"]


@pytest.mark.parametrize(("first", "second"), [*itertools.product(ROWS, ROWS)])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_the_merge_table_at_end_of_message(first: str, second: str, order: str) -> None:
    rows = {"a": first, "b": second}
    with pair("data", first, second) as play:
        play >> "M> EOH" << "a,b> EOH"
        play >> "a,b< CONTINUE"
        play >> "M> EOM" << "a,b> EOM"
        early = False
        for child in order:
            says(play, child, rows[child])
            if child == "a" and order == "ab" and first in DECIDES:
                # An earlier decisive reply ends the event at once (G1); who owes its verdict is closed.
                play << f"M< {DECIDES[first]}" << "b> QUIT"
                early = True
                break
        if not early:
            for line in merged(first, second):
                play << f"M< {line}"
        assert play.session.state.transaction is None


@pytest.mark.parametrize(("first", "second"), [*itertools.product(AT_ENVELOPE, AT_ENVELOPE)])
@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize(("start", "event"), [("helo", MAIL), ("rcpt", "DATA")])
def test_the_merge_table_at_mail_and_data(
    start: str, event: str, first: str, second: str, order: str
) -> None:
    rows = {"a": first, "b": second}
    with pair(start, first, second) as play:
        play >> f"M> {event}" << f"a,b> {event}"
        for child in order:
            says(play, child, rows[child])
            if play.session.state.owed is None:
                break
        expected = "ACCEPT" if (first, second) == ("a", "a") else "CONTINUE"
        decisive = next((row for row in (first, second) if row in DECIDES), None)
        play << f"M< {DECIDES[decisive] if decisive else expected}"
        if decisive is not None:
            for child, row in rows.items():
                answered = order == "ba" or child == "a" or first not in DECIDES
                inside = row in ("c", "s") if answered else True
                if inside:
                    play << f"{child}> ABORT"
            play >> f"M> {RCPT}" << f"M< {DECIDES[decisive]}"


@pytest.mark.parametrize(("first", "second"), [*itertools.product(AT_ENVELOPE, AT_ENVELOPE)])
def test_the_merge_table_at_a_recipient(first: str, second: str) -> None:
    """Child by child: who comes after a refusal is not asked (V6, G1)."""
    with pair("mail", first, second) as play:
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        says(play, "a", first)
        if first not in DECIDES:
            play << f"b> {RCPT}"
            says(play, "b", second)
        decisive = next((row for row in (first, second) if row in DECIDES), None)
        if decisive is None:
            play << f"M< {'ACCEPT' if (first, second) == ('a', 'a') else 'CONTINUE'}"
        else:
            play << f"M< {DECIDES[decisive]}"
            if decisive == "d":
                inside = (
                    ["b"] if first == "d" else [] if first in ("a", "X accept", "X quarantine") else ["a"]
                )
                for child in inside:
                    play << f"{child}> ABORT"
            assert play.session.state.transaction is not None
            assert play.session.state.transaction.recipients[0].refused is (decisive != "d")


@pytest.mark.parametrize("first", AT_ENVELOPE)
def test_a_discarded_transaction_ends_for_everybody(first: str) -> None:
    """G7, and who has left the message already gets no ABORT (S3)."""
    with pair("helo", first, "d") as play:
        play >> f"M> {MAIL}" << f"a,b> {MAIL}"
        says(play, "a", first)
        if first in DECIDES:
            play << f"M< {DECIDES[first]}" << "b> ABORT"
            return
        play >> "b< DISCARD" << "M< DISCARD"
        if first in ("c", "s"):
            play << "a> ABORT"


GREETED = [row for row in AT_ENVELOPE if row != "d"]


@pytest.mark.parametrize(("first", "second"), [*itertools.product(GREETED, GREETED)])
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_the_merge_table_at_helo(first: str, second: str, order: str) -> None:
    """A failure lets HELO pass, whatever the default action; a refusal ends the session (G4, F8)."""
    rows = {"a": first, "b": second}
    refusals = {row: text for row, text in DECIDES.items() if not row.startswith("X ")}
    with pair("connected", first, second) as play:
        play >> "M> HELO x" << "a,b> HELO x"
        for child in order:
            for line in ROWS[rows[child]]:
                play >> f"{child}< {line}"
            if rows[child] == "a" or rows[child] in refusals:
                play << f"{child}> QUIT"
            if play.session.state.owed is None:
                break
        decisive = next((row for row in (first, second) if row in refusals), None)
        if decisive is None:
            play << f"M< {'ACCEPT' if (first, second) == ('a', 'a') else 'CONTINUE'}"
            return
        play << f"M< {refusals[decisive]}"
        for child, row in rows.items():
            unheard = order == "ab" and child == "b" and first in refusals
            if row in ("c", "s") or unheard:
                play << f"{child}> QUIT"
        play >> f"M> {MAIL}" << f"M< {refusals[decisive]}"
        play >> f"M> {RCPT}" << f"M< {refusals[decisive]}"
        play >> "M> UNKNOWN x" << f"M< {refusals[decisive]}"


UNKNOWN_ROWS = [row for row in AT_ENVELOPE if not row.startswith("X ")]


@pytest.mark.parametrize(("first", "second"), [*itertools.product(UNKNOWN_ROWS, UNKNOWN_ROWS)])
def test_the_merge_table_at_an_unknown_command(first: str, second: str) -> None:
    """Only r, t and y mean anything there (V5, G11)."""
    refusals = {row: text for row, text in DECIDES.items() if row != "d"}
    with pair("helo", first, second) as play:
        play >> "M> UNKNOWN NOOP" << "a,b> UNKNOWN NOOP"
        play >> f"b< {ROWS[second][0]}"
        play >> f"a< {ROWS[first][0]}"
        play << f"M< {refusals.get(first) or refusals.get(second) or 'CONTINUE'}"
