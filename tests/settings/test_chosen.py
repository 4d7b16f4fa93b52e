"""What a sender can choose, and whether that is enough to keep his mail from a child."""

import pytest

from mmx.settings.build import build
from mmx.settings.chosen import OF_A_STRANGER, ways_past
from mmx.settings.condition_walk import own_conditions, when_condition
from mmx.settings.conditions import KINDS, SHIPPED
from mmx.settings.document import read_document
from mmx.settings.model import Settings, TableFile
from mmx.settings.section import Findings


def settings_of(tests: str) -> Settings:
    table, problems = read_document("a.yaml", f"conditions:\n  x: {tests}".encode())
    findings = Findings("a.yaml")
    settings = build(table, findings)
    assert problems + findings.problems == []
    return settings


def ways(tests: str, *words: str, tables: tuple[TableFile, ...] = ()) -> tuple[str, ...]:
    return ways_past(when_condition(words), own_conditions(settings_of(tests)), tables)


def test_every_test_is_judged() -> None:
    assert OF_A_STRANGER.keys() == (SHIPPED | KINDS.keys() | {"header", "size_above", "listener"}) - {
        "client_name"
    }


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ((), ()),
        (("unauthenticated",), ()),
        (("not authenticated",), ()),
        (("remote",), ()),
        (("not local", "unauthenticated"), ()),
        (("not dnsbl",), ()),
        (("dnsbl",), ()),
        (("authenticated",), ()),
        (("remote", "unauthenticated", "s25r"), ("s25r",)),
        (("local", "s25r"), ()),  # a stranger is never local, whatever he does
        (("not trusted_domain",), ("trusted_domain",)),
        (("calm",), ("calm",)),
        (("not stressed",), ("stressed",)),
        (("unauthenticated", "not stressed", "s25r"), ("s25r", "stressed")),
    ],
)
def test_shipped_conditions(words: tuple[str, ...], chosen: tuple[str, ...]) -> None:
    assert ways("remote", *words) == chosen


@pytest.mark.parametrize(
    ("tests", "chosen"),
    [
        ("{client: 192.0.2.0/24}", ()),
        ("{sender_domain: example.com}", ("sender_domain",)),
        ("{any: [{client: 192.0.2.0/24}, {sender_domain: example.com}]}", ("sender_domain",)),
        ("{all: [{client: 192.0.2.0/24}, {sender_domain: example.com}]}", ()),
        ("{client: 192.0.2.0/24, sender: a@b}", ()),
        ("{recipient: a@b}", ()),
        ("{recipient: a@b, sender: c@d}", ("sender",)),
        ("{listener: a, helo: b}", ("helo",)),
        ("{dnsbl: a.example, header: {a: b}}", ("header",)),
        ("{not: {helo: a}}", ("helo",)),
        ("{any: [remote, {helo: a}]}", ()),
        ("{any: [unauthenticated, {helo: a}, {header: {b: c}}]}", ()),
        ("{size_above: 1MiB}", ("size_above",)),
        ('{macro: {"{auth_type}": "*"}}', ()),
        ('{macro: {"{daemon_name}": "*"}}', ()),
        ('{macro: {"{daemon_name}": "*"}, helo: a}', ("helo",)),
        ('{macro: {"{mail_addr}": "*"}}', ("macro",)),
        ('{macro: {"{who_knows}": "*"}}', ("macro",)),
        ("{client_name: mail.example.com}", ()),
        ("{client_name: [.example.com, '*.example.com', 'mx?.example.com']}", ()),
        ("{client_name: .com}", ("client_name",)),
        ("{client_name: '*example.com'}", ("client_name",)),  # anybody can have notexample.com
        ("{client_name: 'mail*'}", ("client_name",)),
        ("{client_name: '*'}", ("client_name",)),
    ],
)
def test_own_conditions_that_keep_mail_from_a_child(tests: str, chosen: tuple[str, ...]) -> None:
    assert ways(tests, "not x") == chosen


def test_names_in_a_file_are_judged_too() -> None:
    tests = "{client_name: 'file:/names'}"
    for names, chosen in ((("a.b", ".c.d"), ()), (("a.b", ".d"), ("client_name",))):
        table = TableFile("domains", "/names", tuple((name, True) for name in names))
        assert ways(tests, "not x", tables=(table,)) == chosen


def test_a_condition_named_again_and_again_is_judged_once() -> None:
    lines = "".join(f"\n  c{n}: {{all: [c{n + 1}, c{n + 1}]}}" for n in range(60))
    assert ways("c0" + lines + "\n  c60: {helo: a}", "not x") == ("helo",)
