"""Names against lists of names."""

import fnmatch
import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.core.patterns import Glob, Patterns, plain
from tests.steps import steps_of


@pytest.mark.parametrize(
    ("entry", "matching", "other"),
    [
        (b"example.com", [b"example.com"], [b"a.example.com", b"example.co", b"xexample.com", b""]),
        (b".example.com", [b"a.example.com", b"b.a.example.com"], [b"example.com", b"aexample.com", b""]),
        (b"*.example.com", [b"a.example.com", b"b.a.example.com"], [b"example.com", b"aexample.com"]),
        (b"EXAMPLE.com.", [b"example.com"], [b"example.org"]),
        (b".Example.COM", [b"a.example.com"], [b"example.com"]),
        (b"mail*.example.com", [b"mail.example.com", b"mail7.a.example.com"], [b"amail.example.com"]),
        (b"mail?.example.com", [b"mail7.example.com"], [b"mail.example.com", b"mail77.example.com"]),
        (b"*", [b"", b"a", b"a.b"], []),
        (b"a*b*c", [b"abc", b"axbxc", b"abcbc"], [b"ab", b"ac", b"abcd", b"bc"]),
        (b"ab*ba", [b"abba", b"abxba"], [b"aba", b"ab"]),
        (b"*a?c*", [b"abc", b"xabcx", b"aabc"], [b"ac", b"abd"]),
        (b"a.c*", [b"a.cd"], [b"abcd"]),  # a dot stands for itself
        (b"[192.0.2.*]", [b"[192.0.2.7]"], [b"1", b"192.0.2.7"]),  # so does a bracket
    ],
)
def test_entry(entry: bytes, matching: list[bytes], other: list[bytes]) -> None:
    patterns = Patterns([entry], domains=True)
    assert [name for name in matching if patterns.find(name) is None] == []
    assert [name for name in other if patterns.find(name) is not None] == []


def test_a_leading_dot_is_special_for_domains_only() -> None:
    assert Patterns([b".x"]).find(b"a.x") is None
    assert Patterns([b".x"]).find(b".x") == b".x"
    assert Patterns([b"*.x"]).find(b".x") == b"*.x"


def test_the_entry_that_matched_is_told() -> None:
    patterns = Patterns([b"a.b", b".b", b".c.b", b"x*y"], domains=True)
    assert [patterns.find(name) for name in (b"a.b", b"d.b", b"d.c.b", b"xay", b"z")] == [
        b"a.b",
        b".b",
        b".c.b",
        b"x*y",
        None,
    ]


def test_an_empty_list_has_nothing_in_it() -> None:
    assert not Patterns([])
    assert Patterns([]).find(b"") is None
    assert all(Patterns([entry]) for entry in (b"a", b"*a", b"*.b"))


@pytest.mark.parametrize("name", [b"A.b.", b" a.B ", b"a.b..", b"a.b"])
def test_plain(name: bytes) -> None:
    assert plain(name) == b"a.b"


@given(st.text("ab*?", max_size=8), st.text("abc", max_size=10))
def test_globs_match_as_globs_do(pattern: str, name: str) -> None:
    expected = re.compile(fnmatch.translate(pattern)).match(name) is not None
    assert Glob(pattern.encode()).matches(name.encode()) is expected


@given(st.lists(st.from_regex("[a-c]{1,2}(\\.[a-c]{1,2}){0,3}", fullmatch=True)), st.data())
def test_a_suffix_matches_what_is_below_it(names: list[str], data: st.DataObject) -> None:
    entries = [f".{name}" for name in names]
    name = data.draw(st.from_regex("[a-c]{1,2}(\\.[a-c]{1,2}){0,5}", fullmatch=True))
    expected = any(name.endswith(entry) for entry in entries)
    assert (Patterns(map(str.encode, entries), domains=True).find(name.encode()) is not None) is expected


@given(st.text("ab*?.", min_size=1, max_size=12), st.sampled_from(["a", "ab", "a.", "ba.a"]))
def test_the_steps_do_not_grow_faster_than_the_name(pattern: str, unit: str) -> None:
    patterns = Patterns([pattern.encode(), b".b.a", b"a.b"], domains=True)
    once, tenfold = (steps_of(partial(patterns.find, unit.encode() * n)) for n in (300, 3000))
    assert tenfold <= 11 * once + 100


def test_a_search_never_starts_again() -> None:
    """The worst that can be done to a matcher that backtracks."""
    glob = Glob(b"*a" * 30 + b"*b")
    assert not glob.matches(b"a" * 60_000)
