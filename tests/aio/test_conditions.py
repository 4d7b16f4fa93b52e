"""From the conditions of the settings to those that the core asks."""

from pathlib import Path

import pytest

from mmx.aio.conditions import NO_NETWORKS, Compiler, LocalNetworks
from mmx.core.condition import Condition, Facts, Point, Truth, decide
from mmx.observe.tally import condition_of
from mmx.settings.build import build
from mmx.settings.checks import check
from mmx.settings.document import read_document
from mmx.settings.model import Settings
from mmx.settings.section import Findings
from mmx.settings.tables import read_tables
from mmx.wire import option
from mmx.wire.payload import Connection

YES, NO, OPEN, UNKNOWN = Truth.YES, Truth.NO, Truth.OPEN, Truth.UNKNOWN

MAIL = Facts(
    Point.EOM,
    listener="submission",
    client=Connection(b"mail.example.com", b"4", 25, b"192.0.2.7"),
    helo=b"mail.example.com",
    macros={b"auth_type": b"PLAIN", b"j": b"mx.example.org"},
    sent_macros=frozenset({b"auth_type", b"j"}),
    sender=b"<ann@example.com>",
    recipients=[b"<bob@example.org>", b"<eve@example.net>"],
    headers=[(b"Subject", b" hello")],
    size=1000,
)


def settings_of(text: str) -> Settings:
    table, problems = read_document("a.yaml", text.encode())
    findings = Findings("a.yaml")
    settings = read_tables(build(table, findings), findings)
    check(settings, findings)
    assert problems + findings.problems == []
    return settings


def compiled(text: str, *words: str, local: LocalNetworks = NO_NETWORKS) -> Condition:
    condition = Compiler(settings_of(text), local).when(words or ("x",))
    assert condition is not None
    return condition


@pytest.mark.parametrize(
    ("tests", "truth"),
    [
        ("{client: [198.51.100.0/24, 192.0.2.0/24]}", YES),
        ("{client: '[2001:db8::]/32'}", NO),
        ("{client_name: .example.com}", YES),
        ("{client_name: example.com}", NO),
        ("{helo: 'mail*'}", YES),
        ("{sender: ann@example.com}", YES),
        ("{sender: '*@example.com'}", YES),
        ("{sender: <>}", NO),
        ("{sender_domain: [example.org, Example.COM]}", YES),
        ("{recipient: bob@example.org}", YES),
        ("{recipient: bob@example.com}", NO),
        ("{recipient_domain: .org}", YES),
        ("{recipient_domain: [example.org], not: {recipient: 'bob*'}}", NO),
        ("{every_recipient: '*@*'}", YES),
        ("{every_recipient_domain: example.org}", NO),
        ("{listener: [smtp, submission]}", YES),
        ("{listener: smtp}", NO),
        ("{size_above: 999B}", YES),
        ("{size_above: 1000B}", NO),
        ("{header: {subject: 'h*o'}}", YES),
        ("{header: {subject: 'h*o', to: '*'}}", NO),
        ('{macro: {"{auth_type}": plain, j: "*.example.org"}}', YES),
        ('{macro: {"{auth_type}": login}}', NO),
        ('{macro: {"{daemon_name}": "*"}}', UNKNOWN),
        ("{dnsbl: list.example}", OPEN),
        ("authenticated", YES),
        ("unauthenticated", NO),
        ("local", NO),
        ("remote", YES),
        ("s25r", NO),
        ("stressed", NO),
        ("calm", YES),
        ("trusted_domain", NO),
        ('"not authenticated"', NO),
        ("{all: [remote, {any: [local, authenticated]}]}", YES),
        ("{any: [local, {not: remote}]}", NO),
        ("{any: [local]}", NO),
        ("submission", YES),
        ("other", YES),
    ],
)
def test_tests(tests: str, truth: Truth) -> None:
    text = "listen: {name: submission, endpoint: 'unix:/run/x'}\nconditions:\n  other: remote\n  x: "
    assert decide(compiled(text + tests), MAIL)[0] is truth


