"""What a DNS list may look like in the settings, and which answers are a listing."""

import pytest

from mmx.errors import InvalidValueError
from mmx.settings.dns_zone import LONGEST_ZONE, DnsZone, is_fault, parse_dns_zone

ANY = frozenset(range(256))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zen.spamhaus.org", DnsZone("zen.spamhaus.org")),
        ("Zen.Spamhaus.ORG.", DnsZone("zen.spamhaus.org")),
        ("my_list.example", DnsZone("my_list.example")),
        (
            "list.example=127.0.0.2",
            DnsZone("list.example", (frozenset({127}), frozenset({0}), frozenset({0}), frozenset({2}))),
        ),
        (
            "list.example=127.0.[0..255].[2..4;14]",
            DnsZone("list.example", (frozenset({127}), frozenset({0}), ANY, frozenset({2, 3, 4, 14}))),
        ),
        (
            "list.example=127.0.0.[2; 4 ]",
            DnsZone("list.example", (frozenset({127}), frozenset({0}), frozenset({0}), frozenset({2, 4}))),
        ),
    ],
)
def test_lists(text: str, expected: DnsZone) -> None:
    assert parse_dns_zone(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no DNS zone"),
        (".", "no DNS zone"),
        ("localhost", "no DNS zone"),
        ("a..example", "no DNS zone"),
        ("-a.example", "no DNS zone"),
        ("a b.example", "no DNS zone"),
        ("bücher.example", "no DNS zone"),
        (f"{'a' * 64}.example", "no DNS zone"),
        ("192.0.2.7", "an address"),
        ("=127.0.0.2", "no DNS zone"),
        (".".join(["a" * 60] * 4), f"more than {LONGEST_ZONE}"),
        ("list.example*2", "a weight"),
        ("list.example=127.0.0.2*2", "a weight"),
        ("list.example=", "no filter"),
        ("list.example=127.0.0", "no filter"),
        ("list.example=127.0.0.2.3", "no filter"),
        ("list.example=127.0.0.x", "no filter"),
        ("list.example=127.0.0.[2", "no filter"),
        ("list.example=127.0.0.[]", "neither a number nor a range"),
        ("list.example=127.0.0.[2..]", "neither a number nor a range"),
        ("list.example=127.0.0.[2;;3]", "neither a number nor a range"),
        ("list.example=127.0.0.[5..2]", "no range"),
        ("list.example=127.0.0.256", "no range"),
        ("list.example=10.0.0.2", "127.something"),
        ("list.example=[126..127].0.0.2", "127.something"),
    ],
)
def test_what_is_no_list_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        parse_dns_zone(text)


@pytest.mark.parametrize(
    ("text", "answer", "fits"),
    [
        ("list.example", (127, 0, 0, 2), True),
        ("list.example", (127, 1, 2, 3), True),
        ("list.example=127.0.0.[2..11;14]", (127, 0, 0, 2), True),
        ("list.example=127.0.0.[2..11;14]", (127, 0, 0, 11), True),
        ("list.example=127.0.0.[2..11;14]", (127, 0, 0, 12), False),
        ("list.example=127.0.0.[2..11;14]", (127, 0, 0, 14), True),
        ("list.example=127.0.0.[2..11;14]", (127, 0, 1, 14), False),
        ("list.example=127.[0;1].0.2", (127, 1, 0, 2), True),
    ],
)
def test_answers_that_fit(text: str, answer: tuple[int, ...], fits: bool) -> None:
    assert parse_dns_zone(text).fits(bytes(answer)) is fits


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ((127, 0, 0, 2), False),
        ((127, 255, 254, 1), False),
        ((127, 255, 255, 254), True),
        ((127, 255, 255, 252), True),
        ((203, 0, 113, 9), True),
        ((0, 0, 0, 0), True),
    ],
)
def test_answers_that_say_nothing_about_the_client(answer: tuple[int, ...], fault: bool) -> None:
    assert is_fault(bytes(answer)) is fault
