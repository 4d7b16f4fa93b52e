from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.errors import ProtocolError
from mmx.wire import command, payload, reply
from mmx.wire.framing import CODE, DATA, FrameSplitter, frame

Decoder = Callable[[bytes], object]
DECODERS: list[Decoder] = [
    payload.strings,
    payload.decode_options,
    payload.decode_connection,
    payload.decode_macros,
    payload.decode_header,
    payload.decode_indexed_header,
    payload.decode_address,
    payload.decode_one_string,
]

LISTS = {0: (b"j", b"{daemon_name}"), 3: (b"{rcpt_addr}",), 5: ()}
LISTS_ON_THE_WIRE = b"\0\0\0\0j {daemon_name}\0" + b"\0\0\0\x03{rcpt_addr}\0" + b"\0\0\0\x05\0"
OFFER = b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"
MACROS = [(b"i", b"4XyZ"), (b"{auth_authen}", b""), (b"_", b"\xc3\xa9")]

# Code, what the encoder makes, the bytes, decoder, what the decoder makes.
SHAPES: list[tuple[int, bytes, bytes, Decoder, object]] = [
    (
        command.OPTNEG, payload.encode_options(6, 0x1FF, 0x1FFFFF, {}), OFFER,
        payload.decode_options, payload.Options(6, 0x1FF, 0x1FFFFF, {}),
    ),
    (
        reply.OPTNEG, payload.encode_options(6, 0x1FF, 0x1FFFFF, LISTS), OFFER + LISTS_ON_THE_WIRE,
        payload.decode_options, payload.Options(6, 0x1FF, 0x1FFFFF, LISTS),
    ),
    (
        command.CONNECT, payload.encode_connection(b"mail.example.net", b"4", 2525, b"192.0.2.7"),
        b"mail.example.net\x004\x09\xdd192.0.2.7\0",
        payload.decode_connection, payload.Connection(b"mail.example.net", b"4", 2525, b"192.0.2.7"),
    ),
    (
        command.CONNECT, payload.encode_connection(b"h", b"6", 25, b"IPv6:2001:db8::1"),
        b"h\x006\0\x19IPv6:2001:db8::1\0",
        payload.decode_connection, payload.Connection(b"h", b"6", 25, b"IPv6:2001:db8::1"),
    ),
    (
        command.CONNECT, payload.encode_connection(b"localhost", b"L", 0, b"/run/x"),
        b"localhost\0L\0\0/run/x\0",
        payload.decode_connection, payload.Connection(b"localhost", b"L", 0, b"/run/x"),
    ),
    (
        command.CONNECT, payload.encode_connection(b"unknown", b"U"), b"unknown\0U",
        payload.decode_connection, payload.Connection(b"unknown", b"U", 0, b""),
    ),
    (
        command.CONNECT, payload.encode_connection(b"h", b"4", 0, b"unknown"), b"h\x004\0\0unknown\0",
        payload.decode_connection, payload.Connection(b"h", b"4", 0, b"unknown"),
    ),
    (
        command.MACRO, payload.encode_macros(command.MAIL, MACROS),
        b"Mi\x004XyZ\0{auth_authen}\0\0_\0\xc3\xa9\0",
        payload.decode_macros, (command.MAIL, MACROS),
    ),
    (command.MACRO, payload.encode_macros(command.HELO, []), b"H", payload.decode_macros, (command.HELO, [])),
    (
        command.HELO, payload.encode_strings(b"mail.example.net"), b"mail.example.net\0",
        payload.decode_one_string, b"mail.example.net",
    ),
    (command.HELO, payload.encode_strings(b""), b"\0", payload.decode_one_string, b""),
    (
        command.MAIL, payload.encode_strings(b"<a@b>", b"SIZE=100", b"BODY=8BITMIME"),
        b"<a@b>\0SIZE=100\0BODY=8BITMIME\0",
        payload.decode_address, (b"<a@b>", [b"SIZE=100", b"BODY=8BITMIME"]),
    ),
    (command.MAIL, payload.encode_strings(b""), b"\0", payload.decode_address, (b"", [])),
    (command.RCPT, payload.encode_strings(b"<>"), b"<>\0", payload.decode_address, (b"<>", [])),
    (
        command.HEADER, payload.encode_strings(b"Subject", b" a\n\tb"), b"Subject\0 a\n\tb\0",
        payload.decode_header, (b"Subject", b" a\n\tb"),
    ),
    (reply.ADDHEADER, payload.encode_strings(b"X", b""), b"X\0\0", payload.decode_header, (b"X", b"")),
    (
        reply.INSHEADER, payload.encode_indexed_header(0xFFFFFFFF, b"X", b"v"), b"\xff\xff\xff\xffX\0v\0",
        payload.decode_indexed_header, (0xFFFFFFFF, b"X", b"v"),
    ),
    (
        reply.CHGHEADER, payload.encode_indexed_header(1, b"", b""), b"\0\0\0\x01\0\0",
        payload.decode_indexed_header, (1, b"", b""),
    ),
    (
        reply.REPLYCODE, payload.encode_strings(b"550 5.7.1 100%% spam"), b"550 5.7.1 100%% spam\0",
        payload.decode_one_string, b"550 5.7.1 100%% spam",
    ),
    (
        reply.CHGFROM, payload.encode_strings(b"a@b", b"RET=HDRS ENVID=7"), b"a@b\0RET=HDRS ENVID=7\0",
        payload.decode_address, (b"a@b", [b"RET=HDRS ENVID=7"]),
    ),
]  # fmt: skip