def test_every_recipient_has_its_own_answer() -> None:
    condition = compiled("conditions: {x: {recipient_domain: example.org}}", "not x")
    assert condition.per_recipient
    assert condition.truth(MAIL, b"<bob@example.org>") is NO
    assert condition.truth(MAIL, b"<eve@example.net>") is YES


def test_the_reason_names_the_condition() -> None:
    text = "conditions: {partners: {client: 192.0.2.0/24}}"
    assert decide(compiled(text, "remote", "not partners"), MAIL) == (
        NO,
        "not (partners: client: 192.0.2.7 is in 192.0.2.0/24)",
    )
    assert decide(compiled("", "s25r"), MAIL) == (NO, "s25r: mail.example.com satisfies no rule")


def test_nothing_said_is_no_condition() -> None:
    assert Compiler(Settings(), NO_NETWORKS).when(()) is None
    assert Compiler(Settings(), NO_NETWORKS).trusted_domain() is None


def test_trusted_domains() -> None:
    settings = settings_of("trusted_domains: [.example.org, example.com]")
    condition = Compiler(settings, NO_NETWORKS).trusted_domain()
    assert condition is not None
    assert condition.truth(MAIL, None) is YES
    assert condition.truth(Facts(Point.MAIL, sender=b"<a@example.org>"), None) is NO
    assert compiled("trusted_domains: [example.com]", "trusted_domain").truth(MAIL, None) is YES


def test_lists_of_s25r() -> None:
    assert compiled("s25r: {deny: [.example.com]}", "s25r").truth(MAIL, None) is YES
    assert compiled("s25r: {deny: [.example.com], allow: ['mail*']}", "s25r").truth(MAIL, None) is NO


LISTED = LocalNetworks((("192.0.2.7/32", False), ("192.0.2.0/24", True)))


@pytest.mark.parametrize(
    ("text", "local", "truth"),
    [
        ("", NO_NETWORKS, NO),
        ("", LocalNetworks((("192.0.2.0/24", True),)), YES),
        ("", LISTED, NO),
        ("", LocalNetworks((), unread=("x",)), UNKNOWN),
        ("local_networks: [192.0.2.0/24]", NO_NETWORKS, YES),
        ("local_networks: []", LocalNetworks((("192.0.2.0/24", True),), unread=("x",)), NO),
    ],
)
def test_local_networks(text: str, local: LocalNetworks, truth: Truth) -> None:
    assert compiled(text, "local", local=local).truth(MAIL, None) is truth
    assert compiled(text, "not remote", local=local).truth(MAIL, None) is truth


def test_tables_in_files(tmp_path: Path) -> None:
    networks, domains = tmp_path / "networks", tmp_path / "domains"
    networks.write_text("192.0.2.7 DUNNO\n192.0.0.0/16 OK\n")
    domains.write_text(".example.org\nexample.com\n")
    for tests, truth in (
        (f"{{client: 'file:{networks}'}}", NO),
        (f"{{client: ['file:{networks}', 192.0.2.0/30]}}", NO),
        (f"{{client: ['file:{networks}', 192.0.2.0/29]}}", YES),  # an exception concerns its file alone
        (f"{{sender_domain: 'file:{domains}'}}", YES),
        (f"{{recipient_domain: [a.example, 'file:{domains}']}}", NO),
    ):
        assert decide(compiled(f"conditions: {{x: {tests}}}"), MAIL)[0] is truth


@pytest.mark.parametrize(
    "sender", ["<a@müller.example>", "<a@xn--mller-kva.example>", "<A@XN--mller-kva.example>"]
)
def test_a_domain_outside_ascii_has_two_forms(sender: str) -> None:
    facts = Facts(Point.MAIL, sender=sender.encode())
    assert compiled("conditions: {x: {sender_domain: müller.example}}").truth(facts, None) is YES
    assert compiled('conditions: {x: {sender: "*@müller.example"}}').truth(facts, None) is YES
    assert compiled("conditions: {x: {sender_domain: MÜLLER.Example}}").truth(facts, None) is YES


