"""Which macros a child gets (M5, N14, N15)."""

import pytest

from mmx.core import macros
from mmx.core.plan import POSTFIX_MACROS
from mmx.wire import command, option, payload
from mmx.wire.framing import CODE, MAX_DATA, frame

PAIRS = [(b"i", b"1"), (b"{rcpt_addr}", b"r"), (b"{extra}", b"x")]


def packet(code: int, pairs: list[tuple[bytes, bytes]]) -> bytes:
    return frame(command.MACRO, payload.encode_macros(code, pairs))


@pytest.mark.parametrize(
    ("own", "requested", "expected"),
    [
        ({}, (), PAIRS),  # nothing was asked for: as main.cf says
        ({}, (2,), PAIRS),
        ({}, (3,), PAIRS[:2]),  # somebody asked for more than the base list
        ({3: (b"{extra}",)}, (3,), PAIRS[2:]),
        ({3: (b"{i}", b"{extra}")}, (3,), [PAIRS[0], PAIRS[2]]),
        ({3: ()}, (), PAIRS),  # an empty list means the usual one (N14)
        ({3: ()}, (3,), PAIRS[:2]),
        ({2: (b"i",)}, (2,), PAIRS),
        ({3: (b"{nothing}",)}, (), []),
    ],
)
def test_a_child_gets_its_own_list_or_the_base_list(
    own: dict[int, tuple[bytes, ...]], requested: tuple[int, ...], expected: list[tuple[bytes, bytes]]
) -> None:
    sent = macros.for_child(packet(command.RCPT, PAIRS), own, requested, POSTFIX_MACROS)
    assert sent == packet(command.RCPT, expected)


@pytest.mark.parametrize("code", option.STAGE_OF_COMMAND)
def test_the_list_of_the_stage_counts(code: int) -> None:
    stage = option.STAGE_OF_COMMAND[code]
    sent = macros.for_child(packet(code, PAIRS), {stage: (b"i",)}, (), {})
    assert sent == packet(code, PAIRS[:1])


def test_macros_of_unknown_have_no_list() -> None:
    received = packet(command.UNKNOWN, PAIRS)
    assert macros.for_child(received, {0: (b"i",)}, (0,), {}) is received


def test_a_packet_longer_than_libmilter_reads_is_trimmed() -> None:
    pairs = [(b"a", b"x" * 40000), (b"b", b"y" * 30000), (b"c", b"z")]
    sent = macros.for_child(packet(command.MAIL, pairs), {}, (), {})
    assert len(sent) - CODE - 1 <= MAX_DATA
    assert sent == packet(command.MAIL, pairs[:1])


@pytest.mark.parametrize(("name", "value"), [(b"i", b"1"), (b"{extra}", b"x"), (b"v", None)])
def test_the_value_of_a_macro(name: bytes, value: bytes | None) -> None:
    assert macros.value_of(packet(command.RCPT, PAIRS), name) == value


def test_braces_around_one_letter_are_nothing() -> None:
    assert macros.value_of(packet(command.CONNECT, [(b"{v}", b"Postfix")]), b"v") == b"Postfix"


class TestWithValues:
    VALUES = ((b"{auth_type}", b"own"), (b"x", b"y"))

    def test_at_connect_they_are_added_even_if_the_mta_sent_none(self) -> None:
        sent = macros.with_values(None, command.CONNECT, self.VALUES)
        assert sent == packet(command.CONNECT, list(self.VALUES))

    def test_elsewhere_they_only_replace_what_would_hide_them(self) -> None:
        pairs = [(b"i", b"1"), (b"{auth_type}", b"plain")]
        sent = macros.with_values(packet(command.MAIL, pairs), command.MAIL, self.VALUES)
        assert sent == packet(command.MAIL, [(b"i", b"1"), (b"{auth_type}", b"own")])
        assert macros.with_values(None, command.MAIL, self.VALUES) is None

    def test_a_name_with_and_without_braces_is_one(self) -> None:
        sent = macros.with_values(packet(command.CONNECT, [(b"{x}", b"1")]), command.CONNECT, [(b"x", b"y")])
        assert sent == packet(command.CONNECT, [(b"x", b"y")])

    def test_where_it_is_said_they_are_added(self) -> None:
        sent = macros.with_values(None, command.MAIL, [(b"{t}", b"yes")], add=True)
        assert sent == packet(command.MAIL, [(b"{t}", b"yes")])
