"""Macros, verdicts and the earlier child in the settings of a child."""

import pytest

from mmx.settings import child_mail
from mmx.settings.document import Node, read_document
from mmx.settings.model import After
from mmx.settings.values import RefusedError


def node(text: str) -> Node:
    table, problems = read_document("a.yaml", f"k: {text}".encode())
    assert problems == []
    return table.entries["k"]


def faults(error: RefusedError) -> list[tuple[str, str]]:
    return [(fault.key, fault.message) for fault in error.faults]


def test_macros() -> None:
    assert child_mail.macros(node('{"{x_y}": b, j: a}')) == (("j", "a"), ("{x_y}", "b"))
    assert child_mail.macros(node("{}")) == ()


def test_all_faults_of_macros_are_told() -> None:
    with pytest.raises(RefusedError) as caught:
        child_mail.macros(node('{xy: a, j: 1, i: "", v: ' + "x" * 1001 + "}"))
    assert faults(caught.value) == [
        ("xy", "no macro name"),
        ("j", "YAML reads this as int"),
        ("i", "the value is empty"),
        ("v", "longer than 1000 bytes"),
    ]
    with pytest.raises(RefusedError, match="a map of macros"):
        child_mail.macros(node("[j]"))


def test_verdicts() -> None:
    text = "{reject: tempfail, quarantine: accept, discard: quarantine, tempfail: reject}"
    assert dict(child_mail.verdicts(node(text))) == {
        "reject": "tempfail",
        "quarantine": "accept",
        "discard": "quarantine",
        "tempfail": "reject",
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{accept: reject}", ("accept", "a message that the child lets pass has no verdict")),
        ("{hold: accept}", ("hold", "hold is no verdict")),
        ("{reject: ok}", ("reject", "no verdict")),
        ("reject", ("", "a map of verdicts is wanted here")),
    ],
)
def test_no_verdicts(text: str, fault: tuple[str, str]) -> None:
    with pytest.raises(RefusedError) as caught:
        child_mail.verdicts(node(text))
    ((key, message),) = faults(caught.value)
    assert (key, message.startswith(fault[1])) == (fault[0], True)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("null", None),
        ("{child: a, said: accept}", After("a", ("accept",))),
        ("{child: a, said: [continue, accept, continue]}", After("a", ("continue", "accept"))),
    ],
)
def test_after(text: str, after: After | None) -> None:
    assert child_mail.after(node(text)) == after


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]", "not a child and what it said"),
        ("{child: a}", "not a child and what it said"),
        ("{child: a, said: [pass]}", "no reply that a child gives"),
        ("{child: a, said: quarantine}", "no reply that a child gives"),
        ("{child: a, said: []}", "an empty list"),
        ('{child: "a b", said: accept}', "not usable as a name"),
    ],
)
def test_no_after(text: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        child_mail.after(node(text))
