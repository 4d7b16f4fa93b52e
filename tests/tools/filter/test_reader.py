"""Scripts of `mmx filter` as YAML."""

import re
from pathlib import Path

import pytest

from mmx.errors import Problem, SettingsError
from mmx.settings.section import Findings
from mmx.tools.filter.reader import STAGES, parse_script, read_script
from mmx.tools.filter.script import EVENTS, KNOWN_FROM, Script
from mmx.tools.filter.steps import _VALUED, _WORDS
from mmx.wire import command, option


def parse(text: str) -> tuple[Script, tuple[Problem, ...]]:
    return parse_script(text.encode(), Findings("s.yaml"))


def complaints(text: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        parse(text)
    return str(refused.value).splitlines()


def test_an_empty_script_lets_everything_pass() -> None:
    script, warnings = parse("")
    assert script == Script()
    assert not warnings


def test_a_whole_script() -> None:
    script, warnings = parse("""\
negotiate:
  version: 4
  actions: [ADDHDRS, CHGBODY]
  steps: [NOUNKNOWN, NR_HDR]
  macros: {mail: [i, "{auth_type}"], eom: []}
  beyond_offer: yes
rules:
  - at: [mail, rcpt]
    when: {client: "*.example.net", helo: a.b, sender: ["<>", "ann@*"], session: 1, message: [2, 3]}
    do: tempfail
  - at: rcpt
    when: {nth: 2, recipient: "<bob@example.org>"}
    do: reject
  - at: eom
    when: {header: {Subject: "*casino*", X-Spam: [yes-sir, maybe]}, word: casino}
    do: {add_header: {name: X, value: b}}
""")
    assert not warnings
    negotiation = script.negotiation
    assert (negotiation.version, negotiation.actions) == (4, option.ADDHDRS | option.CHGBODY)
    assert (negotiation.steps, negotiation.beyond_offer) == (option.NOUNKNOWN | option.NR_HDR, True)
    assert negotiation.macros == {option.STAGE_MAIL: (b"i", b"{auth_type}"), option.STAGE_EOM: ()}
    first, second, third = script.rules
    assert (first.number, first.line) == (1, 8)
    assert first.events == {command.MAIL, command.RCPT}
    assert [test.subject for test in first.tests] == ["client", "helo", "sender"]
    assert first.tests[2].patterns.find(b"") == b""
    assert (first.sessions, first.messages, first.nth) == ((1,), (2, 3), ())
    assert second.nth == (2,)
    assert second.tests[0].patterns.find(b"bob@example.org")
    assert [(test.subject, test.name) for test in third.tests] == [
        ("word", b""),
        ("header", b"subject"),
        ("header", b"x-spam"),
    ]


def test_stages_are_those_of_the_protocol() -> None:
    assert STAGES.index("eoh") == option.STAGE_EOH
    assert STAGES.index("eom") == option.STAGE_EOM


def test_what_the_rules_need_is_negotiated_unless_the_script_says_otherwise() -> None:
    rules = """\
rules:
  - {at: eom, do: {add_header: {name: X, value: b}, quarantine: why, change_sender: "<>"}}
  - {at: body, do: skip}
"""
    script, warnings = parse(rules)
    assert not warnings
    assert script.negotiation.actions == option.ADDHDRS | option.QUARANTINE | option.CHGFROM
    assert script.negotiation.steps == option.SKIP
    script, warnings = parse(f"{rules}negotiate: {{actions: [ADDHDRS], steps: none}}")
    assert script.negotiation.actions == option.ADDHDRS
    assert [str(warning) for warning in warnings] == [
        "s.yaml:4: negotiate.actions: the rules need QUARANTINE, CHGFROM, which is not negotiated",
        "s.yaml:4: negotiate.steps: the rules need SKIP, which is not negotiated",
    ]


def test_all_and_none() -> None:
    negotiation = parse("negotiate: {actions: all, steps: none}")[0].negotiation
    assert (negotiation.actions, negotiation.steps) == (option.ALL_ACTIONS, 0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rules: 5", "s.yaml:1: rules: 5: a list of at most 1000 rules"),
        ("rules: [5]", "s.yaml:1: rules.1: 5: a map is wanted here"),
        ("rules: [{at: rcpt}]", "s.yaml:1: rules.1: do is missing"),
        ("rules: [{do: accept}]", "s.yaml:1: rules.1: at is missing"),
        ("rules: [{at: rctp, do: accept}]", "rules.1.at: rctp: unknown event; did you mean rcpt?"),
        ("rules: [{at: rcpt, do: acept}]", "rules.1.do: acept: unknown step; did you mean accept?"),
        ("rules: [{at: rcpt, do: accept, wen: 1}]", "rules.1.wen: unknown setting; did you mean when?"),
        (
            "rules: [{at: rcpt, when: {sendr: a}, do: accept}]",
            "rules.1.when.sendr: unknown setting; did you mean sender?",
        ),
        (
            "rules: [{at: rcpt, when: {header: {X: b}}, do: accept}]",
            "rules.1.when.header: a map: header can never hold at rcpt; it may at header, eoh, body, eom",
        ),
        ("rules: [{at: connect, when: {message: 1}, do: accept}]", "message can never hold at connect"),
        ("rules: [{at: eom, when: {nth: 1}, do: accept}]", "nth can never hold at eom"),
        ("rules: [{at: rcpt, when: {nth: 0}, do: accept}]", "rules.1.when.nth: 0: out of bounds"),
        ("rules: [{at: eom, when: {header: x}, do: accept}]", "a map of headers is wanted here"),
        ("rulez: []", "s.yaml:1: rulez: unknown setting; did you mean rules?"),
        ("negotiate: {version: six}", "negotiate.version: six: not a whole decimal number"),
        ("negotiate: {actions: [ADDHDR]}", "negotiate.actions: ADDHDR: unknown name; did you mean ADDHDRS?"),
        ("negotiate: {steps: some}", "write [NAME, ...], all or none"),
        (
            "negotiate: {macros: {male: [i]}}",
            "negotiate.macros.male: a list: unknown stage; did you mean mail?",
        ),
        ("negotiate: {macros: {mail: [ix]}}", "no macro name"),
        ("negotiate: {vers: 6}", "negotiate.vers: unknown setting; did you mean version?"),
        ("- a", "not a map of settings"),
        ("rules: [", "s.yaml:"),
    ],
)
def test_a_mistake(text: str, complaint: str) -> None:
    told = complaints(text)
    assert len(told) == 1
    assert complaint in told[0]


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    told = complaints("""\
rules:
  - at: rctp
    do: accept
  - at: eom
    do:
      - bounce
      - {delay: 5}
negotiate:
  version: six
""")
    assert [line.split(": ")[:2] for line in told] == [
        ["s.yaml:2", "rules.1.at"],
        ["s.yaml:6", "rules.2.do"],
        ["s.yaml:7", "rules.2.do.delay"],
        ["s.yaml:9", "negotiate.version"],
    ]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read it: No such file or directory; name a file"):
        read_script(tmp_path / "none.yaml")


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("rules: [{at: eom, do: reject}]")
    assert len(read_script(path)[0].rules) == 1


DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "reference/filter-script.md").read_text()
HOW_TO = (DOCS / "how-to/write-a-milter-for-a-test.md").read_text()


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", REFERENCE + HOW_TO, re.DOTALL))
def test_scripts_of_the_pages_are_valid(text: str) -> None:
    script, warnings = parse(text)
    assert script.rules
    assert not warnings


@pytest.mark.parametrize(
    "word", [*EVENTS, *KNOWN_FROM, *_WORDS, *_VALUED, *STAGES, "message", "session", "nth"]
)
def test_the_page_has_every_word(word: str) -> None:
    assert re.search(rf"`{word}[`:]", REFERENCE)
