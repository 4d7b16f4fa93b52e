"""The rules of Selective SMTP Rejection. The expressions of the paper are the oracle."""

import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.core.s25r import NO_NAME, rule_of
from tests.steps import steps_of

PAPER = {
    "rule 1": r"^[^.]*[0-9][^0-9.]+[0-9].*\.",
    "rule 2": r"^[^.]*[0-9]{5}",
    "rule 3": r"^([^.]+\.)?[0-9][^.]*\.[^.]+\..+\.[a-z]",
    "rule 4": r"^[^.]*[0-9]\.[^.]*[0-9]-[0-9]",
    "rule 5": r"^[^.]*[0-9]\.[^.]*[0-9]\.[^.]+\..+\.",
    "rule 6": r"^(dhcp|dialup|ppp|[achrsvx]?dsl)[^.]*[0-9]",
}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (None, NO_NAME),
        (b"220-139-165-188.dynamic.example.net", "rule 1"),
        (b"a1b2.example.net", "rule 1"),
        (b"p12345.example.net", "rule 2"),
        (b"host00012345", "rule 2"),
        (b"398pkj.cm.example.net", "rule 3"),
        (b"host.101.169.example.net", "rule 3"),
        (b"wbar9.chi1-4-11-085-222.dsl.example.net", "rule 4"),
        (b"host5.a12.example.example.net", "rule 5"),
        (b"dhcp0339.example.net", "rule 6"),
        (b"ppp7.example.net", "rule 6"),
        (b"adsl7.example.net", "rule 6"),
        (b"dsl7.example.net", "rule 6"),
        (b"xdsl-7.example.net", "rule 6"),
        (b"mail.example.com", None),
        (b"mx1.example.com", None),
        (b"mail1234.example.com", None),
        (b"mx1.mx2.example.com", None),  # four labels: rule 5 wants five
        (b"ppp.example.net", None),
        (b"localhost", None),
        (b"a1b2", None),
        (b"1.example.com", None),
        (b"", None),
    ],
)
def test_rule(name: bytes | None, rule: str | None) -> None:
    assert rule_of(name) == rule


@given(
    st.lists(st.text("a19-", min_size=1, max_size=6) | st.sampled_from(["dhcp1", "xdsl", "ppp9"]), max_size=6)
)
def test_the_rules_are_those_of_the_paper(labels: list[str]) -> None:
    name = ".".join([*labels, "net"])
    expected = next((rule for rule, text in PAPER.items() if re.search(text, name)), None)
    assert rule_of(name.encode()) == expected


@given(st.sampled_from([b"1", b"a", b"1a", b"1-", b"1.", b"a.1.", b".", b"adsl", b"11a"]))
def test_the_steps_do_not_grow_faster_than_the_name(unit: bytes) -> None:
    once, tenfold = (steps_of(partial(rule_of, unit * n + b".net")) for n in (200, 2000))
    assert tenfold <= 11 * once + 100
