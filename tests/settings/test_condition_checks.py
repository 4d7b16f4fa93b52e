"""What only the whole of the settings can tell about conditions."""

import pytest

from tests.settings.test_checks import QUIET, errors, warnings

ENDPOINT = 'endpoint: "unix:/run/a"'
A_AFTER_B = f"a: {{{ENDPOINT}, after: {{child: b, said: accept}}}}"
B = "b: {endpoint: 'unix:/run/b'}"


def child(text: str, name: str = "a") -> str:
    return f"children: {{{name}: {{{ENDPOINT}, {text}}}}}\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            child("when: ['not remot']"),
            "a.yaml:1: children.a.when: not remot: no such condition; did you mean remote?",
        ),
        (
            "conditions:\n  local: remote",
            "a.yaml:2: conditions.local: the name of a shipped condition; choose another name",
        ),
        (
            "listen: {name: x, endpoint: 'unix:/run/x'}\nconditions: {x: remote}",
            "a.yaml:2: conditions.x: also the name of a listener; choose another name",
        ),
        (
            "conditions: {x: x}",
            "a.yaml:1: conditions.x: x > x: leads back to itself; take one of the names out",
        ),
        (
            child("when: [dnsbl]"),
            "a.yaml:1: children.a.when: dnsbl: there are no lists to ask; write dnsbl: {zones: ",
        ),
        (
            "conditions: {x: {all: [local, dnsbl]}}",
            "a.yaml:1: conditions.x: dnsbl: there are no lists to ask; write dnsbl: {zones: ",
        ),
        (
            child("after: {child: archiv, said: accept}"),
            "a.yaml:1: children.a.after: archiv: no such child; known are ",
        ),
        (
            child("after: {child: a, said: accept}"),
            "a.yaml:1: children.a.after: a: a does not stand before a in the chain; write order: ",
        ),
        (
            f"children:\n  {A_AFTER_B}\n  {B}",
            "a.yaml:2: children.a.after: b: b does not stand before a in the chain; write order: [b, a]",
        ),
    ],
)
def test_errors(text: str, error: str) -> None:
    (only,) = errors(text)
    assert only.startswith(error)


def test_every_condition_of_a_cycle_is_told() -> None:
    text = "conditions: {x: {any: [local, y]}, y: {not: x}, z: x}\n" + child("when: [z]")
    assert errors(text) == [
        "a.yaml:1: conditions.x: x > y > x: leads back to itself; take one of the names out",
        "a.yaml:1: conditions.y: y > x > y: leads back to itself; take one of the names out",
    ]


@pytest.mark.parametrize(
    "text",
    [
        child("when: [remote, not local, unauthenticated, calm]"),
        "conditions: {partners: remote}\n" + child("when: [not partners]"),
        "listen: {name: submission, endpoint: 'unix:/run/x'}\n" + child("when: [submission]"),
        "dnsbl: {zones: [a.example]}\n" + child("when: [dnsbl]"),
        f"children:\n  {B}\n  {A_AFTER_B}",
        f"order: [b, a]\nchildren:\n  {A_AFTER_B}\n  {B}",
        child("after: {child: opendkim, said: accept}"),
    ],
)
def test_no_errors(text: str) -> None:
    assert errors(text) == []


PAST = "a sender can keep mail from {} by what he chooses himself: {}; join it by `all` with what"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "conditions: {x: {listener: submision}}\n" + child(""),
            "conditions.x: submision: no listener of the settings, so it must be the FileDescriptorName= ",
        ),
        (
            'conditions: {x: {macro: {"{auth_typ}": a}}}\n' + child(""),
            "conditions.x: {auth_typ}: no macro of Postfix or Sendmail that mmx knows; it is asked ",
        ),
        (
            child("when: [trusted_domain]", "milter-greylist"),
            "children.milter-greylist.when: trusted_domain: no domain is trusted: it never holds; write ",
        ),
        (
            child("when: [remote], recipients: matching"),
            "children.a.recipients: matching: nothing in `when` is about a recipient, so the child sees all",
        ),
        (
            child("after: {child: opendkim, said: accept}"),
            "children.a.after: opendkim: opendkim is not installed, so a does not wait for what it says",
        ),
        (child("when: [remote, s25r]"), "children.a.when: remote, s25r: " + PAST.format("a", "s25r")),
        (
            child("when: [calm]", "clamav-milter"),
            "children.clamav-milter.when: calm: " + PAST.format("clamav-milter", "calm"),
        ),
        (
            child("when: [calm]", "opendmarc"),
            "children.opendmarc.when: calm: " + PAST.format("opendmarc", "calm"),
        ),
        (
            "conditions: {x: {sender_domain: b}}\n" + child("when: [not x]", "clamav-milter@b"),
            "children.clamav-milter@b.when: not x: " + PAST.format("clamav-milter@b", "sender_domain"),
        ),
    ],
)
def test_warnings(text: str, warning: str) -> None:
    (only,) = warnings(QUIET + text)
    assert only.partition(": ")[2].startswith(warning)


@pytest.mark.parametrize(
    "text",
    [
        child("when: [s25r, calm]", "milter-greylist"),  # harms nobody who is not greylisted
        child("", "milter-greylist"),
        child("", "opendmarc"),
        child("", "pyspf-milter"),
        child("when: [unauthenticated, remote]"),
        "conditions: {x: {recipient: b@c}}\n" + child("when: [x], recipients: matching"),
        "conditions: {x: {client: 192.0.2.0/24, sender_domain: b}}\n" + child("when: [not x]"),
    ],
)
def test_no_warnings(text: str) -> None:
    assert warnings(QUIET + text) == []


def test_a_child_that_is_switched_off_says_nothing() -> None:
    text = (
        f"b: {{endpoint: 'unix:/run/b', enabled: no}}, a: {{{ENDPOINT}, after: {{child: b, said: accept}}}}"
    )
    assert warnings(QUIET + f"children: {{{text}}}") == [
        "a.yaml:2: children.a.after: b: b is not in the chain, so a does not wait for what it says"
    ]
