"""N1 to N18 as tables."""

import pytest

from mmx.core import negotiation
from mmx.core.negotiation import Knowledge
from mmx.core.plan import POSTFIX_MACROS
from mmx.errors import ProtocolError
from mmx.wire import option
from mmx.wire.option import (
    ALL_ACTIONS,
    ALL_PROTOCOL,
    HDR_LEADSPC,
    NOUNKNOWN,
    NR_BODY,
    NR_EOH,
    NR_HDR,
    RCPT_REJ,
    SETSYMLIST,
    SKIP,
    STAGE_EOH,
    STAGE_EOM,
    STAGE_RCPT,
)
from mmx.wire.payload import Options

STREAMED = NR_HDR | NR_EOH | NR_BODY
PLAIN = Options(6, 0, 0, {})
POSTFIX = {
    "2": Options(2, 0x1FF, 0x00007F, {}),
    "3": Options(3, 0x1FF, 0x00017F, {}),
    "4": Options(4, 0x1FF, 0x00037F, {}),
    "4 no_header_reply": Options(4, 0x1FF, 0x0003FF, {}),
    "6": Options(6, 0x1FF, 0x1FFFFF, {}),
}
"""2.1 of the rule book, observed."""


def with_protocol(*bits: int, version: int = 6) -> Options:
    return Options(version, 0, sum(bits), {})


@pytest.mark.parametrize(
    ("offer", "version", "protocol"),
    [
        ("2", 2, 0),
        ("3", 3, 0),
        ("4", 4, 0),
        ("4 no_header_reply", 4, NR_HDR),
        ("6", 6, STREAMED | HDR_LEADSPC),
    ],
)
def test_every_offer_of_postfix_is_answered_within_it(offer: str, version: int, protocol: int) -> None:
    answer = negotiation.answer_to_mta(POSTFIX[offer], [PLAIN], POSTFIX_MACROS)
    assert answer == Options(version, ALL_ACTIONS, protocol, {})
    assert not answer.protocol & ~POSTFIX[offer].protocol


@pytest.mark.parametrize(
    ("children", "bit", "there"),
    [
        # UNKNOWN is declined unless a child wants it (N3, N13).
        ([], NOUNKNOWN, True),
        ([with_protocol(NOUNKNOWN)], NOUNKNOWN, True),
        ([with_protocol(NOUNKNOWN), PLAIN], NOUNKNOWN, False),
        ([with_protocol(version=2)], NOUNKNOWN, True),
        ([with_protocol(version=3)], NOUNKNOWN, False),
        # Rejected recipients are asked for if any child wants them.
        ([PLAIN], RCPT_REJ, False),
        ([PLAIN, with_protocol(RCPT_REJ)], RCPT_REJ, True),
        # Content comes as a stream, and no event of it is ever declined.
        ([with_protocol(option.NOHDRS, option.NOEOH, option.NOBODY)], option.NOHDRS, False),
        ([with_protocol(option.NOHDRS, option.NOEOH, option.NOBODY)], option.NOEOH, False),
        ([with_protocol(option.NOHDRS, option.NOEOH, option.NOBODY)], option.NOBODY, False),
        ([], STREAMED, True),
        ([], SKIP, False),
        ([], HDR_LEADSPC, True),
        # The envelope is always wanted: for replays, logs and conditions.
        *[
            ([with_protocol(bit)], bit, False)
            for bit in (option.NOCONNECT, option.NOHELO, option.NOMAIL, option.NORCPT, option.NODATA)
        ],
        *[
            ([with_protocol(bit)], bit, False)
            for bit in (
                option.NR_CONN, option.NR_HELO, option.NR_MAIL, option.NR_RCPT, option.NR_DATA,
                option.NR_UNKN,
            )
        ],
    ],
)  # fmt: skip
def test_each_bit_of_the_answer(children: list[Options], bit: int, *, there: bool) -> None:
    answer = negotiation.answer_to_mta(POSTFIX["6"], children, POSTFIX_MACROS)
    assert bool(answer.protocol & bit) is there


