"""The client as CONNECT tells of it, and which macros go with a command."""

import pytest

from mmx.tools.mta.macros import Client, Macros, address_of, bare
from mmx.wire import command, option, payload
from mmx.wire.framing import DATA


@pytest.mark.parametrize(
    ("client", "connection"),
    [
        (Client("192.0.2.7", "n", 4), payload.Connection(b"n", b"4", 4, b"192.0.2.7")),
        (Client("2001:db8::7", "n", 4), payload.Connection(b"n", b"6", 4, b"2001:db8::7")),
        (Client("192.0.2.7", port=4), payload.Connection(b"[192.0.2.7]", b"4", 4, b"192.0.2.7")),
        (Client("unix"), payload.Connection(b"localhost", b"L", 0, b"/socket")),
        (Client("unknown"), payload.Connection(b"unknown", b"U", 0, b"")),
    ],
)
def test_connection(client: Client, connection: payload.Connection) -> None:
    assert payload.decode_connection(client.connection) == connection


@pytest.mark.parametrize(
    ("text", "address"), [("a@b", b"<a@b>"), ("<a@b>", b"<a@b>"), ("", b"<>"), ("<>", b"<>")]
)
def test_addresses_have_brackets(text: str, address: bytes) -> None:
    assert address_of(text) == address


def test_a_list_spells_the_name_and_what_was_told_goes_before() -> None:
    macros = Macros(
        Client("2001:db8::7", "n", user="ann", mechanism="LOGIN"),
        {"{client_name}": "told", "x": "1"},
        {option.STAGE_CONNECT: (b"{client_name}", b"client_addr", b"{x}", b"{unheard}", b"{auth_type}")},
    )
    pairs = [(b"{client_name}", b"told"), (b"client_addr", b"IPv6:2001:db8::7"), (b"{x}", b"1")]
    assert macros.pairs(command.CONNECT) == pairs
    assert payload.decode_macros(macros.frame(command.CONNECT)[DATA:]) == (command.CONNECT, pairs)
    macros.know_user()
    assert macros.pairs(command.CONNECT) == [*pairs, (b"{auth_type}", b"LOGIN")]
    assert macros.pairs(command.UNKNOWN) == []


def test_frames_follow_what_is_known() -> None:
    macros = Macros(Client("192.0.2.7"), {}, {option.STAGE_EOM: (b"i",)})
    without = macros.frame(command.EOM)
    macros.know({b"i": b"4XYZ"})
    assert macros.frame(command.EOM) == macros.frame(command.BODY)[:DATA] + b"Ei\x004XYZ\x00"
    macros.know({b"i": None})
    assert macros.frame(command.EOM) == without
    macros.use({})
    assert macros.pairs(command.EOM) == []


def test_bare() -> None:
    assert [bare(name) for name in (b"{x}", b"x", b"{mail_addr}")] == [b"x", b"x", b"mail_addr"]
