import pytest

from mmx.settings.build import build
from mmx.settings.document import read_document
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint
from mmx.settings.model import (
    Action,
    After,
    ChildSettings,
    Condition,
    Content,
    DefaultAction,
    DnsblSettings,
    HeldSettings,
    Limits,
    Listener,
    LogFormat,
    LogLevel,
    LogSettings,
    LogTarget,
    Macros,
    MetricsSettings,
    Mode,
    Pipelining,
    Recipients,
    S25rSettings,
    Settings,
    StatusSettings,
)
from mmx.settings.section import Findings


def read(text: str) -> tuple[Settings, Findings]:
    table, problems = read_document("a.yaml", text.encode())
    assert problems == []
    findings = Findings("a.yaml")
    return build(table, findings), findings


def good(text: str) -> Settings:
    settings, findings = read(text)
    assert findings.problems == []
    return settings


def bad(text: str) -> list[str]:
    return [str(problem) for problem in read(text)[1].problems]


def child(text: str) -> ChildSettings:
    (only,) = good(f"children: {{x: {text}}}").children
    return only


def test_an_empty_file_is_the_defaults() -> None:
    settings, findings = read("")
    assert settings == Settings()
    assert set(findings.origins.values()) == {"default"}


EVERY_KEY = """
listen:
  - unix:/run/mmx/mmx.sock
  - {name: submission, endpoint: "inet:127.0.0.1:7000"}
socket_mode: "0600"
socket_group: null
default_action: reject
connect_timeout: 1s
command_timeout: 2s
content_timeout: 3s
detect: no
detect_interval: 0s
children:
  milter-greylist:
  archive:
    endpoint: inet:2525@localhost
    enabled: no
    mode: observe
    content: original
    default_action: {unreachable: accept, died: quarantine}
    connect_timeout: 4s
    command_timeout: 5s
    content_timeout: 6s
    pipelining: yes
    when: [remote, "not local"]
    max_size: 10MiB
    macros: {"{auth_type}": "PLAIN"}
    recipients: matching
    verdicts: {quarantine: accept}
    after: {child: milter-greylist, said: [continue, accept]}
conditions:
  partners: {client: 192.0.2.0/24}
local_networks: [10.0.0.0/8, "[2001:db8::]/32"]
s25r: {allow: [.example.com], deny: [.example.net]}
trusted_domains: [example.org]
stressed_above: 90%
dnsbl: {zones: [list.example.org], timeout: 1s}
order: [archive, milter-greylist]
limits:
  message_timeout: 1m
  idle_timeout: 2m
  progress_interval: 3s
  foreign_event_timeout: 4s
  drain_timeout: 5s
  max_frame: 1MiB
  message_memory: 2MiB
  max_spool: 3MiB
  max_edits: 4MiB
  output_high_water: 5MiB
  max_observations: 8
  max_sessions: 6
  backlog: 7
spool_directory: /tmp/spool
control_socket: /run/other/control.sock
mta_macros: {connect: [j], helo: null}
metrics:
  {listen: "127.0.0.1:9", hosts: [a.example], max_connections: 3, request_timeout: 2s, idle_timeout: 3s}
name_in_reply: yes
children_header: X-Mmx-Children
log: {format: json, level: debug, to: syslog}
status: {addresses: yes, slow_after: 2s}
held: {ledger: /tmp/held.jsonl, keep: 7d, max_size: 1MiB}
"""


ARCHIVE = ChildSettings(
    name="archive",
    endpoint=InetEndpoint("localhost", 2525),
    enabled=False,
    mode=Mode.OBSERVE,
    content=Content.ORIGINAL,
    default_action=DefaultAction(Action.ACCEPT, Action.QUARANTINE),
    connect_timeout=4,
    command_timeout=5,
    content_timeout=6,
    pipelining=Pipelining.YES,
    when=("remote", "not local"),
    max_size=10 << 20,
    macros=(("{auth_type}", "PLAIN"),),
    recipients=Recipients.MATCHING,
    verdicts=(("quarantine", "accept"),),
    after=After("milter-greylist", ("continue", "accept")),
)