@pytest.mark.parametrize("old", range(2, 7))
def test_a_v6_mta_is_answered_6_however_old_the_children(old: int) -> None:
    assert negotiation.answer_to_mta(POSTFIX["6"], [with_protocol(version=old)], {}).version == 6


def test_skip_is_asked_for_where_bodies_are_answered() -> None:
    offer = Options(6, ALL_ACTIONS, ALL_PROTOCOL & ~NR_BODY, {})
    assert negotiation.answer_to_mta(offer, [], {}).protocol & SKIP


@pytest.mark.parametrize("version", [7, 8, 0x01000001])
def test_a_newer_mta_is_answered_6_and_no_undefined_bit(version: int) -> None:
    offer = Options(version, 0xFFFFFFFF, 0xFFFFFFFF, {})
    answer = negotiation.answer_to_mta(offer, [with_protocol(0xFFFFFFFF)], {})
    assert answer.version == 6
    assert not answer.actions & ~ALL_ACTIONS
    assert not answer.protocol & ~ALL_PROTOCOL
    assert negotiation.offer_to_child(offer) == Options(6, ALL_ACTIONS, ALL_PROTOCOL, {})


@pytest.mark.parametrize("version", [0, 1])
def test_an_mta_that_libmilter_would_not_talk_to(version: int) -> None:
    with pytest.raises(ProtocolError, match="version"):
        negotiation.read_offer(Options(version, 0, 0, {}))


@pytest.mark.parametrize("version", [2, 3, 4, 5, 6, 7])
def test_an_mta_that_is_talked_to(version: int) -> None:
    offer = Options(version, 0, 0, {})
    assert negotiation.read_offer(offer) is offer


@pytest.mark.parametrize(("name", "offer"), POSTFIX.items())
def test_the_offer_to_a_child_looks_like_postfix(name: str, offer: Options) -> None:
    lacking = HDR_LEADSPC | RCPT_REJ if name != "6" else 0
    assert negotiation.offer_to_child(offer) == Options(6, ALL_ACTIONS, ALL_PROTOCOL & ~lacking, {})


def test_actions_that_the_mta_lacks_are_not_offered() -> None:
    offer = Options(6, 0x3F, ALL_PROTOCOL, {})
    assert negotiation.offer_to_child(offer).actions == 0x3F


OFFERED = Options(6, 0xFF, ALL_PROTOCOL & ~RCPT_REJ & ~HDR_LEADSPC, {})


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (Options(0, 0, 0, {}), "version 0"),
        (Options(1, 0, 0, {}), "version 1"),
        (Options(7, 0, 0, {}), "version 7"),
        (Options(6, SETSYMLIST, 0, {}), "actions"),
        (Options(6, 0x200, 0, {}), "actions"),
    ],
)
def test_an_answer_that_fails_the_child(answer: Options, wrong: str) -> None:
    with pytest.raises(ProtocolError, match=wrong):
        negotiation.read_child_answer(answer, OFFERED)


@pytest.mark.parametrize("version", [2, 3, 4, 5, 6])
def test_an_answer_of_any_version_since_2(version: int) -> None:
    answer = Options(version, 0xFF, NR_HDR | option.NOHELO, {3: (b"i",)})
    assert negotiation.read_child_answer(answer, OFFERED) == (answer, "")


def test_undefined_bits_are_ignored_with_a_remark() -> None:
    options, remark = negotiation.read_child_answer(Options(6, 0, 0x0FE00000 | SKIP, {}), OFFERED)
    assert options.protocol == SKIP
    assert "0xfe00000" in remark


def test_what_only_the_mta_could_provide_is_not_honoured() -> None:
    options, _ = negotiation.read_child_answer(Options(6, 0, RCPT_REJ | HDR_LEADSPC | NR_HDR, {}), OFFERED)
    assert options.protocol == NR_HDR


