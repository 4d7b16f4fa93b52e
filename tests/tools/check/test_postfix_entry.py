"""Entries of the lists of milters, and what they mean."""

import pytest

from mmx.settings.endpoint import InetEndpoint, UnixEndpoint
from mmx.tools.check.postfix_entry import Ears, Entry, entries, joined
from mmx.tools.check.postfix_look import Service

QUEUE = "/var/spool/postfix"
INSIDE = Service("smtp/inet", "smtpd", chroot=True)
OUTSIDE = Service("smtp/inet", "smtpd", chroot=False)
EARS = Ears(QUEUE, (UnixEndpoint(f"{QUEUE}/mmx/mmx.sock"),), (("archive", InetEndpoint("127.0.0.1", 2525)),))


def test_a_list() -> None:
    text = "unix:a, { inet:h:1, connect_timeout=10s default_action = accept },inet:h:2"
    listed = entries(text)
    assert listed == [
        Entry("unix:a"),
        Entry("inet:h:1", (("connect_timeout", "10s"), ("default_action", "accept"))),
        Entry("inet:h:2"),
    ]
    assert entries(joined(listed)) == listed
    assert entries("") == []
    assert entries("{}") == [Entry("")]


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("unix:mmx/mmx.sock", f"unix:{QUEUE}/mmx/mmx.sock", f"unix:{QUEUE}/mmx/mmx.sock"),
        ("unix:/run/a", f"unix:{QUEUE}/run/a", "unix:/run/a"),
        ("local:/run/a", f"unix:{QUEUE}/run/a", "unix:/run/a"),
        ("inet:127.0.0.1:1", "inet:127.0.0.1:1", "inet:127.0.0.1:1"),
        ("inet:1", "None", "None"),
    ],
)
def test_what_an_entry_means(text: str, inside: str, outside: str) -> None:
    assert str(Entry(text).meant(INSIDE, QUEUE)) == inside
    assert str(Entry(text).meant(OUTSIDE, QUEUE)) == outside


def test_which_entry_is_mmx() -> None:
    right, absolute = Entry("unix:mmx/mmx.sock"), Entry(f"unix:{QUEUE}/mmx/mmx.sock")
    assert EARS.hears(right, INSIDE)
    assert EARS.hears(absolute, OUTSIDE)
    assert not EARS.hears(absolute, INSIDE)
    assert EARS.is_mmx(absolute, [INSIDE])
    assert not EARS.is_mmx(Entry("inet:127.0.0.1:2525"), [INSIDE])
    assert EARS.child(Entry("inet:localhost:2525"), [INSIDE]) == "archive"
    assert EARS.child(right, [INSIDE]) == ""


@pytest.mark.parametrize(
    ("listeners", "right"),
    [
        ([f"{QUEUE}/mmx/mmx.sock"], "unix:mmx/mmx.sock"),
        (["/run/mmx.sock", f"{QUEUE}/a"], "unix:a"),
        (["/run/mmx.sock"], "unix:/run/mmx.sock"),
        ([], "unix:mmx/mmx.sock"),
    ],
)
def test_what_it_should_say(listeners: list[str], right: str) -> None:
    assert Ears(QUEUE, tuple(map(UnixEndpoint, listeners)), ()).right == right


def test_what_it_should_say_for_tcp() -> None:
    heard = Ears(QUEUE, (UnixEndpoint("/run/a"), InetEndpoint("127.0.0.1", 10)), ())
    assert heard.right == "inet:127.0.0.1:10"
    assert heard.is_mmx(Entry("inet:[::1]:10"), [INSIDE])