def test_every_key_is_read() -> None:
    reject = DefaultAction(Action.REJECT, Action.REJECT)
    assert good(EVERY_KEY) == Settings(
        listeners=(
            Listener("unix:/run/mmx/mmx.sock", UnixEndpoint("/run/mmx/mmx.sock")),
            Listener("submission", InetEndpoint("127.0.0.1", 7000)),
        ),
        socket_mode=0o600,
        socket_group=None,
        default_action=reject,
        connect_timeout=1,
        command_timeout=2,
        content_timeout=3,
        detect=False,
        detect_interval=0,
        children=(
            ARCHIVE,
            ChildSettings(
                "milter-greylist",
                None,
                True,
                default_action=reject,
                connect_timeout=1,
                command_timeout=2,
                content_timeout=3,
                pipelining=Pipelining.YES,
                when=("remote", "unauthenticated", "s25r"),
            ),
        ),
        conditions=(("partners", Condition("client", ("192.0.2.0/24",))),),
        local_networks=("10.0.0.0/8", "2001:db8::/32"),
        s25r=S25rSettings((".example.com",), (".example.net",)),
        trusted_domains=("example.org",),
        stressed_above=90,
        dnsbl=DnsblSettings(("list.example.org",), 1),
        order=("archive", "milter-greylist"),
        limits=Limits(60, 120, 3, 4, 5, 1 << 20, 2 << 20, 3 << 20, 4 << 20, 5 << 20, 8, 6, 7),
        spool_directory="/tmp/spool",
        control_socket="/run/other/control.sock",
        mta_macros=Macros(connect=("j",)),
        metrics=MetricsSettings(InetEndpoint("127.0.0.1", 9), ("a.example",), 3, 2.0, 3.0),
        name_in_reply=True,
        children_header="X-Mmx-Children",
        log=LogSettings(LogFormat.JSON, LogLevel.DEBUG, LogTarget.SYSLOG),
        status=StatusSettings(addresses=True, slow_after=2.0),
        held=HeldSettings("/tmp/held.jsonl", keep=7 * 86400.0, max_size=1 << 20),
    )


@pytest.mark.parametrize("path", ["held.jsonl", "/var/lib/mmx/"])
def test_the_ledger_is_an_absolute_path_of_a_file(path: str) -> None:
    (problem,) = bad(f"held: {{ledger: {path}}}")
    assert problem.startswith(f"a.yaml:1: held.ledger: {path}: ")
    assert good("held: {ledger: null}").held.ledger is None


def test_every_key_of_the_file_above_has_its_line_as_origin() -> None:
    origins = read(EVERY_KEY)[1].origins
    defaults = {key for key, origin in origins.items() if origin == "default"}
    assert all(key.startswith(("children.milter-greylist.", "mta_macros.")) for key in defaults)
    assert origins["children.milter-greylist.when"] == "default for milter-greylist"
    assert origins["children.archive.verdicts"] == "a.yaml:29"
    assert origins["children.milter-greylist.connect_timeout"] == "connect_timeout"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("unix:/run/a", ["unix:/run/a"]),
        ("{name: a, endpoint: 'unix:/run/a'}", ["a"]),
        ("[local:/run/a, {name: b, endpoint: 'unix:/run/b'}]", ["unix:/run/a", "b"]),
    ],
)
def test_listeners(text: str, names: list[str]) -> None:
    assert [listener.name for listener in good(f"listen: {text}").listeners] == names


@pytest.mark.parametrize(
    ("above", "own", "action"),
    [
        ("", "", (Action.TEMPFAIL, Action.TEMPFAIL)),
        ("default_action: accept", "", (Action.ACCEPT, Action.ACCEPT)),
        ("default_action: {unreachable: accept}", "", (Action.ACCEPT, Action.TEMPFAIL)),
        ("default_action: accept", "default_action: {died: shutdown}", (Action.ACCEPT, Action.SHUTDOWN)),
        ("default_action: accept", "default_action: reject", (Action.REJECT, Action.REJECT)),
        ("default_action: accept", "default_action: {}", (Action.ACCEPT, Action.ACCEPT)),
    ],
)
def test_default_actions_are_inherited_one_by_one(
    above: str, own: str, action: tuple[Action, Action]
) -> None:
    (only,) = good(f"{above}\nchildren: {{x: {{{own}}}}}").children
    assert only.default_action == DefaultAction(*action)