class TestMacroLists:
    def lists(self, *children: dict[int, tuple[bytes, ...]]) -> dict[int, tuple[bytes, ...]]:
        return negotiation.macro_lists([Options(6, 0, 0, macros) for macros in children], POSTFIX_MACROS)

    def test_none_is_sent_for_names_of_the_base_list(self) -> None:
        assert self.lists({3: (b"{rcpt_addr}", b"{i}"), 2: ()}, {}) == {}

    def test_one_is_the_base_list_and_what_children_need_beyond(self) -> None:
        wanted = self.lists({3: (b"{rcpt_addr}", b"{b}")}, {3: (b"b", b"{client_addr}")}, {0: (b"{v}",)})
        assert wanted == {3: (*POSTFIX_MACROS[3], b"{b}", b"{client_addr}")}

    @pytest.mark.parametrize(
        ("asked", "other"), [(STAGE_EOM, STAGE_EOH), (STAGE_EOH, STAGE_EOM)], ids=["EOM", "EOH"]
    )
    def test_those_of_eom_and_eoh_go_together(self, asked: int, other: int) -> None:
        assert self.lists({asked: (b"{x_y}",)}) == {asked: (b"i", b"{x_y}"), other: (b"i",)}

    def test_none_is_sent_where_the_mta_cannot_take_it(self) -> None:
        offer = Options(6, ALL_ACTIONS & ~SETSYMLIST, ALL_PROTOCOL, {})
        assert negotiation.answer_to_mta(offer, [Options(6, 0, 0, {3: (b"{x_y}",)})], {}).macros == {}


WANTS_REJECTED = with_protocol(RCPT_REJ)
BARE = {STAGE_RCPT: (b"i",)}


class TestRejectedRecipients:
    """They can only be told by {rcpt_mailer} (N17)."""

    def test_the_macros_are_asked_for(self) -> None:
        answer = negotiation.answer_to_mta(POSTFIX["6"], [WANTS_REJECTED], BARE)
        assert answer.protocol & RCPT_REJ
        assert answer.macros == {STAGE_RCPT: (b"i", b"{rcpt_mailer}", b"{rcpt_host}", b"{rcpt_addr}")}

    def test_they_are_not_asked_for_where_they_cannot_be_told(self) -> None:
        offer = Options(6, ALL_ACTIONS & ~SETSYMLIST, ALL_PROTOCOL, {})
        assert not negotiation.answer_to_mta(offer, [WANTS_REJECTED], BARE).protocol & RCPT_REJ
        assert negotiation.answer_to_mta(offer, [WANTS_REJECTED], POSTFIX_MACROS).protocol & RCPT_REJ


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        (b"{i}", b"i"), (b"i", b"i"), (b"{rcpt_addr}", b"{rcpt_addr}"), (b"{}", b"{}"), (b"{ab", b"{ab"),
        (b"ab}", b"ab}"), (b"", b""),
    ],
)  # fmt: skip
def test_braces_around_one_letter_are_nothing(name: bytes, bare: bytes) -> None:
    """S8."""
    assert negotiation.bare_name(name) == bare


def test_knowledge_is_the_last_answer_of_each_child() -> None:
    knowledge = Knowledge()
    assert knowledge.of("a") is None
    assert knowledge.learn("a", PLAIN)
    assert not knowledge.learn("a", PLAIN)
    assert knowledge.learn("a", with_protocol(SKIP))
    assert knowledge.of("a") == with_protocol(SKIP)
    assert knowledge.of("b") is None
    knowledge.forget("a")
    knowledge.forget("a")
    assert knowledge.of("a") is None


def test_macros_that_conditions_need_are_asked_for_beyond_the_base_list() -> None:
    lists = negotiation.macro_lists([], POSTFIX_MACROS, {option.STAGE_CONNECT: (b"{client_ptr}", b"j")})
    assert lists == {option.STAGE_CONNECT: (*POSTFIX_MACROS[option.STAGE_CONNECT], b"{client_ptr}")}
