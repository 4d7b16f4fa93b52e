"""The entries of lists in conditions."""

import pytest

from mmx.errors import InvalidValueError
from mmx.settings.document import Items, Place, Scalar
from mmx.settings.entries import (
    ADDRESSES,
    DOMAINS,
    MOST_PATTERNS,
    NETWORKS,
    PARSERS,
    any_number,
    is_tried,
    percent,
    reader,
    several,
)
from mmx.settings.values import RefusedError


@pytest.mark.parametrize(
    ("kind", "text", "entry"),
    [
        (NETWORKS, "192.0.2.7", "192.0.2.7/32"),
        (NETWORKS, "192.0.2.0/24", "192.0.2.0/24"),
        (NETWORKS, "2001:DB8::/32", "2001:db8::/32"),
        (NETWORKS, "[2001:db8::]/32", "2001:db8::/32"),
        (NETWORKS, "[::1]", "::1/128"),
        (DOMAINS, "example.com", "example.com"),
        (DOMAINS, ".example.com", ".example.com"),
        (DOMAINS, "mail*.example.?om", "mail*.example.?om"),
        (DOMAINS, "mail.*.example.com", "mail.*.example.com"),
        (DOMAINS, "[192.0.2.*]", "[192.0.2.*]"),
        (DOMAINS, "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
        (DOMAINS, "müller.example", "müller.example"),
        (ADDRESSES, "a@b", "a@b"),
        (ADDRESSES, "*@b", "*@b"),
        (ADDRESSES, "*@*", "*@*"),
        (ADDRESSES, "bounce-*", "bounce-*"),
        (ADDRESSES, "a+*@b", "a+*@b"),
        (ADDRESSES, "a@[192.0.2.7]", "a@[192.0.2.7]"),
        (ADDRESSES, "<>", "<>"),
    ],
)
def test_entries(kind: str, text: str, entry: str) -> None:
    assert PARSERS[kind](text) == entry


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (NETWORKS, "192.0.2.1/24", "no network: 192.0.2.1/24 has host bits set"),
        (NETWORKS, "example.com", "no network: "),
        (NETWORKS, "192.0.2.0/33", "no network: "),
        (DOMAINS, "a@b", "an address, where a name is wanted"),
        (DOMAINS, "a b", "no name of a host or domain"),
        (DOMAINS, "a:b", "no name of a host or domain"),
        (DOMAINS, r"^mail\.", "looks like a regular expression"),
        (DOMAINS, "/mail/", "looks like a regular expression"),
        (DOMAINS, "(a|b)", "looks like a regular expression"),
        (DOMAINS, "a" * 321, "longer than 320 characters"),
        (ADDRESSES, "example.com", "no address"),
        (ADDRESSES, "@example.com", "half an address"),
        (ADDRESSES, "a@", "half an address"),
        (ADDRESSES, "<a@b>", "no address"),
        (ADDRESSES, '"a b"@c', "no address"),
        (ADDRESSES, "a@b c", "no address"),
    ],
)
def test_no_entries(kind: str, text: str, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        PARSERS[kind](text)
    assert caught.value.message.startswith(message)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("entry", "tried"),
    [
        ("example.com", False),
        (".example.com", False),
        ("*.example.com", False),
        ("*@example.com", False),
        ("*@.example.com", False),
        ("*@*.example.com", False),
        ("mail*.example.com", True),
        ("mail?", True),
        ("*", True),
        ("*example.com", True),
        ("a@*", True),
    ],
)
def test_what_is_tried_and_not_looked_up(entry: str, tried: bool) -> None:
    assert is_tried(entry) is tried


def test_the_number_of_patterns_is_bounded() -> None:
    place = Place("a", 1)
    for count in (MOST_PATTERNS, MOST_PATTERNS + 1):
        node = Items(place, tuple(Scalar(place, "str", f"a*{number}") for number in range(count)))
        for read in (several(DOMAINS), any_number(DOMAINS)):
            if count == MOST_PATTERNS:
                assert len(read(node)) == count
            else:
                with pytest.raises(RefusedError, match="more than 1000 patterns with wildcards"):
                    read(node)


@pytest.mark.parametrize("kind", PARSERS)
def test_a_list_may_name_a_file(kind: str) -> None:
    def node(text: str) -> Scalar:
        return Scalar(Place("a", 1), "str", text)

    assert reader(kind)(node("file:/etc/x y")) == "file:/etc/x y"
    with pytest.raises(RefusedError, match="without an absolute path"):
        reader(kind)(node("file:x"))


@pytest.mark.parametrize(("text", "share"), [("1%", 1), ("80%", 80), ("100%", 100), ("080%", 80)])
def test_shares(text: str, share: int) -> None:
    assert percent(Scalar(Place("a", 1), "str", text)) == share


@pytest.mark.parametrize("text", ["0%", "101%", "80", "80 %", "-1%", "1.5%", "%"])
def test_no_shares(text: str) -> None:
    with pytest.raises(RefusedError, match="no share"):
        percent(Scalar(Place("a", 1), "str", text))
