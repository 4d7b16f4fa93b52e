import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.errors import InvalidValueError
from mmx.settings.endpoint import (
    LONGEST_REASON,
    InetEndpoint,
    UnixEndpoint,
    is_loopback,
    parse_address,
    parse_child_endpoint,
    parse_endpoint,
    same_place,
    unknown_endpoint,
)

GOOD = [
    ("unix:/run/a.sock", UnixEndpoint("/run/a.sock"), "unix:/run/a.sock"),
    ("local:/run/a.sock", UnixEndpoint("/run/a.sock"), "unix:/run/a.sock"),
    ("unix:/run/with blank:and colon", UnixEndpoint("/run/with blank:and colon"), None),
    ("unix:/" + "x" * 106, UnixEndpoint("/" + "x" * 106), None),
    ("inet:127.0.0.1:8891", InetEndpoint("127.0.0.1", 8891), None),
    ("inet:8891@localhost", InetEndpoint("localhost", 8891), "inet:localhost:8891"),
    ("inet:8891@::1", InetEndpoint("::1", 8891), "inet:[::1]:8891"),
    ("inet:8891@[::1]", InetEndpoint("::1", 8891), "inet:[::1]:8891"),
    ("inet:[0:0::1]:65535", InetEndpoint("::1", 65535), "inet:[::1]:65535"),
    ("inet:Mail.Example.COM:1", InetEndpoint("mail.example.com", 1), "inet:mail.example.com:1"),
]

BAD = [
    ("", "not an endpoint", "unix:/PATH"),
    ("/run/a.sock", "path alone", "write unix:/run/a.sock"),
    ("run/a.sock", "not an endpoint", "inet:HOST:PORT"),
    ("tcp:127.0.0.1:8891", "tcp: is not a word", "write inet:"),
    ("inet6:8891@::1", "inet6: is not a word", "inet:[::1]:8891"),
    ("fd:3", "fd: is not a word", "unix:/PATH"),
    ("unix:run/a.sock", "must be absolute", "unix:/PATH"),
    ("unix:", "must be absolute", "unix:/PATH"),
    ("unix:/run/", "directory", "name the socket"),
    ("unix:/run/a\nb", "control character", "remove"),
    ("unix:/" + "x" * 107, "108 bytes", "shorten"),
    ("unix:/" + "é" * 54, "109 bytes", "shorten"),
    ("inet:8891", "missing", "inet:HOST:PORT"),
    ("inet::8891", "missing", "inet:HOST:PORT"),
    ("inet:localhost", "missing", "inet:HOST:PORT"),
    ("inet:localhost:0", "port", "inet:HOST:PORT"),
    ("inet:localhost:65536", "port", "inet:HOST:PORT"),
    ("inet:localhost:smtp", "port", "inet:HOST:PORT"),
    ("inet:localhost:٣", "port", "inet:HOST:PORT"),
    ("inet:::1:8891", "brackets", "[::1]"),
    ("inet:[::g]:8891", "IPv6", "[::1]"),
    ("inet:127.0.0.256:8891", "IPv4", "127.0.0.1"),
    ("inet:-x:8891", "host name", "inet:HOST:PORT"),
    ("inet:a b:8891", "host name", "inet:HOST:PORT"),
]


@pytest.mark.parametrize(("text", "endpoint", "canonical"), GOOD)
def test_good_forms(text: str, endpoint: UnixEndpoint | InetEndpoint, canonical: str | None) -> None:
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == (canonical or text)
    assert parse_endpoint(str(endpoint)) == endpoint


@pytest.mark.parametrize(("text", "message", "remedy"), BAD)
def test_bad_forms_say_what_to_write(text: str, message: str, remedy: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_endpoint(text)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


@given(st.text() | st.from_regex(r"(unix|inet|local):[ -~]*", fullmatch=True))
def test_any_text_parses_to_a_fixed_point_or_is_refused(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except InvalidValueError:
        return
    assert parse_endpoint(str(endpoint)) == endpoint


def test_http_address() -> None:
    assert parse_address("127.0.0.1:9850") == InetEndpoint("127.0.0.1", 9850)
    assert parse_address("[::1]:9850") == InetEndpoint("::1", 9850)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("unix:/run/a", "unix:/var/run/a", True),
        ("unix:/run//a", "unix:/run/./a", True),
        ("unix:/run/a", "unix:/run/b", False),
        ("unix:/run/a", "inet:localhost:1", False),
        ("inet:localhost:1", "inet:127.0.0.1:1", True),
        ("inet:localhost:1", "inet:localhost:2", False),
        ("inet:[::1]:1", "inet:127.0.0.1:1", False),
        ("inet:127.0.0.1:1", "inet:0.0.0.0:1", True),
        ("inet:192.0.2.1:1", "inet:192.0.2.2:1", False),
    ],
)
def test_same_place(one: str, other: str, same: bool) -> None:
    assert same_place(parse_endpoint(one), parse_endpoint(other)) is same
    assert same_place(parse_endpoint(other), parse_endpoint(one)) is same


@pytest.mark.parametrize(
    ("host", "answer"),
    [("localhost", True), ("127.9.9.9", True), ("::1", True), ("192.0.2.1", False), ("a.b", False)],
)
def test_is_loopback(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("/etc/x: cannot be read", "unknown:/etc/x: cannot be read"),
        (" a\nb\x00 \udcff", "unknown:a?b? ?"),
        ("", "unknown:no reason given"),
        ("x" * 1000, "unknown:" + "x" * LONGEST_REASON),
    ],
)
def test_unknown_endpoints_are_read_back(reason: str, text: str) -> None:
    endpoint = unknown_endpoint(reason)
    assert str(endpoint) == text
    assert parse_child_endpoint(text) == endpoint


@pytest.mark.parametrize("text", ["unknown:", "unknown: x", "unknown:a\nb", "unknown", "other:x"])
def test_other_unknown_endpoints_are_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        parse_child_endpoint(text)


def test_an_unknown_endpoint_is_no_endpoint_and_no_place() -> None:
    with pytest.raises(InvalidValueError):
        parse_endpoint("unknown:x")
    assert not same_place(unknown_endpoint("x"), unknown_endpoint("x"))
    assert parse_child_endpoint("inet:localhost:1") == InetEndpoint("localhost", 1)