@pytest.mark.parametrize(
    ("text", "macros"),
    [
        ("mta_macros: null", Macros()),
        ("mta_macros: {}", Macros()),
        ("mta_macros: {connect: null, helo: [i]}", Macros(helo=("i",))),
    ],
)
def test_macros_of_the_mta(text: str, macros: Macros) -> None:
    assert good(text).mta_macros == macros


def test_null_for_all_macros_is_the_origin_of_each() -> None:
    assert read("mta_macros: null")[1].origins["mta_macros.data"] == "a.yaml:1"


def test_a_child_alone_has_the_defaults() -> None:
    assert child("") == child("{}") == ChildSettings("x")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lisen: x", "a.yaml:1: lisen: unknown setting; did you mean listen?"),
        ("listen: []", "a.yaml:1: listen: a list: an empty list; write at least one value"),
        (
            "listen: {nam: x, endpoint: 'unix:/a'}",
            'a.yaml:1: listen: a map: not a listener; write "ENDPOINT" or {name: NAME, endpoint: "ENDPOINT"}',
        ),
        (
            "limits: {backlog: 0}",
            "a.yaml:1: limits.backlog: 0: out of bounds; write a number from 1 to 1000000",
        ),
        ("limits: {back_log: 9}", "a.yaml:1: limits.back_log: unknown setting; did you mean backlog?"),
        (
            "children_header: Received",
            (
                "a.yaml:1: children_header: Received: no header name for mmx; "
                "write one that begins with X-, such as X-Mmx-Children"
            ),
        ),
        (
            "log: {format: text}",
            "a.yaml:1: log.format: text: not a word for this; write one of plain, journal, json",
        ),
        (
            "default_action: [accept]",
            "a.yaml:1: default_action: a list: a map is wanted here; write KEY: VALUE",
        ),
        (
            "default_action: discard",
            "a.yaml:1: default_action: discard: not a word for this; write one of accept,",
        ),
        (
            "default_action: {die: accept}",
            "a.yaml:1: default_action.die: unknown setting; did you mean died?",
        ),
        ("default_action:", "a.yaml:1: default_action: the value is missing; write one, or remove the key"),
        (
            "children: {x: {endpont: x}}",
            "a.yaml:1: children.x.endpont: unknown setting; did you mean endpoint?",
        ),
        ("children: {x: 'unix:/a'}", "a.yaml:1: children.x: unix:/a: a map is wanted here; write KEY: VALUE"),
        ("children: {a b: {}}", "a.yaml:1: children.a b: not usable as a name; use 1 to 64 letters, digits"),
        (
            "children: {x: {verdicts: {hold: accept}}}",
            "a.yaml:1: children.x.verdicts.hold: accept: hold is no verdict;",
        ),
        (
            "children: {x: {verdicts: {reject: ok}}}",
            "a.yaml:1: children.x.verdicts.reject: ok: no verdict; write one of",
        ),
        (
            "children: {x: {verdicts: accept}}",
            "a.yaml:1: children.x.verdicts: accept: a map of verdicts is wanted",
        ),
        (
            "conditions: {x: {any: [b, not local], helo: y}, a: x}",
            "a.yaml:1: conditions.x.any: b: no such condition; known are a, authenticated",
        ),
        ("s25r: {allow: [/x/]}", "a.yaml:1: s25r.allow: /x/: looks like a regular expression; write a name"),
        ("trusted_domains: [a@b]", "a.yaml:1: trusted_domains: a@b: an address, where a name is wanted;"),
        ("stressed_above: 80", "a.yaml:1: stressed_above: 80: YAML reads this as int; put it in quotes"),
        ("dnsbl: {zones: [a]}", "a.yaml:1: dnsbl.zones: a: no DNS zone; write"),
        ("local_networks: [10.0.0.1/8]", "a.yaml:1: local_networks: 10.0.0.1/8: no network: "),
        (
            "conditions: {x: {any: [{helo: 1}]}}",
            "a.yaml:1: conditions.x.any.helo: 1: YAML reads this as int; put it",
        ),
    ],
)
def test_problems(text: str, problem: str) -> None:
    (only,) = bad(text)
    assert only.startswith(problem)


def test_all_problems_are_told_at_once() -> None:
    assert (
        len(bad("socket_mode: 0660\nlimits: {backlog: x, max_frame: 1}\nchildren: {a: {mode: x}, b: {y: 1}}"))
        == 5
    )