# Decoder and data that no decoder may read.
MALFORMED: list[tuple[Decoder, bytes]] = [
    (payload.strings, b"a"),
    (payload.strings, b"a\0b"),
    (payload.decode_options, b""),
    (payload.decode_options, OFFER[:11]),
    (payload.decode_options, OFFER + b"\0\0\0"),
    (payload.decode_options, OFFER + b"\0\0\0\x01"),
    (payload.decode_options, OFFER + b"\0\0\0\x01{no_nul}"),
    (payload.decode_connection, b""),
    (payload.decode_connection, b"h"),
    (payload.decode_connection, b"h\0"),
    (payload.decode_connection, b"h\0X\0\x19a\0"),
    (payload.decode_connection, b"h\x004"),
    (payload.decode_connection, b"h\x004\0\x19"),
    (payload.decode_connection, b"h\x004\0\x19192.0.2.7"),
    (payload.decode_macros, b""),
    (payload.decode_macros, b"Mi\0"),
    (payload.decode_macros, b"Mi\0x"),
    (payload.decode_header, b""),
    (payload.decode_header, b"X\0"),
    (payload.decode_header, b"X\0v"),
    (payload.decode_header, b"X\0v\0w\0"),
    (payload.decode_indexed_header, b"\0\0\0"),
    (payload.decode_indexed_header, b"\0\0\0\x01"),
    (payload.decode_indexed_header, b"\0\0\0\x01X\0v"),
    (payload.decode_address, b""),
    (payload.decode_address, b"<a@b>"),
    (payload.decode_one_string, b""),
    (payload.decode_one_string, b"a\0b\0"),
]

text = st.binary(max_size=20).map(lambda value: value.replace(b"\0", b""))
names = text.map(lambda value: b"".join(value.replace(b",", b"").split())).filter(bool)


@pytest.mark.parametrize(("code", "made", "data", "decode", "value"), SHAPES)
def test_a_shape_in_both_directions(
    code: int, made: bytes, data: bytes, decode: Decoder, value: object
) -> None:
    assert made == data
    assert decode(data) == value
    splitter = FrameSplitter(1000)
    received: list[bytes] = []
    for byte in frame(code, data):
        received += splitter.feed(bytes((byte,)))
    assert [(wire[CODE], decode(wire[DATA:])) for wire in received] == [(code, value)]


@pytest.mark.parametrize(("data", "decode", "value"), [row[2:] for row in SHAPES])
def test_trailing_bytes_are_refused_or_change_nothing_else(
    data: bytes, decode: Decoder, value: object
) -> None:
    if isinstance(value, payload.Connection) and value.family == b"U":
        assert decode(data + b"x") == value
        return
    with pytest.raises(ProtocolError):
        decode(data + b"x")


@pytest.mark.parametrize(("decode", "data"), MALFORMED)
def test_malformed_data_is_a_protocol_error(decode: Decoder, data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(data)


def test_no_strings() -> None:
    assert payload.strings(b"") == []
    assert payload.encode_strings() == b""


def test_a_connection_address_ends_at_its_nul_as_for_libmilter() -> None:
    assert payload.decode_connection(b"h\x004\0\x19192.0.2.7\0more\0").address == b"192.0.2.7"


def test_macro_lists_of_unknown_stages_are_ignored() -> None:
    lists = b"\0\0\0\x09a b\0" + b"\0\0\0\x02i\0" + b"\xff\xff\xff\xffc\0"
    assert payload.decode_options(OFFER + lists).macros == {2: (b"i",)}


def test_macro_names_may_be_separated_by_commas_and_blanks() -> None:
    lists = b"\0\0\0\x01 a, {b}\t,c \0"
    assert payload.decode_options(OFFER + lists).macros == {1: (b"a", b"{b}", b"c")}


@given(st.sampled_from(DECODERS), st.binary(max_size=80))
def test_any_bytes_decode_or_are_a_protocol_error(decode: Decoder, data: bytes) -> None:
    with suppress(ProtocolError):
        decode(data)


@given(st.lists(text, max_size=6))
def test_strings_come_back(values: list[bytes]) -> None:
    assert payload.strings(payload.encode_strings(*values)) == values


@given(
    *(st.integers(0, 0xFFFFFFFF) for _ in range(3)),
    st.dictionaries(st.integers(0, 6), st.lists(names, max_size=3).map(tuple), max_size=7),
)
def test_options_come_back(
    version: int, actions: int, protocol: int, macros: dict[int, tuple[bytes, ...]]
) -> None:
    data = payload.encode_options(version, actions, protocol, macros)
    assert payload.decode_options(data) == payload.Options(version, actions, protocol, macros)


@given(text, st.sampled_from([b"4", b"6", b"L"]), st.integers(0, 0xFFFF), text)
def test_connections_come_back(hostname: bytes, family: bytes, port: int, address: bytes) -> None:
    data = payload.encode_connection(hostname, family, port, address)
    assert payload.decode_connection(data) == payload.Connection(hostname, family, port, address)


@given(st.integers(0, 255), st.lists(st.tuples(text, text), max_size=5))
def test_macros_come_back(code: int, pairs: list[tuple[bytes, bytes]]) -> None:
    assert payload.decode_macros(payload.encode_macros(code, pairs)) == (code, pairs)


@given(st.integers(0, 0xFFFFFFFF), text, text)
def test_indexed_headers_come_back(index: int, name: bytes, value: bytes) -> None:
    data = payload.encode_indexed_header(index, name, value)
    assert payload.decode_indexed_header(data) == (index, name, value)