@pytest.mark.parametrize(
    ("text", "words", "stages"),
    [
        ("", ("local", "stressed", "trusted_domain"), {}),
        ("", ("authenticated",), {option.STAGE_MAIL: (b"{auth_type}", b"{auth_authen}")}),
        (
            "",
            ("not unauthenticated", "s25r"),
            {
                option.STAGE_CONNECT: (b"{client_resolve}",),
                option.STAGE_MAIL: (b"{auth_type}", b"{auth_authen}"),
            },
        ),
        ("conditions: {x: {client_name: a.b}}", ("x",), {option.STAGE_CONNECT: (b"{client_resolve}",)}),
        ("conditions: {x: {client_name: a.b}}", (), {}),
        (
            'conditions: {x: {any: [y, {macro: {"{tls_version}": "*", "{msg_id}": a}}]}, y: {macro: {j: a}}}',
            ("not x",),
            {
                option.STAGE_CONNECT: (b"j",),
                option.STAGE_HELO: (b"{tls_version}",),
                option.STAGE_EOM: (b"{msg_id}",),
            },
        ),
        ('conditions: {x: {macro: {"{other}": a}}}', ("x",), {option.STAGE_MAIL: (b"{other}",)}),
    ],
)
def test_macros_that_are_needed(
    text: str, words: tuple[str, ...], stages: dict[int, tuple[bytes, ...]]
) -> None:
    assert Compiler(settings_of(text), NO_NETWORKS).macros(words) == stages


@pytest.mark.parametrize(
    ("words", "zones"),
    [
        ((), ()),
        (("remote",), ()),
        (("dnsbl",), ("a.example", "b.example=127.0.0.2")),
        (("not x", "dnsbl"), ("c.example", "a.example", "b.example=127.0.0.2")),
        (("x",), ("c.example", "a.example")),
    ],
)
def test_lists_that_are_asked(words: tuple[str, ...], zones: tuple[str, ...]) -> None:
    text = (
        "dnsbl: {zones: [a.example, 'b.example=127.0.0.2']}\nconditions: {x: {dnsbl: [c.example, a.example]}}"
    )
    assert Compiler(settings_of(text), NO_NETWORKS).dns_lists(words) == zones


CHANGES = "trusted_domains: [a.b]\ndnsbl: {zones: [a.example]}\nconditions: {x: {helo: a}, y: x}\n"


@pytest.mark.parametrize(
    ("words", "change", "same"),
    [
        (("remote",), "", True),
        (("remote",), "local_networks: [10.0.0.0/8]", False),
        (("s25r",), "local_networks: [10.0.0.0/8]", True),
        (("s25r",), "s25r: {allow: [a.b]}", False),
        (("y",), "conditions: {x: {helo: b}, y: x}", False),
        (("remote",), "conditions: {x: {helo: b}, y: x}", True),
        (("trusted_domain",), "trusted_domains: [c.d]", False),
        (("dnsbl",), "dnsbl: {zones: [b.example]}", False),
    ],
)
def test_two_conditions_are_equal_if_their_settings_are(
    words: tuple[str, ...], change: str, same: bool
) -> None:
    kept = [line for line in CHANGES.splitlines() if line.partition(":")[0] != change.partition(":")[0]]
    before, after = compiled(CHANGES, *words), compiled("\n".join([*kept, change]), *words)
    assert (before == after) is same


def test_a_table_that_changes_makes_another_condition(tmp_path: Path) -> None:
    file = tmp_path / "names"
    text = f"conditions: {{x: {{helo: 'file:{file}'}}}}"
    file.write_text("a\n")
    before = compiled(text)
    assert before == compiled(text)
    file.write_text("b\n")
    assert before != compiled(text)


@pytest.mark.parametrize("no", ["", "not "])
@pytest.mark.parametrize(
    "word",
    [
        *("authenticated", "unauthenticated", "local", "remote", "s25r", "trusted_domain"),
        *("stressed", "calm"),
        *("dnsbl", "partners", "submission"),
    ],
)
def test_the_counters_understand_which_condition_decided(word: str, no: str) -> None:
    settings = "{listen: [{name: submission, endpoint: 'unix:/s'}], dnsbl: {zones: [a.example]}, "
    settings += "trusted_domains: [example.com], conditions: {partners: {client: [192.0.2.0/24]}}}"
    condition = compiled(settings, no + word)
    assert condition_of(condition.why(Facts(point=Point.EOM), None)) == condition_of(no + word)
