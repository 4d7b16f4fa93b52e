import pytest

from mmx.settings.build import build
from mmx.settings.checks import check
from mmx.settings.document import read_document
from mmx.settings.section import Findings

QUIET = "detect: no\n"
UNKNOWN = "neither a milter that mmx knows nor given an endpoint; "
SELF = "this is mmx itself, which listens on unix:/run/a; name the socket of the milter"
TCP = "every local user can talk to a TCP listener, and have mail signed through it; prefer unix:PATH"
ABSENT = "not in the chain: it has no endpoint, and with `detect: no` milters are not looked for"
CHILD = 'a: {endpoint: "unix:/run/a"'


def findings(text: str) -> Findings:
    table, problems = read_document("a.yaml", text.encode())
    found = Findings("a.yaml")
    settings = build(table, found)
    assert problems + found.problems == []
    check(settings, found)
    return found


def errors(text: str) -> list[str]:
    return [str(problem) for problem in findings(text).problems]


def warnings(text: str) -> list[str]:
    found = findings(text)
    assert found.problems == []
    return [str(warning) for warning in found.warnings]


def test_plain_settings_need_no_word() -> None:
    assert warnings(QUIET + f"children: {{{CHILD}}}}}") == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "listen: [unix:/run/a, {name: x, endpoint: 'unix:/var/run/a'}]",
            "a.yaml:1: listen: unix:/var/run/a: the same as unix:/run/a; remove one of the two",
        ),
        (
            "listen: [{name: x, endpoint: 'unix:/run/a'}, {name: x, endpoint: 'unix:/run/b'}]",
            "a.yaml:1: listen: unix:/run/b: the same as x; remove one of the two",
        ),
        (
            "listen: unix:/run/a\nchildren:\n  x:\n    endpoint: local:/var/run/a",
            "a.yaml:4: children.x.endpoint: unix:/var/run/a: " + SELF,
        ),
        (
            "children:\n  archive: {}",
            "a.yaml:2: children.archive: " + UNKNOWN + 'write endpoint: "unix:/PATH" below it',
        ),
        (
            "children:\n  opendkin: {}",
            "a.yaml:2: children.opendkin: " + UNKNOWN + "did you mean opendkim?",
        ),
        ("order: [opendkin]", "a.yaml:1: order: opendkin: no such child; did you mean opendkim?"),
        ("order: [rspamd, rspamd]", "a.yaml:1: order: rspamd: named twice; keep one of the two"),
    ],
)
def test_errors(text: str, problem: str) -> None:
    (only,) = errors(text)
    assert only.startswith(problem)


def test_names_that_are_known() -> None:
    assert errors(f"order: [opendkim, a]\nchildren: {{{CHILD}}}}}") == []


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "listen: inet:127.0.0.1:7000",
            "a.yaml:3: listen: inet:127.0.0.1:7000: " + TCP,
        ),
        (
            'socket_mode: "0662"',
            'a.yaml:3: socket_mode: 0662: every local user can talk to mmx; prefer "0660" and socket_group',
        ),
        (
            "metrics: {listen: '0.0.0.0:9850'}",
            "a.yaml:3: metrics.listen: 0.0.0.0:9850: whoever reaches this address can read metrics",
        ),
    ],
)
def test_warnings(text: str, warning: str) -> None:
    (only,) = warnings(f"detect: no\nchildren: {{{CHILD}}}}}\n{text}")
    assert only.startswith(warning)


def test_an_observed_child_leaves_the_chain() -> None:
    assert warnings(QUIET + f"children: {{{CHILD}, mode: observe}}}}") == [
        "a.yaml:2: children: no child is in the chain; until one is, all mail passes unfiltered",
    ]


def test_a_known_child_without_an_endpoint_is_told_of() -> None:
    told = warnings(QUIET + f"children: {{{CHILD}}}, opendkim: {{}}, rspamd: {{enabled: no}}}}")
    assert told == [f"a.yaml:2: children.opendkim: {ABSENT}"]


def test_two_children_on_one_endpoint() -> None:
    (only,) = warnings(QUIET + f"children:\n  {CHILD}}}\n  b: {{endpoint: 'unix:/var/run/a'}}")
    assert only.startswith("a.yaml:4: children.b.endpoint: unix:/var/run/a: a has the same endpoint, so")


def test_a_key_that_stands_nowhere_has_no_line() -> None:
    (only,) = warnings("")
    assert only == "a.yaml: children: no child is in the chain; until one is, all mail passes unfiltered"
