"""Whose hold it is, and the header that names the children that ran; whole sessions are in scenarios."""

import pytest

from mmx.core import attribution
from mmx.core.child import Child
from mmx.core.plan import ChildPlan
from mmx.wire import reply
from mmx.wire.framing import frame
from tests.core.playbook import Playbook

HEADER = "children_header: X-Mmx-Children"


def child(name: str) -> Child:
    return Child(ChildPlan(name))


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (b"p=quarantine", b"[opendmarc via mmx] p=quarantine"),
        (b"", b"[opendmarc via mmx]"),
        (b"x" * 600, b"[opendmarc via mmx] " + b"x" * (attribution.LONGEST_REASON - 20)),
    ],
)
def test_the_reason_of_a_hold_begins_with_the_child(reason: bytes, text: bytes) -> None:
    assert attribution.hold(child("opendmarc"), reason) == frame(reply.QUARANTINE, text + b"\0")


def to_end_of_message(play: Playbook) -> None:
    play >> "M> EOH" >> "M> EOM"


def test_many_children_are_folded() -> None:
    children = [f"child scanner-{letter}: protocol=NOHDRS,NOEOH,NOBODY actions=NONE" for letter in "abcdef"]
    with Playbook("start: data", HEADER, *children) as play:
        to_end_of_message(play)
        for letter in "abcdef":
            play << f"scanner-{letter}> EOM"
        for letter in "abcdef":
            play >> f"scanner-{letter}< CONTINUE"
        first = " ".join(f"scanner-{letter}=continue" for letter in "abc")
        second = " ".join(f"scanner-{letter}=continue" for letter in "def")
        play << f'M< ADDHEADER X-Mmx-Children " {first}\\n\\t{second}"' << "M< CONTINUE"


def test_without_children_it_says_so() -> None:
    with Playbook("start: data", HEADER) as play:
        to_end_of_message(play)
        play << 'M< ADDHEADER X-Mmx-Children " none"' << "M< CONTINUE"


def test_a_refused_message_gets_none() -> None:
    with Playbook("start: data", HEADER, "child a: protocol=NOHDRS,NOEOH") as play:
        to_end_of_message(play)
        play << "a> EOM"
        play >> "a< REJECT" << "M< REJECT"


def test_an_mta_without_leading_space_gets_none() -> None:
    mta = "mta: protocol=0xfffff"
    with Playbook("start: data", HEADER, mta, "child a: protocol=NOHDRS,NOEOH") as play:
        to_end_of_message(play)
        play << "a> EOM"
        play >> "a< CONTINUE" << "M< ADDHEADER X-Mmx-Children a=continue" << "M< CONTINUE"


@pytest.mark.parametrize("more", [0, 1])
def test_a_message_with_too_many_forged_headers_is_deferred(more: int) -> None:
    with Playbook("start: data", HEADER, "child a: protocol=NOHDRS,NOEOH actions=NONE") as play:
        for _ in range(attribution.MOST_FORGED + more):
            play >> 'M> HEADER X-MMX-CHILDREN " forged"'
        to_end_of_message(play)
        play << "a> EOM"
        play >> "a< CONTINUE"
        if more:
            play << 'M< REPLYCODE "451 4.3.1 Mail filter has no room for this message - try again later"'
            assert play.record.why == "more than 100 headers X-Mmx-Children"
            return
        for number in range(attribution.MOST_FORGED, 0, -1):
            play << f'M< CHGHEADER {number} X-Mmx-Children ""'
        play << 'M< ADDHEADER X-Mmx-Children " a=continue"' << "M< CONTINUE"
