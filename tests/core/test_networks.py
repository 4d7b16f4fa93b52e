"""Client addresses and lists of networks."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.core.networks import Address, Networks, client_address, unmapped
from mmx.wire.payload import Connection


def address_of(text: str) -> Address:
    address = ip_address(text)
    return Address(address.max_prefixlen, int(address))


def networks(*texts: str) -> Networks:
    return Networks((ip_network(text.lstrip("!")), text[0] != "!") for text in texts)


@pytest.mark.parametrize(
    ("family", "text", "address"),
    [
        (b"4", b"192.0.2.7", "192.0.2.7"),
        (b"6", b"2001:db8::1", "2001:db8::1"),
        (b"6", b"IPv6:2001:db8::1", "2001:db8::1"),
        (b"6", b"ipv6:2001:DB8:0::1", "2001:db8::1"),
        (b"6", b"[2001:db8::1]", "2001:db8::1"),
        (b"6", b"::ffff:192.0.2.7", "192.0.2.7"),
        (b"6", b"fe80::1%eth0", "fe80::1"),
        (b"4", b"unknown", None),
        (b"4", b"", None),
        (b"4", b"192.0.2.007", None),
        (b"4", b"192.0.2.256", None),
        (b"4", b"192.0.2.-1", None),
        (b"4", b"192.0.2.", None),
        (b"4", b"192.0.2", None),
        (b"4", b"192.0.2.1111", None),
        (b"4", b"0.0.0.0", "0.0.0.0"),
        (b"4", b"1" * 1000, None),
        (b"L", b"/run/x", None),
        (b"U", b"", None),
    ],
)
def test_the_address_of_a_client(family: bytes, text: bytes, address: str | None) -> None:
    expected = None if address is None else address_of(address)
    assert client_address(Connection(b"h", family, 0, text)) == expected


@pytest.mark.parametrize(
    ("listed", "address", "by"),
    [
        (["192.0.2.0/24"], "192.0.2.7", "192.0.2.0/24"),
        (["192.0.2.0/24"], "192.0.3.7", None),
        (["192.0.2.7"], "192.0.2.7", "192.0.2.7/32"),
        (["0.0.0.0/0"], "192.0.2.7", "0.0.0.0/0"),
        (["0.0.0.0/0"], "2001:db8::1", None),
        (["2001:db8::/32"], "2001:db8::1", "2001:db8::/32"),
        (["::/0"], "192.0.2.7", None),
        (["::ffff:192.0.2.0/120"], "192.0.2.7", "192.0.2.0/24"),
        (["192.0.0.0/16", "192.0.2.0/24"], "192.0.2.7", "192.0.0.0/16"),
        (["!192.0.2.0/24", "192.0.0.0/16"], "192.0.2.7", None),
        (["192.0.0.0/16", "!192.0.2.0/24"], "192.0.2.7", "192.0.0.0/16"),
        (["!192.0.2.0/24", "192.0.2.0/24"], "192.0.2.7", None),
        ([], "192.0.2.7", None),
    ],
)
def test_the_first_network_that_holds_the_address_counts(
    listed: list[str], address: str, by: str | None
) -> None:
    found = networks(*listed).find(address_of(address))
    assert (None if found is None else str(found)) == by


def test_a_network_wider_than_the_mapped_ones_stays_one_of_ipv6() -> None:
    assert unmapped(ip_network("::/64")) == ip_network("::/64")


@given(st.from_regex(rb"[0-9]{1,4}(\\.[0-9]{1,4}){2,4}", fullmatch=True))
def test_ipv4_is_read_as_the_library_reads_it(text: bytes) -> None:
    try:
        expected = int(IPv4Address(text.decode()))
    except ValueError:
        expected = None
    found = client_address(Connection(b"h", b"4", 0, text))
    assert (found and found.number) == expected


ADDRESSES = st.builds(IPv4Address, st.integers(0, 2**32 - 1)) | st.builds(
    IPv6Address, st.integers(0, 2**128 - 1).filter(lambda number: number >> 32 != 0xFFFF)
)


@given(st.lists(st.tuples(ADDRESSES, st.integers(0, 128), st.booleans()), max_size=6), ADDRESSES)
def test_a_table_finds_what_a_walk_over_the_list_finds(
    rows: list[tuple[IPv4Address | IPv6Address, int, bool]], address: IPv4Address | IPv6Address
) -> None:
    listed = [
        (ip_network((seed, bits % (seed.max_prefixlen + 1)), strict=False), is_listed)
        for seed, bits, is_listed in [*rows, (address, 20, True)]
    ]
    first = next((row for row in listed if row[0].version == address.version and address in row[0]), None)
    assert Networks(listed).find(address_of(str(address))) == (first[0] if first and first[1] else None)
